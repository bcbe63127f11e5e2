"""The server's part of ``az``: the program file, and the preloaded process for ``az ml``."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.az import DATA_VARIABLE, preloaded
from azureml_local.files import write_text
from azureml_local.forked_workers import ForkedWorkers
from azureml_local.routing import Routes
from child_processes import preload

_MODULES = (
    "child_processes.preload:import_jsonschema",
    "azure.ai.ml.entities",
    "azure.identity",
    "azureml_local.az.core",
    "azureml_local.az.ml.commands",
    "azureml_local.server_file",
    "jmespath",
    "yaml",
    # The SDK imports these in some operations, if they are installed.
    "IPython",
    "azure.identity._credentials.app_service",
    "mlflow",
    "azureml.mlflow.entry_point_loaders",
    "azureml.mlflow._internal.service_context_loader",
)


class AzService:
    """Starts the preloaded process of ``az ml`` on its first use."""

    def __init__(self, data: Path, env: Mapping[str, str]) -> None:
        """Configure the process; it is not started yet."""
        self._data = data
        self._env = {**os.environ, **env}
        self._workers = ForkedWorkers(_MODULES, env=self._env, log=data / "az.log")

    def register(self, routes: Routes) -> None:
        """Add the operations of this module."""

        @routes.add("POST", preloaded.PATH, "Preloaded process of az")
        async def start(request: Request) -> Response:
            return JSONResponse(self._write_address(self._workers.preload()))

    def stop(self) -> None:
        """End the preloaded process."""
        self._workers.stop()
        (self._data / preloaded.FILE).unlink(missing_ok=True)

    def _write_address(self, address: Path | None) -> dict[str, object]:
        """Store the address of the process for later calls; returns the content of the file."""
        variables = {
            name: value
            for name, value in self._env.items()
            if name.startswith(preload.READ_AT_IMPORT)
        }
        content: dict[str, object] = {
            "address": str(address) if address else "",
            "python": sys.executable,
            "variables": variables,
        }
        write_text(self._data / preloaded.FILE, json.dumps(content))
        return content


def write_program(data: Path) -> Path:
    """Write the program file ``az`` of a data folder; returns its folder, for the PATH."""
    folder = data / "bin"
    folder.mkdir(exist_ok=True)
    # -I: PYTHONPATH, PYTHONHOME and the working directory of a pipeline step have no effect.
    command = f"exec {shlex.quote(sys.executable)} -I -m {preloaded.MODULE}"
    text = f'#!/bin/sh\nexport {DATA_VARIABLE}={shlex.quote(str(data))}\n{command} "$@"\n'
    write_text(folder / "az", text, mode=0o700)
    return folder
