"""What the pages show, gathered from the store: rows of lists, and who made and uses an asset."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azureml_local import compute
from azureml_local.assets import ANONYMOUS_NAMES, KINDS
from azureml_local.capacity import jobs_on
from azureml_local.jobs import records
from azureml_local.mlflow.entities import run_of
from azureml_local.state import State, Workspace
from azureml_local.store import Resource

TONES = {
    "Completed": "good",
    "Succeeded": "good",
    "Failed": "bad",
    "Canceled": "soft",
    "Running": "wait",
    "Updating": "wait",
    "Creating": "wait",
}
SHOWN_KINDS = [kind for kind in KINDS if kind != "codes"]
MOST_FILES = 200
ONLINE = ("onlineEndpoints", "onlineDeployments")
BATCH = ("batchEndpoints", "batchDeployments")
"""How endpoints and deployments of each kind are kept."""


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
    """A cluster or an instance: what it is, what it takes, the jobs that run and how many wait."""

    name: str
    kind: str
    state: str
    size: str
    running: list[str]
    queued: int


@dataclass(frozen=True)
class Lineage:
    """Where an asset comes from and where it goes: names of jobs, paths of deployments."""

    made_by: str = ""
    inputs: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)


def tone(status: str) -> str:
    """How a status looks: good, bad, soft, or wait."""
    return TONES.get(status, "wait")


def when(text: str | None) -> str:
    """A time of a document, to the second, in UTC."""
    if not text:
        return "\N{EN DASH}"
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def took(body: dict[str, Any]) -> str:
    """How long a job ran, or has run so far."""
    if not body.get("started"):
        return "\N{EN DASH}"
    begun = datetime.fromisoformat(body["started"])
    end = datetime.fromisoformat(body["ended"]) if body.get("ended") else datetime.now(UTC)
    seconds = max(0, int((end - begun).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def jobs(state: State, workspace: Workspace) -> list[Resource]:
    """The jobs that are no steps of others, newest first."""
    found = state.store.entries(workspace.key, records.KIND)
    return [each for each in reversed(found) if not each.body.get("parent")]


def computes(state: State, workspace: Workspace) -> list[Compute]:
    """The clusters and instances, oldest first, with who is at work on them."""
    found = []
    for each in state.store.entries(workspace.key, compute.KIND):
        properties = each.body["properties"]
        inner = properties["properties"]
        cluster = properties["computeType"] == compute.CLUSTER
        scale = inner.get("scaleSettings") or {}
        found.append(
            Compute(
                each.name,
                "cluster" if cluster else "instance",
                f"at most {scale['maxNodeCount']} jobs" if cluster else str(inner["state"]),
                str(inner.get("vmSize") or ""),
                [job.name for job in jobs_on(state, workspace, each.name, "Running")],
                len(jobs_on(state, workspace, each.name, "Queued")),
            )
        )
    return found


def short(reference: Any) -> str:
    """An asset as ``name:version``, out of its resource id or address; other texts as they are."""
    text = str(reference or "")
    match = re.search(r"/(\w+)/([^/]+)/versions/([^/]+)\Z", text)
    return f"{match[2]}:{match[3]}" if match else text.removeprefix("azureml:")


def asset_path(reference: Any) -> str:
    """The page of an asset that a resource id names, below the workspace's; empty for others."""
    match = re.search(
        rf"/workspaces/[^/]+/({'|'.join(SHOWN_KINDS)})/([^/]+)/versions/([^/]+)\Z",
        str(reference or ""),
        re.IGNORECASE,
    )
    if match is None or match[2] in ANONYMOUS_NAMES:
        return ""
    return f"assets/{match[1].lower()}/{match[2].removeprefix('azureml:')}/{match[3]}"


def files(folder: Path) -> list[tuple[str, int]]:
    """The files below a folder with their sizes, by name; not all where there are very many."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            found.append((path.relative_to(folder).as_posix(), path.stat().st_size))
        if len(found) > MOST_FILES:
            break
    return sorted(found)


def online(state: State, endpoint: Resource, kind: str) -> list[Deployment]:
    """The deployments of an online endpoint."""
    properties = endpoint.body["properties"]
    live, mirror = properties.get("traffic") or {}, properties.get("mirrorTraffic") or {}
    return [
        Deployment(
            name,
            str(each.body.get("state", "")),
            str(each.body["properties"].get("model") or ""),
            int(live.get(name, 0)),
            int(mirror.get(name, 0)),
        )
        for each, name in _deployments(state, endpoint, kind)
    ]


def batch(state: State, endpoint: Resource, kind: str) -> list[Deployment]:
    """The deployments of a batch endpoint; the default has all traffic."""
    default = (endpoint.body["properties"].get("defaults") or {}).get("deploymentName")
    return [
        Deployment(
            name,
            "Succeeded",
            model_of(each.body["properties"]),
            100 if name == default else 0,
        )
        for each, name in _deployments(state, endpoint, kind)
    ]


def model_of(properties: dict[str, Any]) -> str:
    """The model that a deployment names, of an online or of a batch endpoint."""
    found = properties.get("model") or ""
    return (
        str(found.get("assetId") or found.get("path") or "") if isinstance(found, dict) else found
    )


def _deployments(state: State, endpoint: Resource, kind: str) -> list[tuple[Resource, str]]:
    found = state.store.entries(endpoint.workspace, kind)
    own = [each for each in found if each.name.lower().startswith(f"{endpoint.name.lower()}/")]
    return [(each, each.name.partition("/")[2]) for each in own]


def lineage(state: State, workspace: Workspace, found: Resource) -> Lineage:
    """What made a version of an asset, and what uses it."""
    ending = f"/{found.kind}/{found.name}/versions/{found.version}".lower()
    named = f"azureml:{found.name}:{found.version}".lower()

    def means(reference: Any) -> bool:
        text = str(reference or "").lower()
        return text.endswith(ending) or text == named

    used, made = [], run_of(found.body) if found.kind == "models" else ""
    for job in state.store.entries(workspace.key, records.KIND):
        properties = job.body["properties"]
        given = [each.get("uri") for each in (properties.get("inputs") or {}).values() if each]
        fields = [properties.get("environmentId"), properties.get("componentId"), *given]
        if any(means(each) for each in fields):
            used.append(job.name)
        elif not made and _made(job, found):
            made = job.name
    deployments = [
        f"{kind}/{each.name.replace('/', '#')}"
        for kind, (_, where) in (("online", ONLINE), ("batch", BATCH))
        for each in state.store.entries(workspace.key, where)
        if means(model_of(each.body["properties"]))
        or means(each.body["properties"].get("environmentId"))
    ]
    maker = state.store.get(workspace.key, records.KIND, made) if made else None
    inputs = (maker.body["properties"].get("inputs") or {}) if maker else {}
    sources = [each["uri"] for each in inputs.values() if each and each.get("uri")]
    return Lineage(made if maker else "", sources, used, deployments)


def _made(job: Resource, found: Resource) -> bool:
    """Whether a job wrote what an asset points to."""
    outputs = (job.body.get("outputs") or {}).values()
    address = str(found.body.get("dataUri") or found.body.get("modelUri") or "").rstrip("/")
    return any(address and address.startswith(str(uri).rstrip("/")) for uri in outputs)
