"""Runbooks in JupyterLab: a form from the parameters cell, runs with the progress of each cell."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unicodedata import category

import child_processes
from nbrelease.control_characters import remove_terminal_codes, replace_control_characters
from nbrelease.errors import UsageError
from nbrelease.notebook import INJECTED, Parameter, read
from nbrelease.records import RunbookResult
from nbrelease.runbook import parameter_values, settings_values
from nbrelease.runbook.execute import LOG_OFFSET
from nbrelease.runbook.verdict import METADATA
from nbrelease.settings import load
from nbrelease.workspace import check_variables

STOP_SECONDS = 10.0
MAX_ENDED_RUNS = 20
TAIL = 10_000
"""The number of bytes at the end of a log in which its last line is searched."""
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
    """The form of a runbook; ``name`` is empty for a notebook that is not a runbook.

    Attributes:
        models: the sections of settings.ini with further models.
        model: one of them; empty for the model of ``[DEFAULT]``.
        run: the id of the newest run of this notebook, or empty.
    """

    name: str = ""
    env: str = ""
    environments: list[str] = field(default_factory=list)
    model: str = ""
    models: list[str] = field(default_factory=list)
    fields: list[FormField] = field(default_factory=list)
    run: str = ""


@dataclass(frozen=True)
class CellProgress:
    """The state of a code cell of a run.

    Attributes:
        seconds: its duration, so far if it runs; None if it did not start.
        line: the last line that a running cell printed.
    """

    id: str
    state: str
    seconds: float | None
    line: str = ""


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


def read_form(path: Path, env: str, model: str = "") -> Form:
    """The form of a runbook.

    Args:
        path: the notebook.
        env: a section of settings.ini; empty for the first one.
        model: a further model of settings.ini; empty for the model of ``[DEFAULT]``.

    Raises:
        UserError: settings, notebook or a value are wrong.
    """
    settings = load(path.parent)
    env = env or settings.names[0]
    environment = settings.environment(env, model)
    if path.resolve().parent != (settings.root / environment.runbooks).resolve():
        return Form()
    runbook = read(path)
    values = parameter_values.resolve(
        runbook,
        arguments={},
        published={},
        identity={"env": env},
        settings=settings_values(settings, environment, env, model),
    )
    fields = [
        _field(each, values.get(each.name, each.value))
        for each in runbook.parameters
        if each.name not in ("env", "release_id")
    ]
    return Form(path.stem, env, list(settings.names), model, list(settings.models), fields)


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

    def __init__(self, path: Path, env: str, model: str, arguments: Mapping[str, str]) -> None:
        """Start the run.

        Args:
            path: the runbook.
            env: a section of settings.ini.
            model: a further model of settings.ini; empty for the model of ``[DEFAULT]``.
            arguments: parameters as text of the command line.

        Raises:
            UserError: it is not a runbook of a project, an argument cannot be part of a command
                line, or the environment is on Azure and the server has the variables of a local
                workspace.
        """
        for name, value in arguments.items():
            if any(each == "\0" or category(each) == "Cs" for each in name + value):
                raise UsageError(f"{name}: remove the characters that are not text")
        settings = load(path.parent)
        if not read_form(path, env, model).name:
            raise UsageError(f"{path.name}: not a runbook; move it to the runbooks folder")
        environment = settings.environment(env, model)
        check_variables(environment)
        self.id, self.path = secrets.token_hex(8), path
        self.name, self.root = path.stem, settings.root
        self.evidence = settings.root / environment.evidence
        self.log = create_log_folder(settings.root) / f"{self.name}-{self.id}.log"
        self.started = time.time()
        command = [sys.executable, "-m", "nbrelease", "run", self.name, "--env", env]
        command += ["--model", model] if model else []
        command += [part for key, value in arguments.items() for part in ("-p", f"{key}={value}")]
        with self.log.open("wb") as log:
            self.process = child_processes.spawn(
                command,
                cwd=settings.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def is_running(self) -> bool:
        """Whether the process of the run has not ended."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End the run; its executed notebook says which cells did not run."""
        child_processes.end_group(self.process, grace=STOP_SECONDS)

    def read_progress(self) -> Progress:
        """The state of the cells, read from the executed notebook."""
        code = self.process.poll()
        notebook = self._find_executed_notebook()
        content = json.loads(notebook.read_text(encoding="utf-8")) if notebook else {"cells": []}
        path = str(notebook) if notebook else ""
        cells = [_progress(cell, self.log) for cell in content["cells"] if _is_shown(cell)]
        if code is None:
            return Progress(RUNNING, "", path, cells)
        message = read_last_line(self.log) if code else ""
        if not notebook:
            return Progress("failed", message, path, cells)
        result = RunbookResult.model_validate(content["metadata"]["nbrelease"])
        cells = [CellProgress(each.id, each.state, each.seconds) for each in result.cells] or cells
        return Progress(result.verdict, message, path, cells)

    def _find_executed_notebook(self) -> Path | None:
        """The notebook of this run in the folder of its release."""
        paths = self.evidence.glob(f"*/notebooks/{self.name}.ipynb")
        times = {path: path.stat().st_mtime for path in paths}
        newest = max(times, key=lambda path: times[path], default=None)
        # File systems keep fewer digits of a time than the clock has.
        return newest if newest and times[newest] >= self.started - 1 else None


class Runs:
    """The runs of a server by their id: all that are running, and the newest that have ended."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}

    def start(self, path: Path, env: str, model: str, arguments: Mapping[str, str]) -> Run:
        """Start a run; the arguments are those of :class:`Run`.

        Raises:
            UserError: it is not a runbook of a project, or it is running.
        """
        newest = self.newest(path)
        if newest is not None and newest.is_running:
            raise UsageError(f"{path.name}: it is running; stop it, or wait for its end")
        run = Run(path, env, model, arguments)
        self._runs[run.id] = run
        ended = [each.id for each in self._runs.values() if not each.is_running]
        for old in ended[:-MAX_ENDED_RUNS]:
            del self._runs[old]
        return run

    def find(self, run: str) -> Run | None:
        """The run with this id; None if it is unknown or was removed."""
        return self._runs.get(run)

    def newest(self, path: Path) -> Run | None:
        """The newest run of a notebook."""
        return next((each for each in reversed(self._runs.values()) if each.path == path), None)


def create_log_folder(root: Path) -> Path:
    """The folder for the output of commands in a project, which git ignores."""
    folder = root / LOGS
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    return folder


def read_last_line(log: Path, offset: int = 0) -> str:
    """The last line with text of a log after ``offset`` bytes, or empty."""
    with log.open("rb") as file:
        file.seek(max(offset, log.stat().st_size - TAIL))
        text = remove_terminal_codes(file.read().decode("utf-8", "replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return replace_control_characters(lines[-1]) if lines else ""


def _is_shown(cell: Mapping[str, Any]) -> bool:
    """Whether a cell is a code cell of the source; parameters are injected in a cell of its own."""
    is_injected = INJECTED in cell["metadata"].get("tags", [])
    return cell["cell_type"] == "code" and not is_injected and bool("".join(cell["source"]).strip())


def _progress(cell: Mapping[str, Any], log: Path) -> CellProgress:
    """The state of a cell while papermill executes the notebook."""
    papermill = cell["metadata"].get("papermill", {})
    state = _PAPERMILL_STATES.get(papermill.get("status", "pending"), RUNNING)
    seconds, line = papermill.get("duration"), ""
    if state == RUNNING:
        started = datetime.fromisoformat(papermill["start_time"]).replace(tzinfo=UTC)
        seconds = max(0.0, (datetime.now(UTC) - started).total_seconds())
        offset = cell["metadata"].get(METADATA, {}).get(LOG_OFFSET)
        line = read_last_line(log, offset) if offset is not None else ""
    return CellProgress(str(cell.get("id", "")), state, seconds, line)
