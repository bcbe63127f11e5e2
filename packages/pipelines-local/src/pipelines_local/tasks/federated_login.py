"""The login of an AzureCLI step by workload identity federation, for a local workspace.

On Azure the ID token of the step expires after ten minutes. After that the step gets no token for a
new resource, and after an hour none at all (AADSTS700024). ``keepAzSessionActive: true`` renews the
login. The server of azureml-local simulates this for clients whose ``IDENTITY_HEADER`` has a login:
the SDK and the ``az`` of the workspace.
``AzurePipelinesCredential`` of azure-identity requests a new ID token for each access token, at
``System.OidcRequestUri`` and with ``System.AccessToken``. The server answers these requests, too,
for the service connections that the job references.
Sources: ``azureclitask.ts`` of azure-pipelines-tasks (PR 19989), azure-cli issue 28708,
``azure_pipelines.py`` of azure-identity, dotnet/docker-tools issue 2012.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ID_TOKEN_SECONDS = 600.0
"""The lifetime of an ID token on Azure."""
ERROR = "AADSTS700024"
_LOCAL_ID = "00000000-0000-0000-0000-000000000000"
HEADER = "IDENTITY_HEADER"
WORKSPACE = "AZUREML_LOCAL_BIN"
"""The variable of a local workspace's connection with the folder of its program ``az``."""
_ENDPOINT = "AZUREML_SERVICE_ENDPOINT"
_OIDC_PATH = "/pipelines/_apis/distributedtask/hubs/build/plans/{}/jobs/{}/oidctoken"


@dataclass(frozen=True)
class JobLogin:
    """What a job needs for ``AzurePipelinesCredential``.

    Attributes:
        request_uri: ``System.OidcRequestUri``, where a job requests ID tokens.
        access_token: ``System.AccessToken``, which contains the service connections of the job.
        authority: ``AZURE_AUTHORITY_HOST``, where an ID token is exchanged for an access token.
    """

    request_uri: str
    access_token: str
    authority: str


def login(environment: Mapping[str, str], seconds: float, *, renewed: bool) -> dict[str, str]:
    """Return the variables of a new login; empty if there is nothing to simulate.

    Args:
        environment: the environment of the step with the variables of its service connection.
        seconds: the lifetime of the ID token; 0 for a service connection with a secret.
        renewed: whether the step renews its login (``keepAzSessionActive``).
    """
    header = environment.get(HEADER)
    if not header or WORKSPACE not in environment or not seconds or renewed:
        return {}
    return {HEADER: f"{header};login={uuid.uuid4().hex},{time.time():.3f},{seconds:.3f}"}


def identity_variables(connection: str, *, add_principal: bool) -> dict[str, str]:
    """Return the variables that the task sets for a service connection of this kind.

    Args:
        connection: the name of the service connection.
        add_principal: whether the step has ``addSpnToEnvironment``.
    """
    variables = {
        "AZURESUBSCRIPTION_CLIENT_ID": _LOCAL_ID,
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": str(uuid.uuid5(uuid.NAMESPACE_DNS, connection)),
        "AZURESUBSCRIPTION_TENANT_ID": _LOCAL_ID,
    }
    if add_principal:
        variables |= {"servicePrincipalId": _LOCAL_ID, "tenantId": _LOCAL_ID, "idToken": "local"}
    return variables


def create_job_login(
    connections: Mapping[str, Mapping[str, str]], path: str, run: str, job: str
) -> JobLogin | None:
    """Return the login of a job; None if no service connection leads to a local workspace.

    Args:
        connections: the environments of the service connections that the job references, by name.
            With several servers, only the connections of the first server get ID tokens.
        path: ``STAGE.JOB.INSTANCE``.
        run: the name of the run folder.
        job: ``System.JobId``.
    """
    local = {
        name: environment
        for name, environment in connections.items()
        if WORKSPACE in environment and HEADER in environment and _ENDPOINT in environment
    }
    if not local:
        return None
    first = next(iter(local.values()))
    ids = [
        {**identity_variables(name, add_principal=False), **environment}
        for name, environment in local.items()
        if environment[_ENDPOINT] == first[_ENDPOINT]
    ]
    names = {"id": "SERVICE_CONNECTION_ID", "client": "CLIENT_ID", "tenant": "TENANT_ID"}
    document = {
        "path": path,
        "connections": [
            {key: each[f"AZURESUBSCRIPTION_{name}"] for key, name in names.items()} for each in ids
        ],
    }
    text = base64.urlsafe_b64encode(json.dumps(document).encode()).decode()
    authority = first[_ENDPOINT].rstrip("/")
    return JobLogin(
        authority + _OIDC_PATH.format(run, job), f"{first[HEADER]};job={text}", authority
    )


def has_expired(output: Iterable[str]) -> bool:
    """Whether the output of a step has the error of an expired login."""
    return any(ERROR in line for line in output)
