"""The route table: Azure's paths, compared as Azure does, each with its operation's name.

Azure mixes ``resourceGroups`` and ``resourcegroups``, and clients put ``azureml:`` before names; so
paths ignore case and that prefix is dropped. The documentation's table of operations is made from
this table.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import AzureError, NotSupported

Handler = Callable[[Request], Awaitable[Response]]

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = SUBSCRIPTION + "/resourceGroups/{group}"
WORKSPACES = GROUP + "/providers/Microsoft.MachineLearningServices/workspaces"
WORKSPACE = WORKSPACES + "/{workspace}"


@dataclass(frozen=True)
class Route:
    """One operation: method, path pattern, its name, and what answers."""

    method: str
    pattern: str
    operation: str
    handler: Handler
    regex: re.Pattern[str]


class Routes:
    """A table that services add to and the server dispatches by; the first match counts."""

    def __init__(self) -> None:
        self.table: list[Route] = []

    def add(self, method: str, pattern: str, operation: str) -> Callable[[Handler], Handler]:
        """Decorator: the handler answers ``method`` on ``pattern``.

        Args:
            method: one or several, ``PUT|PATCH``.
            pattern: a path; ``{name}`` is a segment, ``{name:path}`` all the rest.
            operation: what it is called in the documentation.
        """

        def register(handler: Handler) -> Handler:
            self.table.append(Route(method, pattern, operation, handler, _compile(pattern)))
            return handler

        return register

    async def dispatch(self, request: Request, guard: Callable[[Request], None]) -> Response:
        """Answer a request that ``guard`` lets pass; errors become Azure's form here alone."""
        path = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
        try:
            guard(request)
            for route in self.table:
                match = route.regex.fullmatch(path)
                if match is None:
                    continue
                if request.method in route.method.split("|"):
                    request.scope["path_params"] = {
                        name: unquote(value).removeprefix("azureml:")
                        for name, value in match.groupdict().items()
                    }
                    return await route.handler(request)
            raise NotSupported(
                f"azureml-local has no operation {request.method} {unquote(path)}; "
                "docs/azureml-local.md lists those it has"
            )
        except AzureError as error:
            return JSONResponse(error.body(), status_code=error.status)


def _compile(pattern: str) -> re.Pattern[str]:
    parts = []
    for part in re.split(r"(\{\w+(?::path)?\})", pattern):
        if part.startswith("{"):
            name, _, kind = part[1:-1].partition(":")
            parts.append(f"(?P<{name}>{'.+' if kind else '[^/]+'})")
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts), re.IGNORECASE)
