"""The environment of an online deployment: its conda file, its check, its interpreter."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from azureml_local.endpoints import Deployment
from azureml_local.errors import AzureError
from azureml_local.interpreters import Interpreter, Interpreters
from azureml_local.online import azure_server
from azureml_local.online.requirements import check_requirements
from azureml_local.online.scorer import AZURE_SERVER
from azureml_local.online.worker import LaunchSettings
from azureml_local.scoring.conda_files import CondaFile, find_conda_file

NOCODE_SCRIPT = Path(__file__).with_name("mlflow_score.py")
"""The scoring script of no-code deployments in Microsoft's server."""


class DeploymentEnvironments:
    """Prepares the environments of deployments."""

    def __init__(self, interpreters: Interpreters | None) -> None:
        """Without ``interpreters``, all deployments run in the server's interpreter."""
        self._interpreters = interpreters

    async def prepare(
        self, deployment: Deployment, launch: LaunchSettings, build_log: Path
    ) -> LaunchSettings:
        """How to start the deployment's processes in its environment.

        Without isolation the log lists how the environment differs from the server's interpreter.

        Args:
            deployment: the deployment.
            launch: how to start its processes in the server's interpreter.
            build_log: the file for the output of the build.

        Raises:
            AzureError: the environment cannot be built, or a no-code deployment's environment
                lacks a package of Azure's server.
        """
        model = Path(launch.spec["model"]) if "model" in launch.spec else None
        conda_file = await asyncio.to_thread(find_conda_file, deployment, model)
        if conda_file is None:
            if self._interpreters is not None:
                interpreter = await self._interpreters.get(None, build_log)
                if interpreter is not None:
                    return _isolate(launch, interpreter, str(interpreter.folder))
                launch.write_log(
                    "warning: no conda file to build an environment from; the deployment uses the "
                    "packages of azureml-local's interpreter"
                )
            return launch
        if self._interpreters is not None:
            await asyncio.to_thread(_check, conda_file, launch, differences=False)
            interpreter = await self._interpreters.get(conda_file.text, build_log)
            if interpreter is not None:
                return _isolate(launch, interpreter, conda_file.source)
        missing = await asyncio.to_thread(_check, conda_file, launch)
        return replace(launch, spec=launch.spec | {"missing": " ".join(missing)})


def _check(conda_file: CondaFile, launch: LaunchSettings, *, differences: bool = True) -> list[str]:
    """Check the server's packages, and log what is missing and the differences.

    Returns:
        The server packages that the environment of a scoring script lacks. A script may need none:
        its image may have a server, and not every script collects data.

    Raises:
        AzureError: a no-code deployment's environment lacks a package of Azure's server.
    """
    check = check_requirements(conda_file.source, conda_file.text)
    no_code = "script" not in launch.spec
    for line in check.log_lines if no_code else check.differences:
        if differences or line not in check.differences:
            launch.write_log(line)
    if no_code and check.missing:
        raise _missing_server(conda_file.source, *check.missing)
    if differences and azure_server.DISTRIBUTION in check.missing:
        launch.write_log(_other_server(conda_file.source))
    return check.missing


def _other_server(source: str) -> str:
    return (
        f"warning: {source} lacks {azure_server.DISTRIBUTION}; azureml-local's own server "
        "answers. On Azure the image must bring a server"
    )


def _missing_server(source: str, *packages: str) -> AzureError:
    return AzureError(
        f"the container crashed: {source} lacks {', '.join(packages)}, which Azure's "
        "inference server needs; add it to the model's pip requirements",
        "ContainerCrashed",
    )


def _isolate(launch: LaunchSettings, interpreter: Interpreter, source: str) -> LaunchSettings:
    """The settings to start the processes with an interpreter of their own.

    Raises:
        AzureError: a no-code deployment's environment lacks Azure's server.
    """
    environment = interpreter.add_variables(launch.environment)
    spec = dict(launch.spec)
    if interpreter.has_package(azure_server.PACKAGE):
        spec["server"] = AZURE_SERVER
        environment["SERVICE_NAME"] = launch.spec["name"]
        environment.setdefault("AZUREML_ENTRY_SCRIPT", str(NOCODE_SCRIPT))
    elif "script" not in spec:
        raise _missing_server(source, azure_server.DISTRIBUTION)
    else:
        launch.write_log(_other_server(source))
    return replace(
        launch,
        spec=spec,
        environment=environment,
        python=interpreter.python,
        forkable=False,
    )
