"""The route table: path patterns of Azure's API with the names of their operations.

Azure uses both ``resourceGroups`` and ``resourcegroups``, and clients add ``azureml:`` to names. So
paths ignore case, and that prefix is removed. The table of operations in the documentation is
generated from this table.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from azureml_local.disk_space import DiskFull, describe, is_disk_full
from azureml_local.errors import AzureError, BadRequest, Defect, NotSupported

Handler = Callable[[Request], Awaitable[Response]]

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = SUBSCRIPTION + "/resourceGroups/{group}"
WORKSPACES = GROUP + "/providers/Microsoft.MachineLearningServices/workspaces"
WORKSPACE = WORKSPACES + "/{workspace}"
REGISTRIES = GROUP + "/providers/Microsoft.MachineLearningServices/registries"
# The base of a registry's assets, which clients get by discovery.
ASSETS_OF_REGISTRY = f"/mferp/managementfrontend{REGISTRIES}/{{registry}}"
ANY = "GET|HEAD|POST|PUT|PATCH|DELETE"
REST = ("blob", "path")
"""Parameters that are the rest of a path and may contain slashes."""
FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff\ufffd]")
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
MAX_LENGTH = 1024


@dataclass(frozen=True)
class Route:
    """An operation: method, path pattern, name and handler."""

    method: str
    pattern: str
    operation: str
    handler: Handler
    regex: re.Pattern[str]
    support: str = "supported"
    note: str = ""


class Routes:
    """The route table; the first matching route handles a request."""

    def __init__(self, data: Path) -> None:
        """Create an empty table.

        Args:
            data: the server's data folder, which errors of a full disk name.
        """
        self.table: list[Route] = []
        self._data = data

    def add(
        self, method: str, pattern: str, operation: str, *, partly: str = ""
    ) -> Callable[[Handler], Handler]:
        """Decorator: register a handler for ``method`` on ``pattern``.

        Args:
            method: one or several, such as ``PUT|PATCH``.
            pattern: a path; ``{name}`` is a segment, ``{name:path}`` the rest of the path.
            operation: its name in the documentation.
            partly: the limits of partial support; empty for full support.
        """
        support = "partly" if partly else "supported"

        def register(handler: Handler) -> Handler:
            regex = _compile(pattern)
            self.table.append(Route(method, pattern, operation, handler, regex, support, partly))
            return handler

        return register

    def refuse(self, pattern: str, operation: str, why: str) -> None:
        """Refuse each method on ``pattern`` with 501 and the operation's name.

        Args:
            pattern: as for :meth:`add`.
            operation: its name in the documentation.
            why: the reason, or what to do instead.
        """

        async def handler(request: Request) -> Response:
            raise NotSupported(f"{operation}: not supported by azureml-local ({why})")

        route = Route(ANY, pattern, operation, handler, _compile(pattern), "refused", why)
        self.table.append(route)

    async def dispatch(self, request: Request, guard: Callable[[Request], None]) -> Response:
        """Handle a request if ``guard`` accepts it; errors are converted to Azure's form here."""
        path = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
        try:
            return await self._handle(request, path, guard)
        except AzureError as error:
            return JSONResponse(error.body(), status_code=error.status)
        except ClientDisconnect:
            return Response(status_code=400)  # the client is gone
        except Exception as error:  # noqa: BLE001 - clients get each error in Azure's form
            if is_disk_full(error):
                full = DiskFull(describe(self._data))
                return JSONResponse(full.body(), full.status, {"x-ms-error-code": full.code})
            traceback.print_exc()  # to the server's log, without headers and query
            defect = Defect(
                f"defect in azureml-local: {request.method} {unquote(path)}; see serve.log"
            )
            return JSONResponse(defect.body(), defect.status, {"x-ms-retry-after-ms": "50"})

    async def _handle(
        self, request: Request, path: str, guard: Callable[[Request], None]
    ) -> Response:
        for route in self.table:
            match = route.regex.fullmatch(path)
            if match is None or request.method not in route.method.split("|"):
                continue
            request.scope["path_params"] = _parameters(match)
            guard(request)
            return await route.handler(request)
        request.scope["path_params"] = {}
        guard(request)
        raise NotSupported(
            f"{request.method} {unquote(path)}: not supported by azureml-local; "
            "`azureml-local operations` lists what is"
        )


def _parameters(match: re.Match[str]) -> dict[str, str]:
    """The decoded parameters of a path.

    Raises:
        BadRequest: a name has forbidden characters; many names become names of folders.
    """
    parameters = {}
    for name, value in match.groupdict().items():
        text = unquote(value, errors="replace").removeprefix("azureml:")
        invalid = CONTROL.search(text) if name in REST else FORBIDDEN.search(text)
        if invalid or (name not in REST and text in ("", ".", "..")):
            raise BadRequest(f"{name}: {text!r} is not valid in an address", target=name)
        if len(text) > MAX_LENGTH:
            raise BadRequest(f"{name}: longer than {MAX_LENGTH} characters")
        parameters[name] = text
    return parameters


def _compile(pattern: str) -> re.Pattern[str]:
    parts = []
    for part in re.split(r"(\{\w+(?::path)?\})", pattern):
        if part.startswith("{"):
            name, _, kind = part[1:-1].partition(":")
            parts.append(f"(?P<{name}>{'.+' if kind else '[^/]+'})")
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts), re.IGNORECASE)
