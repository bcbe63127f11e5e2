"""Answers to creations and deletions: done at once, or an operation that the client polls.

The SDK waits 30 s between two looks unless told otherwise on every single answer.
"""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import NotFound
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State, Workspace

POLL = {"x-ms-retry-after-ms": "200"}


class Operations:
    """Operations that are under way; they are gone with the server, and so are their clients."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._running: dict[str, dict[str, Any]] = {}

    def begin(self, workspace: Workspace) -> str:
        """A new operation's id."""
        name = str(uuid.uuid4())
        self._running[name] = {"id": name, "status": "InProgress"}
        return name

    def end(self, name: str, error: dict[str, Any] | None = None) -> None:
        """The operation has come to its end, with an error or without."""
        self._running[name]["status"] = "Failed" if error else "Succeeded"
        if error:
            self._running[name]["error"] = error

    def headers(self, workspace: Workspace, name: str) -> dict[str, str]:
        """What tells a client where to ask for the operation."""
        url = f"{self._state.url}{workspace.path}/operations/{name}"
        return {"Azure-AsyncOperation": url, **POLL}

    def status(self, name: str) -> dict[str, Any]:
        """An operation's document.

        Raises:
            NotFound: there is none of that id.
        """
        if name not in self._running:
            raise NotFound(f"no operation {name}; it belonged to a server that has ended")
        return self._running[name]


def register(routes: Routes, state: State, operations: Operations) -> None:
    """Add the operations of this module."""

    @routes.add("GET", WORKSPACE + "/operations/{name}", "Operations - Get")
    async def get(request: Request) -> Response:
        state.workspace(request)
        return JSONResponse(operations.status(request.path_params["name"]), headers=POLL)
