"""Schedules: their operations, and the clock that submits their jobs.

Runs that were due while the server was stopped are skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import traceback
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.arm import ArmResource
from azureml_local.assets.versions import validate_name
from azureml_local.documents.jobs import JobProperties
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.failures import as_azure_error
from azureml_local.jobs import validation
from azureml_local.jobs.completion import complete_job
from azureml_local.jobs.records import Job
from azureml_local.jobs.runner import Runner
from azureml_local.jobs.submission import submit_job
from azureml_local.json_fields import (
    JsonObject,
    as_document,
    json_of,
    object_of,
    text_of,
    without_nulls,
)
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.schedules import triggers
from azureml_local.state import State, Workspace
from azureml_local.store import Kind, Resource

ONE = WORKSPACE + "/schedules/{name}"
MAX_WAIT_SECONDS = 30.0
"""The clock of the machine can be set, or stop while it sleeps."""
VIEWS = {"enabledonly": (True,), "disabledonly": (False,), "all": (True, False)}


class ScheduleAction(TypedDict):
    """The job that a schedule submits."""

    actionType: str
    jobDefinition: JobProperties


class ScheduleProperties(TypedDict, total=False):
    """The properties of a schedule that azureml-local reads; it stores and returns all."""

    action: ScheduleAction
    trigger: triggers.TriggerProperties
    isEnabled: bool


class ScheduleDocument(TypedDict, total=False):
    """A schedule in the store."""

    properties: ScheduleProperties
    begun: str
    """When its trigger was set."""
    job: str
    """The last job that it submitted."""
    error: str | None
    """Why the last job could not be submitted."""


KIND = Kind[ScheduleDocument]("schedules")
ScheduleResource = Resource[ScheduleDocument]


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
        """Start the clock with the schedules of the previous server."""
        for schedule in self._state.store.all(KIND):
            self._set_due(schedule)
        self._state.background(self._run_clock())

    async def _run_clock(self) -> None:
        while True:
            now = datetime.now(UTC)
            for key, due in list(self._due.items()):
                if due is not None and due <= now:
                    try:
                        self._submit_due(*key)
                    except Exception:  # noqa: BLE001 - the other schedules must continue
                        traceback.print_exc()
                        self._due[key] = now + timedelta(seconds=MAX_WAIT_SECONDS)
            times = [due for due in self._due.values() if due is not None]
            seconds = (
                (min(times) - datetime.now(UTC)).total_seconds() if times else MAX_WAIT_SECONDS
            )
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._changed.wait(), max(0.0, min(seconds, MAX_WAIT_SECONDS))
                )

    def _set_due(self, schedule: ScheduleResource, after: datetime | None = None) -> None:
        """Compute when a schedule is due next: after now, or after ``after``."""
        key = (schedule.workspace, schedule.name.lower())
        properties = schedule.body["properties"]
        begun = datetime.fromisoformat(schedule.body["begun"])
        due = None
        if properties["isEnabled"]:
            trigger = triggers.parse_trigger(properties["trigger"], begun)
            due = trigger.after(after or datetime.now(UTC))
        self._due[key] = due
        self._changed.set()

    def _submit_due(self, workspace_key: str, name: str) -> None:
        schedule = self._state.store.get(workspace_key, KIND, name)
        if schedule is None:
            self._due.pop((workspace_key, name), None)
            return
        workspace = self._state.workspace_by_key(workspace_key)
        try:
            self._submit(workspace, schedule, self._due[workspace_key, name])
        except Exception as error:  # noqa: BLE001 - the schedule must continue
            failure = as_azure_error(error, self._state.data)
            try:
                self._update(schedule, error=failure.message)
            except (OSError, sqlite3.Error):  # the disk is full
                traceback.print_exc()
        self._set_due(schedule)

    def _submit(
        self, workspace: Workspace, schedule: ScheduleResource, due: datetime | None
    ) -> str:
        """Submit the job of a schedule and return the job's name."""
        moment = due or datetime.now(UTC)
        name = f"{schedule.name}-{moment.strftime('%Y%m%dT%H%M%SZ')}"
        if Job(workspace, name).exists:
            name = f"{schedule.name}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S%fZ')}"
        definition = schedule.body["properties"]["action"]["jobDefinition"]
        properties: JobProperties = {"displayName": schedule.name, **definition}
        properties["experimentName"] = definition.get("experimentName") or schedule.name
        submit_job(self._runner, Job(workspace, name), properties, schedule=schedule.name)
        self._update(schedule, job=name, error=None)
        return name

    def _update(self, schedule: ScheduleResource, **changes: Unpack[ScheduleDocument]) -> None:
        with self._state.store.transaction():
            current = self._state.store.get(schedule.workspace, KIND, schedule.name)
            if current is not None:
                body: ScheduleDocument = {**current.body, **changes}
                self._state.store.put(schedule.workspace, KIND, current.name, "", body)

    # Operations.

    async def _put(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        name = validate_name("Schedule", request.path_params["name"])
        properties = object_of(await json_of(request), "properties")
        action = object_of(properties, "action")
        action_type = text_of(action, "actionType")
        if action_type != "CreateJob":
            raise NotSupported(
                f"Schedules - Create or update: action {action_type} is not supported by "
                "azureml-local; use CreateJob"
            )
        definition = complete_job(
            self._job_definition(workspace, object_of(action, "jobDefinition"))
        )
        validation.check_job(Job(workspace, name), definition)
        trigger = triggers.complete_trigger(object_of(properties, "trigger"))
        begun = datetime.now(UTC).replace(microsecond=0)  # triggers are due at whole seconds
        triggers.parse_trigger(trigger, begun)
        old = workspace.documents.get(KIND, name)
        same_trigger = old is not None and old.body["properties"]["trigger"] == trigger
        new_properties: ScheduleProperties = {
            **as_document(ScheduleProperties, properties),
            "action": {"actionType": action_type, "jobDefinition": definition},
            "trigger": trigger,
            "isEnabled": properties.get("isEnabled") is not False,
        }
        body: ScheduleDocument = {
            **(old.body if old else {}),
            "properties": new_properties,
            "begun": old.body["begun"] if old and same_trigger else begun.isoformat(),
        }
        schedule = workspace.documents.put(KIND, name, body)
        # A new recurrence without a start is due now.
        self._set_due(schedule, None if same_trigger else begun - timedelta(milliseconds=1))
        return JSONResponse(_document(workspace, schedule), status_code=200 if old else 201)

    def _job_definition(self, workspace: Workspace, definition: JsonObject) -> JobProperties:
        """The job to submit: the definition itself, or that of its source job."""
        source = text_of(definition, "sourceJobId")
        if source and not definition.get("jobs"):
            properties = Job(workspace, source.rsplit("/", 1)[-1]).properties
            copied = {k: v for k, v in properties.items() if k not in ("services", "status")}
            own = {**without_nulls(definition), "sourceJobId": source}
            return as_document(JobProperties, {**copied, **own})
        return as_document(JobProperties, definition)

    async def _get(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        return JSONResponse(_document(workspace, self._find(request)))

    async def _list(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        view = request.query_params.get("listViewType", "EnabledOnly")
        states = VIEWS.get(view.lower())
        if states is None:
            raise BadRequest(
                f"listViewType: {view!r} is not one of EnabledOnly, DisabledOnly, All",
                target="listViewType",
            )
        schedules = [
            _document(workspace, schedule)
            for schedule in workspace.documents.entries(KIND)
            if schedule.body["properties"]["isEnabled"] in states
        ]
        return JSONResponse({"value": schedules})

    async def _delete(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        schedule = workspace.documents.get(KIND, request.path_params["name"])
        if schedule is None:
            return Response(status_code=204)
        if schedule.body["properties"]["isEnabled"]:
            raise BadRequest(
                f"Cannot delete an active trigger: disable schedule {schedule.name} first.",
                "ScheduleEnabled",
            )
        workspace.documents.delete(KIND, schedule.name)
        self._due.pop((workspace.key, schedule.name.lower()), None)
        return Response(status_code=200)

    async def _trigger(self, request: Request) -> Response:
        schedule = self._find(request)
        if not schedule.body["properties"]["isEnabled"]:
            raise BadRequest(f"Schedule {schedule.name} is disabled.", "ScheduleDisabled")
        name = self._submit(self._state.workspace(request), schedule, None)
        return JSONResponse({"submissionId": name, "scheduleActionType": "CreateJob"})

    def _find(self, request: Request) -> ScheduleResource:
        workspace, name = self._state.workspace(request), request.path_params["name"]
        return workspace.require(KIND, name, "Schedule")


def _document(workspace: Workspace, schedule: ScheduleResource) -> ArmResource:
    return workspace.document(
        f"schedules/{schedule.name}",
        systemData=schedule.system_data,
        properties={
            "properties": {},
            "tags": {},
            **schedule.body["properties"],
            "provisioningState": "Succeeded",
        },
    )
