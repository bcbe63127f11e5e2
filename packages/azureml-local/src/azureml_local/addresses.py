"""Addresses that several services share: storage account, tracking URIs, files of jobs and runs."""

from __future__ import annotations

import re

from azureml_local.documents.jobs import JOBS
from azureml_local.state import ARTIFACTS, FILES, Workspace

PLAIN_MLFLOW = "plain"
ARTIFACT_PATH = re.compile(r"^azureml://jobs/([^/]+)/outputs/artifacts/(?:paths/)?(.+?)/?$")
OUTPUT_PATH = re.compile(r"^azureml://jobs/([^/]+)/outputs/([^/]+)(?:/paths/(.*?))?/?$")
SHORT_PATH = re.compile(r"^azureml://datastores/([^/]+)/paths/(.+)$")
RUN_PATH = re.compile(r"^runs:/([^/]+)/(.+?)/?$")


def storage_account(workspace: Workspace) -> str:
    """The storage account's name.

    The SDK builds ``https://{name}.blob.{suffix}`` from it. The name contains host, port and path,
    so every storage address leads to this server.
    """
    return f"{workspace.state.url.removeprefix('https://')}/{workspace.key}"


def blob_endpoint(workspace: Workspace) -> str:
    """The address of the workspace's blob storage."""
    return f"https://{storage_account(workspace)}.blob.core.windows.net"


def mlflow_tracking_uri(workspace: Workspace) -> str:
    """The tracking URI for MLflow without azureml-mlflow.

    Its path differs from that of :func:`azureml_tracking_uri`: azureml-mlflow and the SDK replace
    ``v1.0`` by ``v2.0`` even in an https address, and the server must tell the clients apart.
    """
    return f"{workspace.state.url}/mlflow/{PLAIN_MLFLOW}{workspace.path}"


def azureml_tracking_uri(workspace: Workspace, api: str = "v1.0") -> str:
    """The tracking URI for azureml-mlflow."""
    return f"azureml://{workspace.state.url.removeprefix('https://')}/mlflow/{api}{workspace.path}"


def run_artifacts_path(run: str) -> str:
    """The path of a run's artifacts in the artifact store."""
    return f"ExperimentRun/dcid.{run}"


def resolve_job_uri(workspace: Workspace, uri: str) -> str:
    """The datastore URI of a job's output or artifact; other addresses are returned unchanged."""
    match = ARTIFACT_PATH.match(uri) or RUN_PATH.match(uri)
    if match:
        path = f"{run_artifacts_path(match[1])}/{match[2]}"
        return workspace.datastore_uri(ARTIFACTS, path)
    match = OUTPUT_PATH.match(uri)
    if match:
        rest = f"/{match[3]}" if match[3] else ""
        job = workspace.documents.get(JOBS, match[1])
        output_uri = ((job.body.get("outputs") or {}) if job else {}).get(match[2])
        if output_uri:
            return f"{output_uri.rstrip('/')}{rest}"
        return workspace.datastore_uri(FILES, f"azureml/{match[1]}/{match[2]}{rest}")
    match = SHORT_PATH.match(uri)
    return workspace.datastore_uri(match[1], match[2]) if match else uri
