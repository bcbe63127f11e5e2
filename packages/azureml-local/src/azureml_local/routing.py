"""The route table: Azure's paths, compared as Azure does, each with its operation's name.

Azure mixes ``resourceGroups`` and ``resourcegroups``, and clients put ``azureml:`` before names; so
paths ignore case and that prefix is dropped. The documentation's table of operations is made from
this table.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import AzureError, BadRequest, Defect, NotSupported

Handler = Callable[[Request], Awaitable[Response]]

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = SUBSCRIPTION + "/resourceGroups/{group}"
WORKSPACES = GROUP + "/providers/Microsoft.MachineLearningServices/workspaces"
WORKSPACE = WORKSPACES + "/{workspace}"
REGISTRIES = GROUP + "/providers/Microsoft.MachineLearningServices/registries"
# A registry's assets have an address of their own, which clients are told by discovery.
ASSETS_OF_REGISTRY = f"/mferp/managementfrontend{REGISTRIES}/{{registry}}"
ANY = "GET|HEAD|POST|PUT|PATCH|DELETE"
REST = ("blob", "path")
"""Parameters that are the rest of a path, and may hold slashes."""
FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff\ufffd]")
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
LONGEST = 1024


@dataclass(frozen=True)
class Route:
    """One operation: method, path pattern, its name, and what answers."""

    method: str
    pattern: str
    operation: str
    handler: Handler
    regex: re.Pattern[str]
    support: str = "supported"
    note: str = ""


class Routes:
    """A table that services add to and the server dispatches by; the first match counts."""

    def __init__(self) -> None:
        self.table: list[Route] = []

    def add(
        self, method: str, pattern: str, operation: str, *, partly: str = ""
    ) -> Callable[[Handler], Handler]:
        """Decorator: the handler answers ``method`` on ``pattern``.

        Args:
            method: one or several, ``PUT|PATCH``.
            pattern: a path; ``{name}`` is a segment, ``{name:path}`` all the rest.
            operation: what it is called in the documentation.
            partly: what of it there is not; empty where it is whole.
        """
        support = "partly" if partly else "supported"

        def register(handler: Handler) -> Handler:
            regex = _compile(pattern)
            self.table.append(Route(method, pattern, operation, handler, regex, support, partly))
            return handler

        return register

    def refuse(self, pattern: str, operation: str, why: str) -> None:
        """Answer every method on ``pattern`` with 501 and the operation's name.

        Args:
            pattern: as for :meth:`add`.
            operation: what it is called in the documentation.
            why: what to do instead, or why there is no such thing on one machine.
        """

        async def handler(request: Request) -> Response:
            raise NotSupported(f"{operation}: azureml-local does not have it ({why})")

        route = Route(ANY, pattern, operation, handler, _compile(pattern), "refused", why)
        self.table.append(route)

    async def dispatch(self, request: Request, guard: Callable[[Request], None]) -> Response:
        """Answer a request that ``guard`` lets pass; errors become Azure's form here alone."""
        path = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
        try:
            return await self._answer(request, path, guard)
        except AzureError as error:
            return JSONResponse(error.body(), status_code=error.status)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer in Azure's form
            traceback.print_exc()  # to the server's log, which holds neither header nor query
            defect = Defect(f"a defect of azureml-local at {request.method} {unquote(path)}")
            return JSONResponse(defect.body(), defect.status, {"x-ms-retry-after-ms": "50"})

    async def _answer(
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
            f"azureml-local has no operation {request.method} {unquote(path)}; "
            "docs/azureml-local.md lists those it has"
        )


def _parameters(match: re.Match[str]) -> dict[str, str]:
    """The names in a path, decoded.

    Raises:
        BadRequest: one of them holds what no name may hold: many become names of folders.
    """
    found = {}
    for name, value in match.groupdict().items():
        text = unquote(value, errors="replace").removeprefix("azureml:")
        wrong = CONTROL.search(text) if name in REST else FORBIDDEN.search(text)
        if wrong or (name not in REST and text in ("", ".", "..")):
            raise BadRequest(f"{text!r} is not valid as the {name} in an address", target=name)
        if len(text) > LONGEST:
            raise BadRequest(f"the {name} in the address is longer than {LONGEST} characters")
        found[name] = text
    return found


def _compile(pattern: str) -> re.Pattern[str]:
    parts = []
    for part in re.split(r"(\{\w+(?::path)?\})", pattern):
        if part.startswith("{"):
            name, _, kind = part[1:-1].partition(":")
            parts.append(f"(?P<{name}>{'.+' if kind else '[^/]+'})")
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts), re.IGNORECASE)
