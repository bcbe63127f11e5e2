"""Runs a command of the extension ``ml`` and turns errors of the SDK into those of ``az``."""

from __future__ import annotations

from typing import Any

from azureml_local.az.errors import AzError, NotFound
from azureml_local.az.ml import assets, endpoints, infrastructure, jobs
from azureml_local.az.ml.assets import Command
from azureml_local.az.ml.clients import connect
from azureml_local.az.profile import Profile
from azureml_local.az.program import Arguments

COMMANDS: dict[str, Command] = {
    **assets.COMMANDS,
    **endpoints.COMMANDS,
    **infrastructure.COMMANDS,
    **jobs.COMMANDS,
}


def run_ml_command(profile: Profile, name: str, arguments: Arguments) -> Any:
    """Run a command and return its result.

    Raises:
        NotFound: a resource does not exist.
        AzError: the operation failed.
    """
    client = connect(profile, arguments)
    from azure.core.exceptions import AzureError, HttpResponseError
    from marshmallow import ValidationError

    try:
        return COMMANDS[name.removeprefix("ml ")](client, arguments)
    except HttpResponseError as error:
        kind = NotFound if error.status_code == 404 else AzError
        raise kind(str(error)) from None
    except (AzureError, ValidationError, OSError) as error:
        raise AzError(str(error)) from None
