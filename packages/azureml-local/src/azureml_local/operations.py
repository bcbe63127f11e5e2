"""Long-running operations: a client polls their status until they have finished.

The SDK waits 30 s between two polls unless each response has a shorter ``x-ms-retry-after-ms``. The
client polls again at once: the response to a running operation waits for its end.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import NotRequired, TypedDict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.arm import ErrorDetail
from azureml_local.errors import NotFound
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State, Workspace
from azureml_local.store import Kind

POLL = {"x-ms-retry-after-ms": "1"}
STATUS_SECONDS, STATUS_POLL_SECONDS = 1.0, 0.02
"""How long the status of a running operation waits for its end."""
KEPT_FOR = timedelta(days=7)
SERVER_STOPPED = "the local workspace stopped during this operation"


class OperationDocument(TypedDict):
    """An operation in the store and in the API."""

    id: str
    status: str
    error: NotRequired[ErrorDetail]


KIND = Kind[OperationDocument]("operations")


class Operations:
    """Running and finished operations; clients can poll them after a restart of the server."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._resumed: set[str] = set()

    def start(self, workspace: Workspace) -> str:
        """Start an operation and return its id."""
        return self._create(workspace, "InProgress")

    def _create(self, workspace: Workspace, status: str) -> str:
        name = str(uuid.uuid4())
        document: OperationDocument = {"id": name, "status": status}
        workspace.documents.put(KIND, name, document)
        return name

    def finish(self, workspace: Workspace, name: str, error: ErrorDetail | None = None) -> None:
        """Set an operation's final status: succeeded, or failed with an error."""
        result: OperationDocument = {"id": name, "status": "Failed" if error else "Succeeded"}
        if error:
            result["error"] = error
        with self._state.store.transaction():
            if workspace.documents.get(KIND, name):  # the workspace was not deleted
                workspace.documents.put(KIND, name, result)

    def completed_headers(self, workspace: Workspace) -> dict[str, str]:
        """The response headers of a request that is long-running on Azure and complete here.

        Clients of azure-ai-ml before 1.32 deserialize the response of such a request twice, and
        fail the second time. With these headers they read the resource again instead.
        """
        return self.polling_headers(workspace, self._create(workspace, "Succeeded"))

    def mark_resumed(self, name: str) -> None:
        """Mark an operation of the previous server as continued by this one."""
        self._resumed.add(name)

    def recover(self) -> None:
        """Fail the previous server's operations that are not continued; delete old ones."""
        for operation in self._state.store.all(KIND):
            expired = datetime.fromisoformat(operation.modified) < datetime.now(UTC) - KEPT_FOR
            if operation.body["status"] != "InProgress":
                if expired:
                    self._state.store.delete(operation.workspace, KIND, operation.name)
            elif operation.name not in self._resumed:
                error: ErrorDetail = {"code": "ServerStopped", "message": SERVER_STOPPED}
                self.finish(
                    self._state.workspace_by_key(operation.workspace), operation.name, error
                )

    def polling_headers(self, workspace: Workspace, name: str) -> dict[str, str]:
        """The response headers with the address that a client polls."""
        url = f"{self._state.url}{workspace.path}/operations/{name}"
        return {"Azure-AsyncOperation": url, **POLL}

    def status(self, workspace: Workspace, name: str) -> OperationDocument:
        """The document of an operation.

        Raises:
            NotFound: no operation has this id.
        """
        operation = workspace.documents.get(KIND, name)
        if operation is None:
            raise NotFound(f"Operation {name} was not found.")
        return operation.body


def register(routes: Routes, state: State, operations: Operations) -> None:
    """Add the operations of this module."""

    @routes.add("GET", WORKSPACE + "/operations/{name}", "Operations - Get")
    async def get(request: Request) -> Response:
        workspace, name = state.workspace(request), request.path_params["name"]
        deadline = time.monotonic() + STATUS_SECONDS
        while (document := operations.status(workspace, name))["status"] == "InProgress":
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(STATUS_POLL_SECONDS)
        return JSONResponse(document, headers=POLL)
