"""Rehearsals in JupyterLab: start one, follow its stages, decide on its approvals.

Each rehearsal is the command ``nbrelease rehearse`` as a process that ends with the server. What is
shown comes from the file that the command writes (:mod:`nbrelease.rehearsal_progress`), so that a
rehearsal of a terminal is shown too, and a waiting one is not lost when the server ends.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

import child_processes
from nbrelease import os_user
from nbrelease.errors import UsageError
from nbrelease.file_lock import is_locked
from nbrelease.lab.runbooks import create_log_folder, read_last_line
from nbrelease.rehearsal import LOCK, PIPELINES, WORK, lock_checkout
from nbrelease.rehearsal_progress import VALIDATION, RehearsalProgress, read_progress
from nbrelease.settings import Settings, load

END_SECONDS = 30.0
"""How long an approval waits for the end of the process that asked for it."""
PREFIX = "nbrelease: error: "


class StartRequest(BaseModel):
    """The pipeline and the model of a new rehearsal."""

    model_config = ConfigDict(extra="forbid")

    pipeline: str
    model: str = ""


class DecisionRequest(BaseModel):
    """A decision on an environment of a stage of a run that waits."""

    model_config = ConfigDict(extra="forbid")

    run: str
    stage: str
    environment: str
    decision: Literal["approve", "reject"]
    reviewer: str
    comment: str = ""


@dataclass(frozen=True)
class RehearsalState:
    """The rehearsals of a checkout.

    Attributes:
        pipelines: the names of pipelines that can be rehearsed here.
        models: the sections of settings.ini with further models.
        reviewer: the proposed name of the reviewer: the user of the server.
        running: whether a rehearsal is running.
        starting: whether it has no run yet: the workspace starts.
        stoppable: whether it was started here, and so can be stopped here.
        message: why the last rehearsal did not start, in one line.
        now: the time of the server.
        rehearsals: the newest one and those that wait for an approval, newest first.
    """

    pipelines: list[str]
    models: list[str]
    reviewer: str
    running: bool
    starting: bool
    stoppable: bool
    message: str
    now: str
    rehearsals: list[RehearsalProgress] = field(default_factory=list)


class Rehearsals:
    """The rehearsals of a server: for each checkout the process that it started last."""

    def __init__(self) -> None:
        self._processes: dict[Path, _Command] = {}

    def read(self, folder: Path) -> RehearsalState:
        """The rehearsals of the checkout that a folder belongs to.

        Raises:
            SettingsError: there is no project, or its settings are wrong.
        """
        settings = load(folder)
        command = self._processes.get(settings.root)
        listed = _read_newest(settings.root)
        own = command if command is not None and command.is_running else None
        if own is not None:  # the clock may have gone back since an earlier one
            listed.sort(key=own.has_run, reverse=True)
        starting = own is not None and not (listed and own.has_run(listed[0]))
        # Without a result the newest one runs in another process, or was killed.
        is_open = bool(listed) and listed[0].result == ""
        running = own is not None or (is_open and is_locked(settings.root / LOCK))
        rows = [
            _mark_interrupted(each, running=running and not starting and number == 0)
            for number, each in enumerate(listed)
            if number == 0 or each.result == "Waiting"
        ]
        return RehearsalState(
            pipelines=[
                name
                for name, pipeline in PIPELINES.items()
                if (settings.root / ".ado" / pipeline.file).is_file()
            ],
            models=list(settings.models),
            reviewer=os_user.name(),
            running=running,
            starting=starting,
            stoppable=own is not None,
            message=command.read_error(listed) if command is not None and own is None else "",
            now=datetime.now(UTC).isoformat(),
            rehearsals=rows,
        )

    def start(self, folder: Path, request: StartRequest) -> RehearsalState:
        """Start a rehearsal.

        Raises:
            UsageError: another rehearsal runs in this checkout, or pipeline or model is unknown.
        """
        if request.pipeline not in PIPELINES:
            names = ", ".join(PIPELINES)
            raise UsageError(f"{request.pipeline}: no such pipeline; use one of {names}")
        settings = load(folder)
        if request.model and request.model not in settings.models:
            raise UsageError(
                f"Model: settings.ini has no section [model:NAME] for {request.model!r}"
            )
        self._run(settings, request.pipeline, request.model, [])
        return self.read(folder)

    def decide(self, folder: Path, request: DecisionRequest) -> RehearsalState:
        """Approve or reject an environment, and resume the run.

        Raises:
            UsageError: the run does not wait for this approval, another rehearsal runs, or there is
                no valid reviewer.
        """
        settings = load(folder)
        reviewer = request.reviewer.strip()
        if not reviewer or ":" in reviewer:
            raise UsageError("Reviewer: enter a name without a colon")
        for name, text in (("Reviewer", reviewer), ("Comment", request.comment)):
            if any(unicodedata.category(each) in ("Cc", "Cs") for each in text):
                raise UsageError(f"{name}: remove line ends and other control characters")
        waiting = next(
            (each for each in _read_newest(settings.root) if _waits_for(each, request)), None
        )
        if waiting is None:
            raise UsageError(
                f"{request.environment}: the run does not wait for this approval; refresh the panel"
            )
        command = self._processes.get(settings.root)
        if command is not None and command.has_run(waiting):
            command.wait(END_SECONDS)  # it has written its result, and is about to end
        # For this stage only: a later stage of the same environment asks again.
        name = request.environment
        if not name.startswith(VALIDATION):  # which has the name of its stage already
            name = f"environment:{request.stage}.{name}"
        target = f"{name}={reviewer}:{request.comment.strip()}"
        options = ["--resume", request.run, f"--{request.decision}", target]
        self._run(settings, waiting.pipeline, waiting.model, options)
        return self.read(folder)

    def stop(self, folder: Path) -> RehearsalState:
        """Cancel the rehearsal, as Ctrl-C does; a second call ends it immediately.

        Raises:
            UsageError: no rehearsal of this server runs.
        """
        command = self._processes.get(load(folder).root)
        if command is None or not command.is_running:
            raise UsageError("no rehearsal that was started here is running")
        command.process.terminate()
        return self.read(folder)

    def _run(self, settings: Settings, pipeline: str, model: str, options: Sequence[str]) -> None:
        """Start the command, if no rehearsal runs in the checkout.

        Raises:
            UsageError: another rehearsal runs.
        """
        root = settings.root
        command = self._processes.get(root)
        if command is not None and command.is_running:
            command.raise_running()
        with lock_checkout(root):
            pass  # raises if a rehearsal of another program runs
        self._processes[root] = _Command(root, pipeline, model, options)


class _Command:
    """``nbrelease rehearse`` as a process with its log."""

    def __init__(self, root: Path, pipeline: str, model: str, options: Sequence[str]) -> None:
        """Start it.

        Args:
            root: the folder of the project.
            pipeline: the name of the pipeline.
            model: a further model of settings.ini; empty for the model of ``[DEFAULT]``.
            options: further options of the command.
        """
        self.started = datetime.now(UTC)
        self.log = create_log_folder(root) / f"rehearse-{pipeline}.log"
        arguments = ["rehearse", pipeline, *(["--model", model] if model else []), *options]
        with self.log.open("wb") as log:
            self.process = child_processes.spawn(
                [sys.executable, "-m", "nbrelease", *arguments],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def has_run(self, rehearsal: RehearsalProgress) -> bool:
        """Whether it is the last process of a rehearsal; the clock may have been set since then."""
        return rehearsal.pid == self.process.pid

    def wait(self, seconds: float) -> None:
        """Wait for its end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def raise_running(self) -> None:
        """Raise the error of a second rehearsal, in the words of the lock."""
        raise UsageError(
            f"another rehearsal runs in this checkout (pid {self.process.pid}, since "
            f"{self.started:%Y-%m-%d %H:%M:%S} UTC); wait for its end, or stop it"
        )

    def read_error(self, listed: Sequence[RehearsalProgress]) -> str:
        """Why it failed, if it ended before it wrote a result."""
        if self.process.returncode == 0:
            return ""
        wrote_result = any(
            each.finished is not None and (self.has_run(each) or each.finished >= self.started)
            for each in listed
        )
        return "" if wrote_result else read_last_line(self.log).removeprefix(PREFIX)


def _read_newest(root: Path) -> list[RehearsalProgress]:
    """The rehearsals of a checkout whose folders exist, newest first."""
    folder = root / WORK
    runs = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    listed = [each for path in runs if (each := read_progress(path)) is not None]
    return sorted(listed, key=lambda each: each.resumed, reverse=True)


def _waits_for(rehearsal: RehearsalProgress, request: DecisionRequest) -> bool:
    """Whether a rehearsal waits for a decision."""
    return (
        rehearsal.run == request.run
        and rehearsal.result == "Waiting"
        and any(
            stage.name == request.stage and request.environment in stage.waiting
            for stage in rehearsal.stages
        )
    )


def _mark_interrupted(progress: RehearsalProgress, *, running: bool) -> RehearsalProgress:
    """A rehearsal as it is shown: one that neither runs nor has a result was interrupted."""
    if running:
        return progress.model_copy(update={"result": ""})
    if progress.result == "":
        return progress.model_copy(update={"result": "Interrupted"})
    return progress
