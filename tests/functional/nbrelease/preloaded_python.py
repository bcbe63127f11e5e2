"""Python processes of a project that start with their slow imports done."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from child_processes import preload

MODULES = (
    "child_processes.preload:import_jsonschema",
    "pytest",
    "nbval.plugin",
    "azure.ai.ml",
    "mlflow.sklearn",
    "mlflow.store.tracking.sqlalchemy_store",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "sklearn.neighbors",
    "sklearn.pipeline",
)
SECONDS = 300


class PreloadedPython:
    """Runs ``python -m MODULE``, as a fork of a preloaded process where the system supports it."""

    def __init__(self, folder: Path) -> None:
        """Start the preloaded process; its log is in ``folder``."""
        self._preloaded = preload.start(MODULES, log=folder / "preloaded.log")

    def run(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a module with arguments in a folder; its output includes its errors."""
        argv = [sys.executable, "-m", *words]
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            code = self._run(argv, cwd, output.fileno())
            output.seek(0)
            return subprocess.CompletedProcess(argv, code, output.read())

    def _run(self, argv: Sequence[str], cwd: Path, output: int) -> int:
        process: subprocess.Popen[bytes] | preload.Process | None = None
        if self._preloaded is not None:
            with contextlib.suppress(preload.Refused):
                process = preload.popen(
                    self._preloaded.address, argv, cwd=cwd, stdout=output, stderr=output,
                    timeout=SECONDS, imports="all",
                )  # fmt: skip
        if process is None:
            process = subprocess.Popen(
                argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            return process.wait(SECONDS)
        finally:
            process.kill()

    def stop(self) -> None:
        """End the preloaded process."""
        if self._preloaded is not None:
            self._preloaded.stop()
