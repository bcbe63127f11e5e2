"""Python processes of a project and of Jupyter that start with their slow imports done."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import child_processes
from child_processes import preload

JUPYTER = (
    "nbrelease.runbook.slow_imports:import_papermill",
    "papermill.cli",
    "ipykernel.kernelapp",
    "nbconvert.nbconvertapp",
    "nbconvert.exporters",
    "jupyter_server.serverapp",
    "jupyterlab.labapp",
    "nbdime.webapp.nb_server_extension",
    "nbrelease.lab.handlers",
)
MODELS = (
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "sklearn.neighbors",
    "sklearn.pipeline",
    "skops.io",  # its import looks for each of its types in all modules: the fewer, the faster
    "mlflow.sklearn",
    "mlflow.store.tracking.sqlalchemy_store",
    # mlflow does it in each process that stores a model.
    "mlflow.utils.requirements_utils:_init_modules_to_packages_map",
)
PROJECT = (*MODELS, "pytest", "nbval.plugin", "azure.ai.ml")
SECONDS = 300
FORK = """
import os, sys
from child_processes import preload
address, *words = sys.argv[1:]
command = [sys.executable, *words]
try:
    sys.exit(preload.run(address, command, imports="all", timeout=60))
except preload.Refused:
    os.execv(command[0], command)
"""
"""A program that a fork of the preloaded process replaces."""


class PreloadedPython:
    """Runs ``python -m MODULE`` and ``python SCRIPT.py``.

    As a fork of a preloaded process, where the system supports it.
    """

    def __init__(self, folder: Path) -> None:
        """The preloaded process starts when it is first used; its log is in ``folder``."""
        self._folder = folder
        self._started: preload.Preloaded | None = None

    @property
    def _address(self) -> Path | None:
        """The preloaded process with :data:`JUPYTER`."""
        # Not before: a fixture of the session is made before that of the module, which resets the
        # environment variables.
        if self._started is None:
            self._started = preload.start(JUPYTER, log=self._folder / "preloaded.log")
        return self._started.address if self._started is not None else None

    def load(self, modules: Sequence[str]) -> None:
        """Import more modules, for later processes."""
        if self._address is not None:
            preload.import_next(self._address, modules, {})

    def run(
        self, *words: str | Path, cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a module or script with arguments in a folder; its output includes its errors."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            process = self.start(*words, cwd=cwd, output=output, env=env)
            try:
                code = process.wait(SECONDS)
            finally:
                process.kill()
            output.seek(0)
            return subprocess.CompletedProcess(list(words), code, output.read())

    def start(
        self, *words: str | Path, cwd: Path, output: IO[str], env: Mapping[str, str] | None = None
    ) -> preload.Process | child_processes.Process:
        """Start it; it leads its process group and cannot outlive this process."""
        option = [] if os.fspath(words[0]).endswith(".py") else ["-m"]
        argv = [sys.executable, *option, *map(os.fspath, words)]
        if self._address is not None:
            with contextlib.suppress(preload.Refused):
                return preload.popen(
                    self._address, argv, cwd=cwd, env=env, stdout=output.fileno(),
                    stderr=output.fileno(), timeout=SECONDS, imports="all",
                )  # fmt: skip
        return child_processes.spawn(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )

    def write_kernel(self, folder: Path) -> dict[str, str]:
        """Write a kernel ``python3`` that is a fork; returns the variables that select it."""
        if self._address is None:
            return {}
        command = [sys.executable, "-c", FORK, str(self._address)]
        spec = {
            "argv": [*command, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3",
            "language": "python",
        }
        kernel = folder / "kernels" / "python3" / "kernel.json"
        kernel.parent.mkdir(parents=True)
        kernel.write_text(json.dumps(spec), encoding="utf-8")
        return {"JUPYTER_PATH": str(folder)}

    def stop(self) -> None:
        """End the preloaded process."""
        if self._started is not None:
            self._started.stop()
