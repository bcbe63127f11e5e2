"""The data of the pages of endpoints: rows of the list, deployments, settings and logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azureml_local.batch.invocation_data import component_of
from azureml_local.batch.settings import Settings, parse_settings
from azureml_local.documents.endpoints import DeploymentProperties
from azureml_local.documents.jobs import JOBS, JobResource
from azureml_local.endpoints import BATCH, ONLINE, Deployment, Endpoint
from azureml_local.errors import AzureError
from azureml_local.json_fields import object_of
from azureml_local.online.access import auth_mode
from azureml_local.online.deployments import log_files
from azureml_local.state import Workspace
from azureml_local.studio.file_responses import read_log

AUTH_MODES = {"Key": "key", "AMLToken": "aml_token", "AADToken": "aad_token"}
"""The words of the SDK and of YAML files."""
LOG_LINES = 50
"""The lines of a log on the page of an endpoint; its own page has more."""


@dataclass(frozen=True)
class EndpointRow:
    """A row of the list; ``deployments`` have their share of the traffic, or the default."""

    name: str
    kind: str
    state: str
    auth_mode: str
    deployments: list[str]
    created: str


@dataclass(frozen=True)
class OnlineDeployment:
    """An online deployment, with its shares of the live and mirrored traffic in percent."""

    name: str
    status: str
    model: str
    environment: str
    script: str
    instance_type: str
    instances: int
    traffic: int
    mirror: int
    log: str


@dataclass(frozen=True)
class BatchDeployment:
    """A batch deployment of a model or of a pipeline component, with its settings by title."""

    name: str
    is_default: bool
    model: str
    component: str
    environment: str
    compute: str
    settings: dict[str, str]


def endpoint_rows(workspace: Workspace) -> list[EndpointRow]:
    """The online and the batch endpoints of a workspace, oldest first."""
    rows = []
    for endpoint in ONLINE.all_in(workspace):
        shares = [
            f"{each.own_name} ({endpoint.shares(each.own_name)[0]} %, {each.body.get('state')})"
            for each in endpoint.deployments()
        ]
        mode = AUTH_MODES[auth_mode(endpoint)]
        rows.append(_row(endpoint, "online", mode, shares))
    for endpoint in BATCH.all_in(workspace):
        default = default_deployment(endpoint)
        names = [
            f"{each.own_name} (default)" if each.own_name == default else each.own_name
            for each in endpoint.deployments()
        ]
        rows.append(_row(endpoint, "batch", "aad_token", names))
    return sorted(rows, key=lambda row: row.created)


def _row(endpoint: Endpoint, kind: str, mode: str, deployments: list[str]) -> EndpointRow:
    created = endpoint.resource.created
    return EndpointRow(endpoint.name, kind, "Succeeded", mode, deployments, created)


def online_deployments(endpoint: Endpoint) -> list[OnlineDeployment]:
    """The deployments of an online endpoint, with the last lines of their logs."""
    return [
        OnlineDeployment(
            each.own_name,
            str(each.body.get("state", "")),
            model_of(each.properties),
            str(each.properties.get("environmentId") or ""),
            str((each.properties.get("codeConfiguration") or {}).get("scoringScript") or ""),
            str(_field(each, "instanceType") or ""),
            int((each.body.get("sku") or {}).get("capacity") or 1),
            *endpoint.shares(each.own_name),
            "\n".join(deployment_log(each).splitlines()[-LOG_LINES:]),
        )
        for each in endpoint.deployments()
    ]


def _field(deployment: Deployment, name: str) -> object:
    properties: Mapping[str, object] = deployment.properties
    return properties.get(name)


def deployment_log(deployment: Deployment) -> str:
    """The end of the log of an online deployment, with the build of its environment."""
    logs = [log for log in log_files(deployment.folder) if log.is_file()]
    parts = [read_log(log, None)[0] for log in logs]
    return "".join(f"{part.rstrip()}\n" for part in parts if part.strip())


def most_used(deployments: list[OnlineDeployment]) -> str:
    """The deployment with the most traffic, else the first; empty without deployments."""
    best = max(deployments, key=lambda each: each.traffic, default=None)
    return best.name if best else ""


def default_deployment(endpoint: Endpoint) -> str:
    """The default deployment of a batch endpoint; empty without one."""
    return str((endpoint.properties.get("defaults") or {}).get("deploymentName") or "")


def batch_deployments(endpoint: Endpoint) -> list[BatchDeployment]:
    """The deployments of a batch endpoint, the default one first."""
    default = default_deployment(endpoint)
    deployments = [
        BatchDeployment(
            each.own_name,
            each.own_name == default,
            model_of(each.properties),
            component_of(each.properties),
            str(each.properties.get("environmentId") or ""),
            str(each.properties.get("compute") or "").rpartition("/")[2],
            _batch_settings(each.properties),
        )
        for each in endpoint.deployments()
    ]
    return sorted(deployments, key=lambda each: not each.is_default)


def _batch_settings(properties: DeploymentProperties) -> dict[str, str]:
    """The settings of a batch deployment; those of a pipeline component are its job's."""
    if component_of(properties):
        configuration = object_of(properties, "deploymentConfiguration")
        settings = object_of(configuration, "settings")
        return {key.replace("_", " ").capitalize(): str(each) for key, each in settings.items()}
    try:
        parsed = parse_settings(properties)
    except AzureError:  # stored before a setting was checked
        return {}
    return _model_settings(parsed)


def _model_settings(settings: Settings) -> dict[str, str]:
    threshold = settings.error_threshold
    file = {"Output file": settings.file_name} if settings.append_row else {}
    return {
        "Mini-batch size": str(settings.mini_batch_size),
        "Instance count": str(settings.instances),
        "Concurrency per instance": str(settings.concurrency),
        "Output action": "append_row" if settings.append_row else "summary_only",
        **file,
        "Error threshold": "none" if threshold < 0 else str(threshold),
        "Retries of a mini-batch": str(settings.max_retries),
        "Timeout of a mini-batch": f"{settings.seconds:g} s",
    }


def endpoint_jobs(workspace: Workspace, endpoint: Endpoint) -> list[JobResource]:
    """The jobs that a batch endpoint started, newest first."""
    entries = reversed(workspace.documents.entries(JOBS))
    return [
        job
        for job in entries
        if job.body.get("endpoint") == endpoint.name and not job.body.get("parent")
    ]


def model_of(properties: DeploymentProperties) -> str:
    """The model of an online or a batch deployment."""
    model = properties.get("model") or ""
    if isinstance(model, dict):
        return str(model.get("assetId") or model.get("path") or "")
    return model
