"""The schedules of all workspaces: their operations, and the clock that starts their jobs.

Like on Azure a schedule starts pipeline jobs. What was due while the server was down is not made up
for: it goes on with the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.assets import validate_name
from azureml_local.errors import AzureError, BadRequest, NotFound, NotSupported
from azureml_local.jobs import records, routes, validation
from azureml_local.jobs.runner import Runner
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.schedules import triggers
from azureml_local.state import State, Workspace, json_of, object_of, text_of
from azureml_local.store import Resource

KIND = "schedules"
ONE = WORKSPACE + "/schedules/{name}"
LONGEST_SECONDS = 30.0
"""Of a wait: a machine's clock may be set, or sleep."""
VIEWS = {"enabledonly": (True,), "disabledonly": (False,), "all": (True, False)}


class Schedules:
    """The schedules of the server."""

    def __init__(self, state: State, runner: Runner) -> None:
        self._state = state
        self._runner = runner
        self._changed = asyncio.Event()
        self._due: dict[tuple[str, str], datetime | None] = {}

    def register(self, table: Routes) -> None:
        """Add the operations."""
        partly = (
            "cron and recurrence triggers of pipeline and command jobs; no monitors, no imports"
        )
        add = table.add
        add("PUT", ONE, "Schedules - Create or update", partly=partly)(self._put)
        add("GET", ONE, "Schedules - Get")(self._get)
        add("GET", WORKSPACE + "/schedules", "Schedules - List")(self._list)
        add("DELETE", ONE, "Schedules - Delete")(self._delete)
        add("POST", ONE + "/trigger", "Schedules - Trigger")(self._trigger)

    def recover(self) -> None:
        """Begin to watch the clock."""
        for found in self._state.store.all(KIND):
            self._plan(found)
        self._state.background(self._watch())

    async def _watch(self) -> None:
        while True:
            now = datetime.now(UTC)
            for key, due in list(self._due.items()):
                if due is not None and due <= now:
                    await self._fire(*key)
            waits = [due for due in self._due.values() if due is not None]
            seconds = (min(waits) - datetime.now(UTC)).total_seconds() if waits else LONGEST_SECONDS
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._changed.wait(), max(0.0, min(seconds, LONGEST_SECONDS))
                )

    def _plan(self, found: Resource, begin: datetime | None = None) -> None:
        """Note when a schedule is due next; ``begin`` is now or, of a new one, just before."""
        key = (found.workspace, found.name.lower())
        properties = found.body["properties"]
        made = datetime.fromisoformat(found.body["begun"])
        due = None
        if properties["isEnabled"]:
            due = triggers.read(properties["trigger"], made).after(begin or datetime.now(UTC))
        self._due[key] = due
        self._changed.set()

    async def _fire(self, workspace_key: str, name: str) -> None:
        found = self._state.store.get(workspace_key, KIND, name)
        if found is None:
            self._due.pop((workspace_key, name), None)
            return
        try:
            self._start(
                self._state.workspace_by_key(workspace_key), found, self._due[workspace_key, name]
            )
        except AzureError as error:
            self._note(found, error=error.message)
        except Exception as defect:  # noqa: BLE001 - the other schedules must go on
            traceback.print_exc()
            self._note(found, error=f"a defect of azureml-local, see its log: {defect!r}")
        self._plan(found)

    def _start(self, workspace: Workspace, found: Resource, due: datetime | None) -> str:
        """Start the job of a schedule; gives its name."""
        moment = due or datetime.now(UTC)
        name = f"{found.name}-{moment.strftime('%Y%m%dT%H%M%SZ')}"
        if self._state.store.get(workspace.key, records.KIND, name) is not None:
            name = f"{found.name}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S%fZ')}"
        definition = {**found.body["properties"]["action"]["jobDefinition"]}
        definition["experimentName"] = definition.get("experimentName") or found.name
        definition.setdefault("displayName", found.name)
        routes.create(self._state, self._runner, workspace, name, definition, schedule=found.name)
        self._note(found, job=name, error=None)
        return name

    def _note(self, found: Resource, **changes: Any) -> None:
        with self._state.store.transaction():
            now = self._state.store.get(found.workspace, KIND, found.name)
            if now is not None:
                self._state.store.put(found.workspace, KIND, now.name, "", now.body | changes)

    # Operations.

    async def _put(self, request: Request) -> Response:
        state, workspace = self._state, self._state.workspace(request)
        name = validate_name("Schedule", request.path_params["name"])
        given = object_of(await json_of(request), "properties")
        action = object_of(given, "action")
        kind = text_of(action, "actionType")
        if kind != "CreateJob":
            raise NotSupported(
                f"Schedules - Create or update: azureml-local has job schedules, no {kind}"
            )
        definition = self._definition(workspace, object_of(action, "jobDefinition"))
        validation.check(state, workspace, name, definition)
        trigger = object_of(given, "trigger")
        begun = datetime.now(UTC)
        triggers.read(trigger, begun)
        old = state.store.get(workspace.key, KIND, name)
        same = old is not None and old.body["properties"]["trigger"] == trigger
        properties = {
            **given,
            "action": {"actionType": kind, "jobDefinition": definition},
            "trigger": trigger,
            "isEnabled": given.get("isEnabled") is not False,
        }
        kept = {
            **(old.body if old else {}),
            "properties": properties,
            "begun": old.body["begun"] if old and same else begun.isoformat(),
        }
        found = state.store.put(workspace.key, KIND, name, "", kept)
        # A new one without a start is due at this very moment.
        begin = None if same else datetime.fromtimestamp(begun.timestamp() - 1e-3, UTC)
        self._plan(found, begin)
        return JSONResponse(_shown(workspace, found), status_code=200 if old else 201)

    def _definition(self, workspace: Workspace, given: dict[str, Any]) -> dict[str, Any]:
        """The job to start: as it was given, or that of a job that ran."""
        source = text_of(given, "sourceJobId")
        if source and not given.get("jobs"):
            job = records.find(self._state, workspace, source.rsplit("/", 1)[-1])
            dropped = ("services", "status")
            kept = {k: v for k, v in job.body["properties"].items() if k not in dropped}
            return {**kept, "sourceJobId": source}
        return given

    async def _get(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        return JSONResponse(_shown(workspace, self._find(request)))

    async def _list(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        view = request.query_params.get("listViewType", "EnabledOnly")
        wanted = VIEWS.get(view.lower())
        if wanted is None:
            raise BadRequest(f"listViewType {view!r} is not one of EnabledOnly, DisabledOnly, All")
        found = [
            _shown(workspace, each)
            for each in self._state.store.entries(workspace.key, KIND)
            if each.body["properties"]["isEnabled"] in wanted
        ]
        return JSONResponse({"value": found})

    async def _delete(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = self._state.store.get(workspace.key, KIND, request.path_params["name"])
        if found is None:
            return Response(status_code=204)
        if found.body["properties"]["isEnabled"]:
            raise BadRequest(
                f"Schedule {found.name} is enabled; disable it before it is deleted.", "UserError"
            )
        self._state.store.delete(workspace.key, KIND, found.name)
        self._due.pop((workspace.key, found.name.lower()), None)
        return Response(status_code=200)

    async def _trigger(self, request: Request) -> Response:
        found = self._find(request)
        if not found.body["properties"]["isEnabled"]:
            raise BadRequest(f"Schedule {found.name} is disabled.", "UserError")
        name = self._start(self._state.workspace(request), found, None)
        return JSONResponse({"submissionId": name, "scheduleActionType": "CreateJob"})

    def _find(self, request: Request) -> Resource:
        workspace, name = self._state.workspace(request), request.path_params["name"]
        found = self._state.store.get(workspace.key, KIND, name)
        if found is None:
            raise NotFound(f"Schedule {name} was not found in workspace {workspace.name}.")
        return found


def _shown(workspace: Workspace, found: Resource) -> dict[str, Any]:
    return {
        "id": f"{workspace.path}/schedules/{found.name}",
        "name": found.name,
        "type": "Microsoft.MachineLearningServices/workspaces/schedules",
        "systemData": found.system_data,
        "properties": {
            "properties": {},
            "tags": {},
            **found.body["properties"],
            "provisioningState": "Succeeded",
        },
    }
