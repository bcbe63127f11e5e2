"""The cloud metadata and token endpoints, and the environment variables of clients."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.client_variables import join_hosts
from azureml_local.identity import auth
from azureml_local.identity.federated_logins import IdTokenExpired, TokenCaches, split_header
from azureml_local.routing import Routes
from azureml_local.state import State

CLOUD = "AzureMLLocal"
DIRECT = ("localhost", "127.0.0.1")
METADATA = "/metadata/endpoints"
TOKEN = "/msi/token"  # noqa: S105 - a path
PORTAL = "https://portal.azure.local/"
LOGIN = "https://login.azure.local/"
"""Never requested; azureml-mlflow uses its host as authority, which may not have a port."""
STORAGE_SUFFIX = "core.windows.net"
"""As in public Azure: the SDK's download of code parses it with a fixed pattern."""


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""
    caches = TokenCaches(state.url)

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
        header, login = split_header(request.headers.get("x-identity-header", ""))
        workspace = auth.identity_scope(state.secret, header)
        audience = request.query_params.get("resource", "")
        try:
            expiry = caches.token_expiry(login, audience) if login else None
        except IdTokenExpired as error:  # the form that MSAL reads
            return JSONResponse({"statusCode": 401, "message": str(error)}, status_code=401)
        value, expires = auth.issue_token(state.secret, audience, workspace, expiry)
        return JSONResponse(
            {
                "access_token": value,
                "expires_on": str(expires),
                "resource": audience,
                "token_type": "Bearer",
            }
        )


def credentials(state: State, workspace: str = "") -> dict[str, str]:
    """Credentials for all workspaces, or for the workspace with that key, as variables."""
    mlflow_token, _ = auth.issue_token(state.secret, "mlflow", workspace)
    return {
        "IDENTITY_HEADER": auth.identity_header(state.secret, workspace),
        "MLFLOW_TRACKING_TOKEN": mlflow_token,
    }


def client_environment(state: State, authorities: Path) -> dict[str, str]:
    """The variables that connect an unmodified client to this server, and only to it."""
    return {
        "ARM_CLOUD_METADATA_URL": f"{state.url}{METADATA}",
        # Without it, the SDK falls back to public Azure if this server is missing.
        "AZUREML_CURRENT_CLOUD": CLOUD,
        # Without it the SDK looks for registries in public Azure.
        "REGISTRY_DISCOVERY_ENDPOINT_URL": f"{state.url}/",
        "IDENTITY_ENDPOINT": f"{state.url}{TOKEN}",
        **credentials(state),
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "REQUESTS_CA_BUNDLE": str(authorities),
        # The data runtime of mltable and azureml-fsspec waits for public Azure without this
        # address, and reads the authorities from one file.
        "AZUREML_SERVICE_ENDPOINT": state.url,
        "SSL_CERT_FILE": str(authorities.with_name("ca-bundle.pem")),
        "AZURE_ML_DISABLE_ON_DISK_CACHE": "true",
        # The response of this server waits for the end of the job: see DETAILS_SECONDS.
        "AZUREML_RUN_POLLING_INTERVAL_MIN": "0",
        "AZUREML_RUN_POLLING_INTERVAL_MAX": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "NO_PROXY": _without_proxy(),
        "no_proxy": _without_proxy(),
    }


def _without_proxy() -> str:
    """The hosts that clients reach directly: those of the user, and this machine."""
    own = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return join_hosts(own, *DIRECT)
