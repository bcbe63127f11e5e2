"""Runbooks in JupyterLab: a form from the parameters cell, runs with the progress of each cell."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import child_processes
from nbrelease.errors import UsageError
from nbrelease.notebook import Parameter, read
from nbrelease.records import RunbookResult
from nbrelease.runbook import parameter_values, settings_values
from nbrelease.settings import load

STOP_SECONDS = 10.0
LOGS = Path(".nbrelease-lab")
RUNNING = "running"
_PAPERMILL_STATES = {"pending": "not run", "completed": "passed", "failed": "failed"}


@dataclass(frozen=True)
class FormField:
    """A parameter with its value for this environment, as text of the command line."""

    name: str
    type: str
    choices: list[str]
    value: str
    help: str
    group: str


@dataclass(frozen=True)
class Form:
    """The form of a runbook; ``name`` is empty for a notebook that is not a runbook."""

    name: str = ""
    env: str = ""
    environments: list[str] = field(default_factory=list)
    fields: list[FormField] = field(default_factory=list)


@dataclass(frozen=True)
class CellProgress:
    """The state of a code cell of a run, and its seconds if it has ended."""

    id: str
    state: str
    seconds: float | None


@dataclass(frozen=True)
class Progress:
    """The state of a run.

    Attributes:
        verdict: of the runbook; ``running`` until it ends, ``failed`` if it did not start.
        message: the last line of the output of a run that did not pass.
        path: the executed notebook; empty before the first cell.
        cells: its code cells.
    """

    verdict: str
    message: str = ""
    path: str = ""
    cells: list[CellProgress] = field(default_factory=list)


def read_form(path: Path, env: str) -> Form:
    """The form of a runbook.

    Args:
        path: the notebook.
        env: a section of settings.ini; empty for the first one.

    Raises:
        UserError: settings, notebook or a value are wrong.
    """
    settings = load(path.parent)
    env = env or settings.names[0]
    environment = settings.environment(env)
    if path.resolve().parent != (settings.root / environment.runbooks).resolve():
        return Form()
    runbook = read(path)
    values = parameter_values.resolve(
        runbook,
        arguments={},
        published={},
        identity={"env": env},
        settings=settings_values(settings, environment, env),
    )
    fields = [
        _field(each, values.get(each.name, each.value))
        for each in runbook.parameters
        if each.name not in ("env", "release_id")
    ]
    return Form(path.stem, env, list(settings.names), fields)


def _field(parameter: Parameter, value: Any) -> FormField:
    choices = [_to_text(each) for each in parameter.choices]
    if not choices and parameter.type == "bool":
        choices = ["true", "false"]
    if choices and parameter.optional:
        choices.append("None")
    return FormField(
        parameter.name,
        parameter.annotation,
        choices,
        _to_text(value),
        parameter.help,
        parameter.group,
    )


def _to_text(value: Any) -> str:
    """A value as text of the command line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


class Run:
    """A run of a runbook: ``nbrelease run`` as a process that ends with the server."""

    def __init__(self, path: Path, env: str, arguments: Mapping[str, str]) -> None:
        """Start the run.

        Args:
            path: the runbook.
            env: a section of settings.ini.
            arguments: parameters as text of the command line.

        Raises:
            UserError: it is not a runbook of a project.
        """
        settings = load(path.parent)
        if not read_form(path, env).name:
            raise UsageError(f"{path.name}: not a runbook; move it to the runbooks folder")
        self.id = secrets.token_hex(8)
        self.name, self.root = path.stem, settings.root
        self.evidence = settings.root / settings.environment(env).evidence
        folder = settings.root / LOGS
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        self.log = folder / f"{self.name}-{self.id}.log"
        self.started = time.time()
        command = [sys.executable, "-m", "nbrelease", "run", self.name, "--env", env]
        command += [part for key, value in arguments.items() for part in ("-p", f"{key}={value}")]
        with self.log.open("wb") as log:
            self.process = child_processes.spawn(
                command,
                cwd=settings.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """End the run; its executed notebook says which cells did not run."""
        child_processes.end_group(self.process, grace=STOP_SECONDS)

    def read_progress(self) -> Progress:
        """The state of the cells, read from the executed notebook."""
        code = self.process.poll()
        notebook = self._executed()
        content = json.loads(notebook.read_text(encoding="utf-8")) if notebook else {"cells": []}
        path = str(notebook) if notebook else ""
        cells = [_progress(cell) for cell in content["cells"] if cell["cell_type"] == "code"]
        if code is None:
            return Progress(RUNNING, "", path, cells)
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        message = lines[-1] if code and lines else ""
        if not notebook:
            return Progress("failed", message, path, cells)
        result = RunbookResult.model_validate(content["metadata"]["nbrelease"])
        cells = [CellProgress(each.id, each.state, each.seconds) for each in result.cells] or cells
        return Progress(result.verdict, message, path, cells)

    def _executed(self) -> Path | None:
        """The notebook of this run in the folder of its release."""
        paths = self.evidence.glob(f"*/notebooks/{self.name}.ipynb")
        times = {path: path.stat().st_mtime for path in paths}
        newest = max(times, key=lambda path: times[path], default=None)
        # File systems keep fewer digits of a time than the clock has.
        return newest if newest and times[newest] >= self.started - 1 else None


def _progress(cell: Mapping[str, Any]) -> CellProgress:
    """The state of a cell while papermill executes the notebook."""
    papermill = cell["metadata"].get("papermill", {})
    status = papermill.get("status", "pending")
    state = _PAPERMILL_STATES.get(status, RUNNING)
    return CellProgress(str(cell.get("id", "")), state, papermill.get("duration"))
