"""The data of the pages of jobs: the columns of the list, and the inputs and outputs of a job."""

from __future__ import annotations

from dataclasses import dataclass

from azureml_local.documents.assets import DATA, MODELS
from azureml_local.documents.jobs import JobResource
from azureml_local.state import Workspace
from azureml_local.studio.listing import Column, Filter, Table, by_number, by_text
from azureml_local.studio.views import duration_seconds


@dataclass(frozen=True)
class JobInput:
    """An input of a job: a value, or (``uri``) data."""

    name: str
    value: str
    uri: str


def title_of(job: JobResource) -> str:
    """The display name of a job, else its name."""
    return str(job.body["properties"].get("displayName") or job.name)


def inputs_of(workspace: Workspace, job: JobResource) -> list[JobInput]:
    """The inputs of a job, and the data that the steps of a pipeline name themselves."""
    properties = job.body["properties"]
    inputs = [
        JobInput(name, str(value.get("value", "")), str(value.get("uri") or ""))
        for name, value in (properties.get("inputs") or {}).items()
        if value
    ]
    for step, node in (properties.get("jobs") or {}).items():
        for name, value in ((node or {}).get("inputs") or {}).items():
            if isinstance(value, dict) and value.get("uri"):
                inputs.append(JobInput(f"{step}.{name}", "", str(value["uri"])))
    return inputs


def registered_outputs(workspace: Workspace, job: JobResource) -> dict[str, list[str]]:
    """The resource ids of the data and models that were registered from the outputs of a job."""
    addresses = {
        str(uri).rstrip("/"): name for name, uri in (job.body.get("outputs") or {}).items()
    }
    assets: dict[str, list[str]] = {}
    if not addresses:
        return assets
    for kind, field in ((DATA, "dataUri"), (MODELS, "modelUri")):
        for asset in workspace.documents.entries(kind):
            name = addresses.get(str(asset.body.get(field) or "").rstrip("/"))
            if name is not None:
                path = f"{workspace.path}/{kind}/{asset.name}/versions/{asset.version}"
                assets.setdefault(name, []).append(path)
    return assets


JOBS: Table[JobResource] = Table(
    [
        Column("Job", "name", lambda job: by_text(title_of(job))),
        Column("Status", "status", lambda job: by_text(job.body["status"])),
        Column(
            "Experiment",
            "experiment",
            lambda job: by_text(job.body["properties"].get("experimentName")),
        ),
        Column("Type", "type", lambda job: by_text(job.body["properties"].get("jobType"))),
        Column("Submitted (UTC)", "submitted", lambda job: by_text(job.created)),
        Column("Duration", "duration", lambda job: by_number(duration_seconds(job.body))),
    ],
    lambda job: f"{title_of(job)} {job.name}",
    [
        Filter("status", "Status", lambda job: [str(job.body["status"])]),
        Filter("type", "Type", lambda job: [str(job.body["properties"].get("jobType") or "")]),
        Filter(
            "experiment",
            "Experiment",
            lambda job: [str(job.body["properties"].get("experimentName") or "")],
        ),
    ],
    sort="-submitted",
)
