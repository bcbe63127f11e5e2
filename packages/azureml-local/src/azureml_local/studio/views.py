"""The data of the studio pages: rows of lists, formatted values, and lineage of assets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from azureml_local import compute
from azureml_local.capacity import jobs_on
from azureml_local.documents.assets import AssetResource
from azureml_local.documents.jobs import JOBS, JobDocument, JobResource
from azureml_local.endpoints import BATCH, ONLINE
from azureml_local.mlflow.entities import run_of
from azureml_local.state import Workspace
from azureml_local.studio.endpoint_views import model_of

STATUS_STYLES = {
    "Completed": "good",
    "Succeeded": "good",
    "Failed": "bad",
    "Canceled": "soft",
    "Running": "wait",
    "Updating": "wait",
    "Creating": "wait",
}


@dataclass(frozen=True)
class Compute:
    """A cluster or an instance, with its running jobs and the number of queued ones."""

    name: str
    kind: str
    state: str
    size: str
    running: list[str]
    queued: int


@dataclass(frozen=True)
class Lineage:
    """The origin and the uses of an asset: jobs, paths of deployments."""

    created_by: str = ""
    inputs: list[str] = field(default_factory=list)
    jobs: list[JobResource] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)


def status_style(status: str) -> str:
    """The style of a status: good, bad, soft or wait."""
    return STATUS_STYLES.get(status, "wait")


def format_time(text: str | None) -> str:
    """A time of a document in UTC, in seconds."""
    if not text:
        return "\N{EN DASH}"
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration_seconds(body: JobDocument) -> int | None:
    """How many seconds a job ran, or has run until now; None if it has not started."""
    if not body.get("started"):
        return None
    started = datetime.fromisoformat(body["started"])
    end = datetime.fromisoformat(body["ended"]) if body.get("ended") else datetime.now(UTC)
    return max(0, int((end - started).total_seconds()))


def duration_text(body: JobDocument) -> str:
    """How long a job ran, or has run until now."""
    seconds = duration_seconds(body)
    if seconds is None:
        return "\N{EN DASH}"
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def jobs(workspace: Workspace) -> list[JobResource]:
    """The jobs that are not steps of pipelines, newest first."""
    entries = workspace.documents.entries(JOBS)
    return [job for job in reversed(entries) if not job.body.get("parent")]


def computes(workspace: Workspace) -> list[Compute]:
    """The clusters and instances with their jobs, oldest first."""
    views = []
    for target in workspace.documents.entries(compute.KIND):
        properties = target.body["properties"]
        settings = properties["properties"]
        cluster = properties["computeType"] == compute.CLUSTER
        scale = settings.get("scaleSettings") or {}
        views.append(
            Compute(
                target.name,
                "cluster" if cluster else "instance",
                f"max {scale['maxNodeCount']} jobs" if cluster else str(settings["state"]),
                str(settings.get("vmSize") or ""),
                [job.name for job in jobs_on(workspace, target.name, "Running")],
                len(jobs_on(workspace, target.name, "Queued")),
            )
        )
    return views


def lineage(workspace: Workspace, asset: AssetResource) -> Lineage:
    """The job that created a version of an asset, and the jobs and deployments that use it."""
    ending = f"/{asset.kind}/{asset.name}/versions/{asset.version}".lower()
    asset_id = f"azureml:{asset.name}:{asset.version}".lower()

    def refers_to_asset(reference: object) -> bool:
        text = str(reference or "").lower()
        return text.endswith(ending) or text == asset_id

    used_by: list[JobResource] = []
    created_by = run_of(asset.body) if asset.kind == "models" else ""
    for job in workspace.documents.entries(JOBS):
        properties = job.body["properties"]
        input_uris = [
            value.get("uri") for value in (properties.get("inputs") or {}).values() if value
        ]
        fields = [properties.get("environmentId"), properties.get("componentId"), *input_uris]
        if any(refers_to_asset(value) for value in fields):
            used_by.append(job)
        elif not created_by and _is_output_of(job, asset):
            created_by = job.name
    deployments = [
        f"{kind}/{deployment.name.replace('/', '#')}"
        for kind, endpoints in (("online", ONLINE), ("batch", BATCH))
        for deployment in endpoints.deployments_in(workspace)
        if refers_to_asset(model_of(deployment.properties))
        or refers_to_asset(deployment.properties.get("environmentId"))
    ]
    creator = workspace.documents.get(JOBS, created_by) if created_by else None
    inputs = (creator.body["properties"].get("inputs") or {}) if creator else {}
    sources = [value["uri"] for value in inputs.values() if value and value.get("uri")]
    return Lineage(created_by if creator else "", sources, used_by, deployments)


def _is_output_of(job: JobResource, asset: AssetResource) -> bool:
    """Whether an asset's files are an output of a job."""
    outputs = (job.body.get("outputs") or {}).values()
    address = str(asset.body.get("dataUri") or asset.body.get("modelUri") or "").rstrip("/")
    return any(address and address.startswith(str(uri).rstrip("/")) for uri in outputs)
