"""Runs jobs: waits for an instance, prepares a folder, starts the command, follows it to its end.

A job that was running when the server ended is reported as failed when it starts again; its
processes are gone by then, because they are tethered to the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import child_processes
from azureml_local.addresses import run_artifacts_path
from azureml_local.cloud_metadata import credentials
from azureml_local.errors import AzureError
from azureml_local.jobs import interpreters, packages, records
from azureml_local.jobs.slots import Slots
from azureml_local.mlflow.tracking import Tracking
from azureml_local.state import ARTIFACTS, State, Workspace

Work = Callable[[], Coroutine[Any, Any, int]]
LOOK_SECONDS = 0.05
BESIDE = (packages.PREFIX, "\N{RUNNER} View run ", "\N{TEST TUBE} View experiment ")


class Cancelled(Exception):
    """The job was cancelled before there was anything to end."""


class Runner:
    """The running jobs of the server."""

    def __init__(
        self,
        state: State,
        tracking: Tracking,
        environment: dict[str, str],
        *,
        isolate: bool = False,
    ) -> None:
        """Make a runner.

        Args:
            state: the server's state.
            tracking: where jobs' runs are kept.
            environment: what a job needs to reach this server.
            isolate: whether jobs get interpreters of their own.
        """
        self._state = state
        self.tracking = tracking
        self._environment = environment
        self.isolate = isolate
        self.interpreters = interpreters.Interpreters(state.data / "interpreters")
        self._processes: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self._cancelled: dict[tuple[str, str], asyncio.Event] = {}
        self.slots = Slots()

    def recover(self) -> None:
        """Report the jobs that a former server left running as failed."""
        for found in self._state.store.all(records.KIND):
            if found.body["status"] not in records.FINAL_STATUSES:
                workspace = self._state.workspace_by_key(found.workspace)
                error = records.error_document("the local workspace was ended while the job ran")
                ended = records.utc_now()
                records.update(
                    self._state, workspace, found.name, status="Failed", ended=ended, error=error
                )
                if found.body.get("tracked"):
                    self._state.background(
                        self.tracking.end_job_run(workspace, found.name, "FAILED")
                    )

    async def cancel(self, workspace: Workspace, name: str) -> None:
        """End a job that waits or runs, and its children; nothing where it is over."""
        found = records.find(self._state, workspace, name)
        if found.body["status"] in records.FINAL_STATUSES:
            return
        records.update(self._state, workspace, name, cancel=True, status="CancelRequested")
        self.cancel_event(workspace, name).set()
        for child in records.children(self._state, workspace, name):
            await self.cancel(workspace, child.name)
        process = self._processes.get((workspace.key, name))
        if process is not None:
            await asyncio.to_thread(child_processes.end_group, process)

    def skip(self, workspace: Workspace, name: str, why: str) -> None:
        """Say that a job will never run, though nothing is wrong with it."""
        self._cancelled.pop((workspace.key, name), None)
        error, ended = records.error_document(why), records.utc_now()
        records.update(self._state, workspace, name, status="Canceled", ended=ended, error=error)

    async def cancel_all(self, workspace: Workspace) -> None:
        """End all jobs of a workspace; returns when none of them runs."""
        for found in self._state.store.entries(workspace.key, records.KIND):
            await self.cancel(workspace, found.name)
        while any(key == workspace.key for key, _ in self._cancelled):
            await asyncio.sleep(LOOK_SECONDS)

    def cancel_event(self, workspace: Workspace, name: str) -> asyncio.Event:
        """Set when somebody cancels the job."""
        return self._cancelled.setdefault((workspace.key, name), asyncio.Event())

    async def supervise(
        self,
        workspace: Workspace,
        name: str,
        log: Path,
        work: Work,
        *,
        status: str | None = "Preparing",
    ) -> None:
        """Run ``work`` as the job ``name`` and give the job the status it comes to.

        Args:
            workspace: the job's workspace.
            name: the job.
            log: where an error is written, for ``jobs.stream`` to show.
            work: does the job and returns an exit code.
            status: what the job is at once; None where ``work`` says it.
        """
        if status is not None:
            self.set_status(workspace, name, status)
        code, message = 1, ""
        try:
            code = await work()
            message = f"{last_line(log)} (exit code {code})" if code else ""
        except Cancelled:
            pass
        except AzureError as refused:
            message = refused.message
        except OSError as failed:
            message = f"{failed.strerror}: {failed.filename}"
        except Exception as defect:  # noqa: BLE001 - whatever it is, the job must come to an end
            traceback.print_exc()  # to the server's log
            message = f"a defect of azureml-local, see its log: {defect!r}"
        finally:
            self._cancelled.pop((workspace.key, name), None)
        if message and not last_line(log):
            with log.open("a", encoding="utf-8") as file:
                file.write(message + "\n")
        await self._end(workspace, name, code, message)

    async def _end(self, workspace: Workspace, name: str, code: int, message: str) -> None:
        found = records.find(self._state, workspace, name)
        status = "Completed" if code == 0 else "Failed"
        error = None if code == 0 else records.error_document(message)
        if found.body.get("cancel"):
            status, error = "Canceled", found.body.get("error")
        if found.body.get("tracked"):
            words = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}
            try:
                await self.tracking.end_job_run(workspace, name, words[status])
            except Exception:  # noqa: BLE001 - the job is over, whatever its tracking says
                traceback.print_exc()
        records.update(
            self._state, workspace, name, status=status, ended=records.utc_now(), error=error
        )

    def set_status(self, workspace: Workspace, name: str, status: str) -> None:
        """Say that the job begins; one that is being cancelled keeps saying so."""
        found = records.find(self._state, workspace, name)
        kept = {"status": found.body["status"]} if found.body.get("cancel") else {"status": status}
        started = found.body.get("started") or records.utc_now()
        records.update(self._state, workspace, name, started=started, **kept)

    def log_file(self, workspace: Workspace, name: str, path: str) -> Path:
        """A log among the job's artifacts; its folder exists."""
        log = self._state.container(workspace, ARTIFACTS) / run_artifacts_path(name) / path
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        return log

    async def run_process(
        self,
        workspace: Workspace,
        name: str,
        command: list[str],
        *,
        folder: Path,
        log: Path,
        extra: dict[str, str] | None = None,
        timeout: float | None = None,
        status: str = "Running",
        programs: Path = interpreters.OWN,
    ) -> int:
        """Run a command of a job to its end; gives its exit code.

        Args:
            workspace: the job's workspace.
            name: the job.
            command: program and arguments.
            folder: where it runs.
            log: where its output goes.
            extra: variables of its environment.
            timeout: seconds after which the job is cancelled.
            status: what the job is at meanwhile.
            programs: the folder that is first on its PATH.

        Raises:
            Cancelled: the job was cancelled before the command was started.
        """
        if records.find(self._state, workspace, name).body.get("cancel"):
            raise Cancelled
        with log.open("ab") as file:
            process = child_processes.spawn(
                command,
                cwd=folder,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._job_environment(workspace, extra or {}, programs),
            )
        self._processes[workspace.key, name] = process
        self.set_status(workspace, name, status)
        try:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + timeout if timeout is not None else None
            while process.poll() is None:
                if deadline is not None and loop.time() > deadline:
                    await self._out_of_time(workspace, name, process, log, timeout or 0)
                    break
                await asyncio.sleep(LOOK_SECONDS)
            return await asyncio.to_thread(process.wait)
        finally:
            del self._processes[workspace.key, name]
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)  # what the command left behind

    async def _out_of_time(
        self,
        workspace: Workspace,
        name: str,
        process: subprocess.Popen[bytes],
        log: Path,
        timeout: float,
    ) -> None:
        message = f"the job ran longer than its limits.timeout of {timeout:g} s and was cancelled"
        with log.open("a", encoding="utf-8") as file:
            file.write(message + "\n")
        error = records.error_document(message)
        records.update(self._state, workspace, name, cancel=True, error=error)
        await asyncio.to_thread(child_processes.end_group, process)

    @property
    def environment(self) -> dict[str, str]:
        """What the environments of all jobs have in common."""
        return {
            **os.environ,
            **self._environment,
            "PYTHONUNBUFFERED": "1",
            "MPLBACKEND": "agg",
        }

    def _job_environment(
        self, workspace: Workspace, extra: dict[str, str], programs: Path
    ) -> dict[str, str]:
        """This process's environment, with the job's programs first and what reaches the server.

        A job's credentials are good for its own workspace alone.
        """
        return {
            **self.environment,
            **credentials(self._state, workspace.key),
            "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", "")]),
            **extra,
        }


def last_line(log: Path) -> str:
    """The last line with text in a log: what a traceback ends with.

    Warnings of ours are none, nor are the links that MLflow prints at the end of every run.
    """
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    said = (line.strip() for line in reversed(lines) if not line.startswith(BESIDE))
    return next((line for line in said if line), "")
