"""Python processes that start with their slow imports done.

Importing MLflow or scikit-learn takes seconds of processor time. A fork of a preloaded process
(:mod:`child_processes.preload`) takes milliseconds and shares its memory. A server has three
preloaded processes: one for jobs, a fork of it for the MLflow servers, which need more, and one for
the workers of online and batch deployments. They are for processes that use the server's own
interpreter, are created on first use, and end after 15 minutes without forks and requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import child_processes
from child_processes import preload
from child_processes.preload import Imports

IDLE_SECONDS = 900.0
FIRST_MODULES = ("scipy.special", "mlflow")
"""What both jobs and MLflow servers need, after SciPy.

Only jobs need SciPy, but they need it first: skops looks for SciPy's functions in all modules in
the order of their import. ``import skops.io`` takes 0.5 s in a job, and 1.6 s with SciPy after
MLflow.
"""
JOB_MODULES = ("sklearn", "mlflow.pyfunc", "mlflow.sklearn")
"""What jobs need; imported before the first of them starts.

A job must not find more than its own imports would give it: no parts of packages (``skops.io``)
that these imports do not bring.
"""
PACKAGES = ("mlflow", "sklearn")
"""What the code of a job imports that starts as a fork."""
TRACKING_MODULES = ("mlflow.server", "mlflow.store.tracking.sqlalchemy_store")
"""What an MLflow server imports in addition. Each workspace has an MLflow server."""
SCORING_MODULES = (
    "azureml_local.online.scorer",
    "azureml_local.online.nocode",
    "azureml_local.batch.worker",
    "azureml_local.batch.tables",
    "pandas",
    "sklearn.linear_model",
    "skops.io",
    "cloudpickle",
    "mlflow.pyfunc",
)
"""What most deployments need. Only those with a scoring script wait for the last."""
IMPORTS = [
    re.compile(rf"^\s*(?:import|from)\s.*\b{each}\b".encode(), re.MULTILINE) for each in PACKAGES
]


@dataclass(frozen=True)
class RunningProcess:
    """A process that leads its own process group, forked or started by itself."""

    process: subprocess.Popen[bytes] | preload.Process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    async def end(self, grace: float) -> int:
        """End its group: SIGTERM, ``grace`` seconds, SIGKILL; returns its exit code."""
        return await asyncio.to_thread(child_processes.end_group, self.process, grace)

    async def wait_for_exit(self) -> int:
        """The exit code of a process that is about to end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self.process.wait, 1.0)
        return await self.end(1.0)


def uses_modules(folder: Path) -> bool:
    """Whether the code in a folder imports MLflow and scikit-learn, which takes seconds.

    Only such code starts as a fork: other code would wait for imports that it does not need.
    """
    texts = [file.read_bytes() for file in folder.rglob("*.py")]
    return all(any(pattern.search(text) for text in texts) for pattern in IMPORTS)


class ForkedWorkers:
    """Starts processes as forks of a preloaded process, where the system supports it."""

    def __init__(
        self,
        modules: Iterable[str],
        later: Iterable[str] = (),
        *,
        env: Mapping[str, str],
        log: Path,
        programs: Path | None = None,
        parent: ForkedWorkers | None = None,
        imports_early: bool = True,
    ) -> None:
        """Configure the preloaded process; it is not started yet.

        Args:
            modules: the modules that it imports at its start.
            later: the modules that it imports when a process needs all modules.
            env: its environment.
            log: where it writes its errors, and which commands it refuses.
            programs: a folder for programs ``python`` that run as forks.
            parent: the workers whose preloaded process forks this one, where that is possible.
            imports_early: whether it starts before the first process that needs it.
        """
        self.env = dict(env)
        self.programs = programs
        self._modules = tuple(modules)
        self._later = tuple(later)
        self._log = log
        self._parent = parent
        self._imports_early = imports_early
        self._preloaded: preload.Preloaded | None = None
        self._starting = threading.Lock()

    def preload(self) -> Path | None:
        """Start the preloaded process unless it runs; returns its address, None if unsupported.

        With a parent, wait for the first imports of the parent.
        """
        with self._starting:
            return self._preload()

    def _preload(self) -> Path | None:
        if self._preloaded is not None and not self._preloaded.alive:
            self.stop()
        if self._preloaded is None:
            self._preloaded = preload.start(
                self._modules,
                later=self._later,
                env=self.env,
                log=self._log,
                idle=IDLE_SECONDS,
                parent=self._parent.preload() if self._parent is not None else None,
            )
            if self._preloaded is not None and self.programs is not None:
                preload.write_programs(self.programs, self._preloaded.address, PACKAGES)
        return self._preloaded.address if self._preloaded is not None else None

    def import_all(self) -> None:
        """Import all modules in the background: a process that needs them will follow."""
        address = self.preload() if self._imports_early else None
        if address is not None:
            with contextlib.suppress(preload.Refused):  # its log has the reason
                preload.import_all(address)

    async def spawn(
        self,
        command: list[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        log: Path,
        stdin: socket.socket | None = None,
        fork: bool = True,
        imports: Imports = "some",
        python: str = "",
    ) -> RunningProcess:
        """Start a Python module as a process.

        Args:
            command: a module and its arguments, as for ``python -m``.
            env: variables in addition to those of the preloaded process.
            folder: its working directory.
            log: the file that its output is appended to.
            stdin: its standard input; the caller closes it.
            fork: whether it may be a fork; a refused fork starts as a new process.
            imports: the modules that a fork waits for.
            python: the interpreter of a new process; empty: this process's own.
        """
        address = await asyncio.to_thread(self.preload) if fork else None
        full_env = {**self.env, **env}
        # A duplicate, because the caller may not wait until the process has started.
        stdin_fd = os.open(os.devnull, os.O_RDONLY) if stdin is None else os.dup(stdin.fileno())
        argv = [python or sys.executable, "-m", *command]

        def start() -> subprocess.Popen[bytes] | preload.Process:
            try:
                with log.open("ab") as file:
                    if address is not None:
                        out = file.fileno()
                        with contextlib.suppress(preload.Refused):  # the log has the reason
                            # With the mark of this process: what the fork starts ends with it.
                            return preload.popen(
                                address, argv, env=child_processes.environment(full_env),
                                cwd=folder, stdin=stdin_fd, stdout=out, stderr=out,
                                imports=imports,
                            )  # fmt: skip
                    unbuffered = {**full_env, "PYTHONUNBUFFERED": "1"}
                    return child_processes.spawn(
                        argv, env=unbuffered, cwd=folder, stdin=stdin_fd, stdout=file, stderr=file
                    )
            finally:
                os.close(stdin_fd)

        starting = asyncio.create_task(asyncio.to_thread(start))
        try:
            return RunningProcess(await asyncio.shield(starting))
        except asyncio.CancelledError:
            starting.add_done_callback(lambda task: task.result().kill())
            raise

    def stop(self) -> None:
        """End the preloaded process and its forks."""
        if self._preloaded is not None:
            self._preloaded.stop()
            self._preloaded = None
