"""Jobs as documents: how they are kept, and how the API and the run history show them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from azureml_local import addresses, auth
from azureml_local.addresses import blob_endpoint, run_artifacts_path
from azureml_local.errors import NotFound
from azureml_local.state import ARTIFACTS, State, Workspace
from azureml_local.store import Resource

KIND = "jobs"
FINAL_STATUSES = frozenset({"Completed", "Failed", "Canceled"})
LOG = "user_logs/std_log.txt"
EXECUTION_LOG = "logs/azureml/executionlogs.txt"
SCORING_LOG = "logs/user/stdout/127.0.0.1/process000.stdout.txt"
"""What scored says about its files, in the child of a batch job, in Azure's folders."""


def utc_now() -> str:
    """This moment in UTC, as the API writes it."""
    return datetime.now(UTC).isoformat()


def find(state: State, workspace: Workspace, name: str) -> Resource:
    """A job by its name.

    Raises:
        NotFound: there is none.
    """
    found = state.store.get(workspace.key, KIND, name)
    if found is None:
        raise NotFound(f"Job {name} was not found in workspace {workspace.name}.", "UserError")
    return found


def update(state: State, workspace: Workspace, name: str, **changes: Any) -> Resource:
    """Change fields of a job's document beside its properties: status, times, error."""
    with state.store.transaction():
        body = find(state, workspace, name).body
        body.update(changes)
        return state.store.put(workspace.key, KIND, name, "", body)


def children(state: State, workspace: Workspace, name: str) -> list[Resource]:
    """The jobs that a job is the parent of, oldest first."""
    found = state.store.entries(workspace.key, KIND)
    return [each for each in found if each.body.get("parent") == name]


def document(state: State, workspace: Workspace, found: Resource) -> dict[str, Any]:
    """A job as the API shows it; of a job that has a parent only that there is one.

    Azure ML does not show jobs in pipelines here, and the SDK then reads the run history instead:
    it can list and get them, but neither stream nor download them by themselves.
    """
    body = found.body
    if body.get("parent"):
        return {"id": f"{workspace.path}/jobs/{found.name}", "name": found.name, "properties": None}
    properties = {
        "services": {},
        "properties": {},
        "tags": {},
        **body["properties"],
        "status": body["status"],
    }
    properties["services"] = {  # what a client echoes back is not believed
        "Tracking": {
            "jobServiceType": "Tracking",
            "endpoint": addresses.azureml_tracking_uri(state, workspace),
        },
        "Studio": {
            "jobServiceType": "Studio",
            "endpoint": studio_url(state, workspace, found.name),
        },
    }
    return {
        "id": f"{workspace.path}/jobs/{found.name}",
        "name": found.name,
        "type": "Microsoft.MachineLearningServices/workspaces/jobs",
        "systemData": found.system_data,
        "properties": properties,
    }


def studio_url(state: State, workspace: Workspace, name: str) -> str:
    """The address of a job's page, with the key that opens the workspace's pages."""
    key = auth.page_key(state.secret, workspace.key)
    return f"{state.url}/studio/{workspace.key}/jobs/{name}?key={key}"


def run_history(state: State, workspace: Workspace, found: Resource) -> dict[str, Any]:
    """A job as the run history shows it: its status, its logs' addresses, its error."""
    body = found.body
    folder = state.container(workspace, ARTIFACTS) / run_artifacts_path(found.name)
    base = blob_endpoint(state, workspace)
    base = f"{base}/{workspace.containers[ARTIFACTS]}/{run_artifacts_path(found.name)}"
    sas = auth.sas_token(state.secret, workspace.key)
    logs = {
        name: f"{base}/{name}?{sas}" for name in (LOG, EXECUTION_LOG) if (folder / name).is_file()
    }
    return {
        "runId": found.name,
        "parentRunId": body.get("parent"),
        "status": body["status"],
        "startTimeUtc": body.get("started"),
        "endTimeUtc": body.get("ended"),
        "error": body.get("error"),
        "logFiles": logs,
        "properties": body["properties"].get("properties") or {},
        "tags": body["properties"].get("tags") or {},
        "experimentId": body["properties"].get("experimentName"),
        "experimentName": body["properties"].get("experimentName"),
        "displayName": body["properties"].get("displayName"),
        "outputs": _outputs(body),
        "rootRunId": body.get("root") or body.get("parent") or found.name,
        "runUuid": found.name,
        "runType": "azureml.PipelineRun"
        if body["properties"].get("jobType") == "Pipeline"
        else "azureml.commandjob",
        "createdUtc": found.created,
        "hidden": bool(body["properties"].get("isArchived")),
    }


def _outputs(body: dict[str, Any]) -> dict[str, Any]:
    """A finished job's outputs for the SDK's download, under ids that are their addresses."""
    if body["status"] != "Completed":
        return {}
    found: dict[str, str] = body.get("outputs") or {}
    return {name: {"assetId": uri, "type": "uri_folder"} for name, uri in found.items()}


def error_document(message: str) -> dict[str, Any]:
    """A job's error in the form of the run history."""
    return {"error": {"code": "UserError", "message": message}}


def job_name(request: Request) -> str:
    """The job that the request's path names."""
    return str(request.path_params["name"])
