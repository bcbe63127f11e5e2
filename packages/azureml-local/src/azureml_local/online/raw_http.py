"""Raw HTTP for scoring scripts: ``rawhttp``, ``AMLRequest`` and ``AMLResponse``.

Imported only in a worker process, and only when a script imports them. They are flask's request and
response, as in Azure's inference server.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Request, Response

from azureml_local.scoring.frames import ScoringRequest
from azureml_local.scoring.wsgi import make_environ

_rawHttpRequested = False  # noqa: N816 - Azure's name


def rawhttp(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for ``run``, which then gets the request instead of the body's text."""
    global _rawHttpRequested
    _rawHttpRequested = True
    return function


class AMLRequest(Request):
    """flask's request under Azure's name."""


class AMLResponse(Response):
    """flask's response with Azure's arguments."""

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: dict[str, str] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        """Make a response.

        Args:
            message: the body: text or bytes, or a value that is written as JSON.
            status_code: of the response.
            response_headers: commas separate several values of one header.
            json_str: whether ``message`` is written as JSON.
            run_function_failed: the value of the header ``x-ms-run-function-failed``.
        """
        headers = dict(response_headers or {})
        if message is None or json_str:
            text = json.dumps({} if message is None else message)
            super().__init__(text, status=status_code, mimetype="application/json")
        else:
            super().__init__(message, status=status_code)
            if any(name.lower() == "content-type" for name in headers):
                self.headers.remove("Content-Type")
        self.headers["x-ms-run-function-failed"] = str(run_function_failed)
        for name, value in headers.items():
            for part in str(value).split(","):
                self.headers.add(name, part.strip())


def to_flask_request(request: ScoringRequest) -> AMLRequest:
    """A request as flask's."""
    return AMLRequest(make_environ(request))
