"""The data of the studio pages: rows of lists, formatted values, and lineage of assets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from azureml_local import compute
from azureml_local.assets.versions import ANONYMOUS_NAMES, KINDS
from azureml_local.capacity import jobs_on
from azureml_local.documents.assets import CODES, MODELS, AssetResource
from azureml_local.documents.endpoints import DeploymentProperties
from azureml_local.documents.jobs import JOBS, JobDocument, JobResource
from azureml_local.endpoints import BATCH, ONLINE, Endpoint
from azureml_local.mlflow.entities import run_of
from azureml_local.state import Workspace

STATUS_STYLES = {
    "Completed": "good",
    "Succeeded": "good",
    "Failed": "bad",
    "Canceled": "soft",
    "Running": "wait",
    "Updating": "wait",
    "Creating": "wait",
}
SHOWN_KINDS = [kind for kind in KINDS if kind != CODES]
MAX_FILES = 200


@dataclass(frozen=True)
class Deployment:
    """A deployment of an endpoint, with its share of the traffic in percent."""

    name: str
    status: str
    model: str
    traffic: int = 0
    mirror: int = 0


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
    """The origin and the uses of an asset: names of jobs, paths of deployments."""

    created_by: str = ""
    inputs: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)


def status_style(status: str) -> str:
    """The style of a status: good, bad, soft or wait."""
    return STATUS_STYLES.get(status, "wait")


def format_time(text: str | None) -> str:
    """A time of a document in UTC, in seconds."""
    if not text:
        return "\N{EN DASH}"
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration_text(body: JobDocument) -> str:
    """How long a job ran, or has run until now."""
    if not body.get("started"):
        return "\N{EN DASH}"
    started = datetime.fromisoformat(body["started"])
    end = datetime.fromisoformat(body["ended"]) if body.get("ended") else datetime.now(UTC)
    seconds = max(0, int((end - started).total_seconds()))
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


def short_name(reference: object) -> str:
    """``name:version`` from the resource id of an asset; other texts are returned unchanged."""
    text = str(reference or "")
    match = re.search(r"/(\w+)/([^/]+)/versions/([^/]+)\Z", text)
    return f"{match[2]}:{match[3]}" if match else text.removeprefix("azureml:")


def asset_path(reference: object) -> str:
    """The path of the page of an asset by its resource id; empty for other texts."""
    match = re.search(
        rf"/workspaces/[^/]+/({'|'.join(SHOWN_KINDS)})/([^/]+)/versions/([^/]+)\Z",
        str(reference or ""),
        re.IGNORECASE,
    )
    if match is None or match[2] in ANONYMOUS_NAMES:
        return ""
    return f"assets/{match[1].lower()}/{match[2].removeprefix('azureml:')}/{match[3]}"


def files(folder: Path) -> list[tuple[str, int]]:
    """The files in a folder and its subfolders with their sizes, by name; at most 200."""
    entries = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            entries.append((path.relative_to(folder).as_posix(), path.stat().st_size))
        if len(entries) > MAX_FILES:
            break
    return sorted(entries)


def online(endpoint: Endpoint) -> list[Deployment]:
    """The deployments of an online endpoint."""
    return [
        Deployment(
            each.own_name,
            str(each.body.get("state", "")),
            model_of(each.properties),
            *endpoint.shares(each.own_name),
        )
        for each in endpoint.deployments()
    ]


def batch(endpoint: Endpoint) -> list[Deployment]:
    """The deployments of a batch endpoint; the default has all traffic."""
    default = (endpoint.properties.get("defaults") or {}).get("deploymentName")
    return [
        Deployment(
            each.own_name,
            "Succeeded",
            model_of(each.properties),
            100 if each.own_name == default else 0,
        )
        for each in endpoint.deployments()
    ]


def model_of(properties: DeploymentProperties) -> str:
    """The model of an online or a batch deployment."""
    model = properties.get("model") or ""
    return (
        str(model.get("assetId") or model.get("path") or "") if isinstance(model, dict) else model
    )


def lineage(workspace: Workspace, asset: AssetResource) -> Lineage:
    """The job that created a version of an asset, and the jobs and deployments that use it."""
    ending = f"/{asset.kind}/{asset.name}/versions/{asset.version}".lower()
    asset_id = f"azureml:{asset.name}:{asset.version}".lower()

    def refers_to_asset(reference: object) -> bool:
        text = str(reference or "").lower()
        return text.endswith(ending) or text == asset_id

    used_by, created_by = [], run_of(asset.body) if asset.kind == MODELS else ""
    for job in workspace.documents.entries(JOBS):
        properties = job.body["properties"]
        input_uris = [
            value.get("uri") for value in (properties.get("inputs") or {}).values() if value
        ]
        fields = [properties.get("environmentId"), properties.get("componentId"), *input_uris]
        if any(refers_to_asset(value) for value in fields):
            used_by.append(job.name)
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
    address = (asset.body.get("dataUri") or asset.body.get("modelUri") or "").rstrip("/")
    return any(address and address.startswith(uri.rstrip("/")) for uri in outputs)
