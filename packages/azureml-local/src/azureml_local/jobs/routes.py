"""Operations on jobs, and the run history that ``stream`` and ``download`` read."""

from __future__ import annotations

import asyncio
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.assets.routes import matches_list_view
from azureml_local.documents.jobs import JOBS, JobProperties, JobResource, RunRecord
from azureml_local.errors import BadRequest
from azureml_local.jobs import records
from azureml_local.jobs.completion import complete_job
from azureml_local.jobs.control_outputs import write_control_outputs
from azureml_local.jobs.records import Job
from azureml_local.jobs.runner import Runner
from azureml_local.jobs.submission import submit_job
from azureml_local.jobs.sweep.validation import changed_field, complete_sweep
from azureml_local.json_fields import JsonObject, json_of, object_of, with_fields, without_empty
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State

HISTORY = f"/history/v1.0{WORKSPACE}"
DETAILS_SECONDS, DETAILS_POLL_SECONDS = 1.0, 0.05
"""How long the details of a running job wait for its end. ``stream`` asks again without a pause:
``AZUREML_RUN_POLLING_INTERVAL_MIN`` is 0, because the SDK accepts whole seconds only."""
IN_PROGRESS = frozenset(
    {"NotStarted", "Queued", "Preparing", "Provisioning", "Starting", "Running", "Finalizing"}
)
"""The statuses in which ``stream`` continues."""
UNCHANGEABLE = (
    "jobType", "command", "jobs", "componentId", "codeId", "environmentId", "environmentVariables",
    "computeId", "distribution", "resources", "limits", "inputs", "outputs", "settings",
)  # fmt: skip
CHANGEABLE = ("tags", "displayName", "description", "isArchived", "properties")


def register(routes: Routes, state: State, runner: Runner) -> None:
    """Add the operations of this module."""

    @routes.add(
        "PUT",
        WORKSPACE + "/jobs/{name}",
        "Jobs - Create or update",
        partly="command, sweep and pipeline jobs; no AutoML, Spark or fine-tuning jobs",
    )
    async def put(request: Request) -> Response:
        workspace, name = state.workspace(request), request.path_params["name"]
        properties = object_of(await json_of(request), "properties")
        job = Job(workspace, name)
        if job.exists:
            return JSONResponse(records.document(workspace, _update_properties(job, properties)))
        document = submit_job(runner, job, properties)
        return JSONResponse(records.document(workspace, document), status_code=201)

    @routes.add("GET", WORKSPACE + "/jobs/{name}", "Jobs - Get")
    async def get(request: Request) -> Response:
        workspace = state.workspace(request)
        job = Job(workspace, request.path_params["name"]).read()
        return JSONResponse(records.document(workspace, job))

    @routes.add("GET", WORKSPACE + "/jobs", "Jobs - List")
    async def list_all(request: Request) -> Response:
        workspace, query = state.workspace(request), request.query_params
        kind = query.get("jobType", "").lower()
        jobs = [
            job
            for job in reversed(workspace.documents.entries(JOBS))
            if not job.body.get("parent")
            and matches_list_view(request, job.body["properties"])
            and (not kind or job.body["properties"]["jobType"].lower() == kind)
            and query.get("scheduleId", job.body.get("schedule")) == job.body.get("schedule")
            and (query.get("scheduled") != "true" or job.body.get("schedule"))
            and (not query.get("tag") or query["tag"] in _tag_filters(job))
        ]
        return JSONResponse({"value": [records.document(workspace, job) for job in jobs]})

    @routes.add("POST", WORKSPACE + "/jobs/{name}/cancel", "Jobs - Cancel")
    async def cancel(request: Request) -> Response:
        await runner.cancel(Job(state.workspace(request), request.path_params["name"]))
        return Response(status_code=200)

    @routes.add("GET", HISTORY + "/runs/{name}/details", "Run history - Details")
    async def details(request: Request) -> Response:
        deadline = time.monotonic() + DETAILS_SECONDS
        while _history(request)["status"] in IN_PROGRESS and time.monotonic() < deadline:
            await asyncio.sleep(DETAILS_POLL_SECONDS)
        return JSONResponse(_history(request))

    @routes.add("GET", HISTORY + "/runs/{name}", "Run history - Get")
    async def run(request: Request) -> Response:
        return JSONResponse(_history(request))

    @routes.add("GET", HISTORY + "/runs/{name}/children", "Run history - Children")
    async def children(request: Request) -> Response:
        workspace, parent = state.workspace(request), request.path_params["name"]
        jobs = Job(workspace, parent).children()  # none for an unknown job, as on Azure
        return JSONResponse({"value": [records.run_history(workspace, job) for job in jobs]})

    @routes.add("GET", HISTORY + "/runs/{name}/serviceinstances/{node}", "Run history - Services")
    async def services(request: Request) -> Response:
        Job(state.workspace(request), request.path_params["name"]).read()
        return JSONResponse({"instances": {}})  # no interactive services on this machine

    @routes.add("PATCH", HISTORY + "/experiments/{experiment}/runs/{name}", "Run history - Update")
    @routes.add(
        "PATCH", HISTORY + "/experimentids/{experiment}/runs/{name}", "Run history - Update by id"
    )
    async def patch(request: Request) -> Response:
        workspace = state.workspace(request)
        job = Job(workspace, request.path_params["name"])
        body, properties = await json_of(request), job.properties
        changes: JsonObject = {
            key: body[key] for key in ("displayName", "description") if key in body
        }
        if "tags" in body:
            changes["tags"] = {**(properties.get("tags") or {}), **object_of(body, "tags")}
        if "hidden" in body:
            changes["isArchived"] = bool(body["hidden"])
        if "properties" in body:
            new = object_of(body, "properties")
            changes["properties"] = {**(properties.get("properties") or {}), **new}
            write_control_outputs(job, new)
        changed = job.update(properties=with_fields(properties, changes))
        return JSONResponse(records.run_history(workspace, changed))

    @routes.add("POST", HISTORY + "/rundata", "Run history - Run data")
    async def rundata(request: Request) -> Response:
        workspace = state.workspace(request)
        job = Job(workspace, str((await json_of(request)).get("runId"))).read()
        return JSONResponse({"runMetadata": records.run_history(workspace, job)})

    @routes.add(
        "POST",
        f"/data/v1.0{WORKSPACE}/dataversion/batchGetResolvedUris",
        "Data - Resolve addresses",
    )
    async def resolve(request: Request) -> Response:
        workspace = state.workspace(request)
        values = (await json_of(request)).get("values") or []
        uris = [uri for uri in values if isinstance(uri, str)] if isinstance(values, list) else []
        if values != uris:
            raise BadRequest("values: must be a list of addresses", target="values")
        for uri in uris:
            workspace.local_path(uri)  # refuses an address outside this workspace
        resolved = {uri: {"uri": uri, "type": "uri_folder"} for uri in uris}
        return JSONResponse({"values": resolved})

    def _history(request: Request) -> RunRecord:
        workspace = state.workspace(request)
        job = Job(workspace, request.path_params["name"]).read()
        return records.run_history(workspace, job)


def _tag_filters(job: JobResource) -> list[str]:
    """The filters that match a job's tags: ``name`` and ``name=value``."""
    tags = job.body["properties"].get("tags") or {}
    return [*tags, *(f"{name}={value}" for name, value in tags.items())]


def _update_properties(job: Job, properties: JsonObject) -> JobResource:
    """Change the properties of a job that may change; tags that an update leaves out stay.

    Source: MicrosoftDocs/azure-docs issue 122250, Azure/azure-sdk-for-python issue 30671.

    Raises:
        BadRequest: another one differs.
    """
    existing = job.properties
    changed = _changed_field(job, existing, complete_job(properties))
    if changed is not None:
        raise BadRequest(
            "A job with this name already exists. If you are trying to create a new job, use a "
            "different name. If you are trying to update an existing job, only description, tags, "
            f"displayName, properties and isArchived can be updated ({changed} of {job.name} "
            "differs)",
            "UserError",
            target=changed,
        )
    changes = {key: properties[key] for key in CHANGEABLE if key in properties}
    changes["tags"] = {**(existing.get("tags") or {}), **object_of(properties, "tags")}
    return job.update(properties=with_fields(existing, changes))


def _changed_field(job: Job, existing: JobProperties, new: JobProperties) -> str | None:
    """The first field that differs and cannot change; fields without a value are ignored."""
    is_sweep = existing["jobType"] == "Sweep"
    for field in UNCHANGEABLE:
        if is_sweep and field == "limits":
            continue  # compared as the settings of the sweep
        if without_empty({field: new.get(field)}) != without_empty({field: existing.get(field)}):
            return field
    if records.experiment_name(new) != records.experiment_name(existing):
        return "experimentName"
    return changed_field(existing, complete_sweep(job.workspace, new)) if is_sweep else None
