"""The login of an AzureCLI step by workload identity federation, for a local workspace.

On Azure the ID token of the step expires after ten minutes. After that the step gets no token for a
new resource, and after an hour none at all (AADSTS700024). ``keepAzSessionActive: true`` renews the
login. The server of azureml-local simulates this for clients whose ``IDENTITY_HEADER`` has a login:
the SDK and the ``az`` of the workspace.
Source: ``azureclitask.ts`` of azure-pipelines-tasks (PR 19989), azure-cli issue 28708.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping

ID_TOKEN_SECONDS = 600.0
"""The lifetime of an ID token on Azure."""
ERROR = "AADSTS700024"
_LOCAL_ID = "00000000-0000-0000-0000-000000000000"
HEADER = "IDENTITY_HEADER"
WORKSPACE = "AZUREML_LOCAL_BIN"
"""The variable of a local workspace's connection with the folder of its program ``az``."""


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


def has_expired(output: Iterable[str]) -> bool:
    """Whether the output of a step has the error of an expired login."""
    return any(ERROR in line for line in output)
