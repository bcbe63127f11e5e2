"""Requests as WSGI: for flask's request in a script, and for Microsoft's inference server."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from azureml_local.scoring.frames import ScoringRequest, ScoringResponse

if TYPE_CHECKING:
    from typing import TypeAlias

Environ: TypeAlias = "dict[str, object]"
"""The WSGI environment of a request: variables of CGI, and those of WSGI, which are objects."""
App: TypeAlias = "Callable[[Environ, Callable[..., Any]], Iterable[bytes]]"


def make_environ(request: ScoringRequest) -> Environ:
    """The WSGI environment of a request."""
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for key, value in request.headers:
        name = key.upper().replace("-", "_")
        if name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = f"HTTP_{name}"
        environ[name] = f"{environ[name]},{value}" if name in environ else value
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return environ


def call_app(app: App, request: ScoringRequest) -> ScoringResponse:
    """The response of a WSGI application."""
    response = ScoringResponse(b"")
    chunks: list[bytes] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[..., Any]:
        response.status = int(status.split(" ")[0])
        response.headers = [[name.lower(), value] for name, value in headers]
        return chunks.append

    result = app(make_environ(request), start_response)
    try:
        chunks.extend(result)
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    response.body = b"".join(chunks)
    return response
