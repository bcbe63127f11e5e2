"""Answers to creations and deletions: done at once, or an operation that the client polls.

The SDK waits 30 s between two looks unless told otherwise on every single answer.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import NotFound
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State, Workspace

POLL = {"x-ms-retry-after-ms": "200"}


KIND = "operations"
KEPT = timedelta(days=7)
ENDED = "the local workspace was ended while this was under way"


class Operations:
    """Operations that are under way or over; clients ask on when the server is back."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._resumed: set[str] = set()

    def start(self, workspace: Workspace) -> str:
        """A new operation's id."""
        name = str(uuid.uuid4())
        self._state.store.put(workspace.key, KIND, name, "", {"id": name, "status": "InProgress"})
        return name

    def finish(self, workspace: Workspace, name: str, error: dict[str, Any] | None = None) -> None:
        """The operation has come to its end, with an error or without."""
        said = {"status": "Failed", "error": error} if error else {"status": "Succeeded"}
        with self._state.store.transaction():
            if self._state.store.get(workspace.key, KIND, name):  # the workspace is still there
                self._state.store.put(workspace.key, KIND, name, "", {"id": name, **said})

    def mark_resumed(self, name: str) -> None:
        """Say of an operation of a former server that it goes on."""
        self._resumed.add(name)

    def recover(self) -> None:
        """End what a former server left under way and nobody goes on with; forget what is old."""
        for found in self._state.store.all(KIND):
            old = datetime.fromisoformat(found.modified) < datetime.now(UTC) - KEPT
            if found.body["status"] != "InProgress":
                if old:
                    self._state.store.delete(found.workspace, KIND, found.name)
            elif found.name not in self._resumed:
                error = {"code": "ServerEnded", "message": ENDED}
                self.finish(self._state.workspace_by_key(found.workspace), found.name, error)

    def polling_headers(self, workspace: Workspace, name: str) -> dict[str, str]:
        """What tells a client where to ask for the operation."""
        url = f"{self._state.url}{workspace.path}/operations/{name}"
        return {"Azure-AsyncOperation": url, **POLL}

    def status(self, workspace: Workspace, name: str) -> dict[str, Any]:
        """An operation's document.

        Raises:
            NotFound: there is none of that id.
        """
        found = self._state.store.get(workspace.key, KIND, name)
        if found is None:
            raise NotFound(f"no operation {name}")
        return found.body


def register(routes: Routes, state: State, operations: Operations) -> None:
    """Add the operations of this module."""

    @routes.add("GET", WORKSPACE + "/operations/{name}", "Operations - Get")
    async def get(request: Request) -> Response:
        found = operations.status(state.workspace(request), request.path_params["name"])
        return JSONResponse(found, headers=POLL)
