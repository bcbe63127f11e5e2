"""What a client asks before it knows of any workspace: the cloud's description, and tokens."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import auth
from azureml_local.routing import Routes
from azureml_local.state import State

CLOUD = "AzureMLLocal"
METADATA = "/metadata/endpoints"
TOKEN = "/msi/token"  # noqa: S105 - a path
PORTAL = "https://portal.azure.local/"
LOGIN = "https://login.azure.local/"
"""Nobody asks there; azureml-mlflow takes its host for an authority, which may have no port."""
STORAGE_SUFFIX = "core.windows.net"
"""Kept as in public Azure: the SDK's download of code parses it with a fixed pattern."""


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add("GET", METADATA, "Cloud metadata")
    async def metadata(request: Request) -> Response:
        return JSONResponse(
            [
                {
                    "name": CLOUD,
                    "portal": PORTAL,
                    "resourceManager": f"{state.url}/",
                    "authentication": {
                        "loginEndpoint": LOGIN,
                        "audiences": [f"{state.url}/"],  # azureml-mlflow reads the first
                    },
                    "suffixes": {"storage": STORAGE_SUFFIX},
                }
            ]
        )

    @routes.add("GET", TOKEN, "Token of the managed identity")
    async def issue(request: Request) -> Response:
        given = request.headers.get("x-identity-header", "")
        workspace = auth.identity_scope(state.secret, given)
        audience = request.query_params.get("resource", "")
        value, expires = auth.issue_token(state.secret, audience, workspace)
        return JSONResponse(
            {
                "access_token": value,
                "expires_on": str(expires),
                "resource": audience,
                "token_type": "Bearer",
            }
        )


def credentials(state: State, workspace: str = "") -> dict[str, str]:
    """The variables that let a client in: to everything, or to the workspace of that key alone."""
    mlflow_token, _ = auth.issue_token(state.secret, "mlflow", workspace)
    return {
        "IDENTITY_HEADER": auth.identity_header(state.secret, workspace),
        "MLFLOW_TRACKING_TOKEN": mlflow_token,
    }


def client_environment(state: State, authorities: Path) -> dict[str, str]:
    """The variables under which an unmodified client reaches this server and nothing else."""
    return {
        "ARM_CLOUD_METADATA_URL": f"{state.url}{METADATA}",
        # With the name a missing server is an error; without it the SDK falls back to public Azure.
        "AZUREML_CURRENT_CLOUD": CLOUD,
        # Without this the SDK looks for registries elsewhere.
        "REGISTRY_DISCOVERY_ENDPOINT_URL": f"{state.url}/",
        "IDENTITY_ENDPOINT": f"{state.url}{TOKEN}",
        **credentials(state),
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "REQUESTS_CA_BUNDLE": str(authorities),
        "AZURE_ML_DISABLE_ON_DISK_CACHE": "true",
        # Whole seconds are all that the SDK takes.
        "AZUREML_RUN_POLLING_INTERVAL_MIN": "1",
        "AZUREML_RUN_POLLING_INTERVAL_MAX": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
    }
