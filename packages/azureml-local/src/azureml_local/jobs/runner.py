"""Runs the processes of jobs and sets the jobs' statuses.

A job that was running when the server stopped is marked as failed when the server starts again. Its
processes have ended by then, because they cannot outlive the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import traceback
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import child_processes
from azureml_local import compute, interpreters, packages
from azureml_local.disk_space import is_disk_full
from azureml_local.documents.jobs import JOBS
from azureml_local.errors import AzureError
from azureml_local.failures import as_azure_error, write_final
from azureml_local.files import read_end
from azureml_local.forked_workers import ForkedWorkers
from azureml_local.identity.cloud_metadata import credentials
from azureml_local.jobs import records
from azureml_local.jobs.records import Job
from azureml_local.jobs.slots import Slots
from azureml_local.mlflow.tracking import Tracking
from azureml_local.state import State, Workspace

Work = Callable[[], Coroutine[Any, Any, int]]
Log = Callable[[], Path]
POLL_SECONDS = 0.05
JOB_VARIABLES = {"PYTHONUNBUFFERED": "1", "MPLBACKEND": "agg"}
# Lines that azureml-local and MLflow write, which are never the reason of a failure.
NOT_THE_REASON = (packages.PREFIX, "\N{RUNNER} View run ", "\N{TEST TUBE} View experiment ")
RUN_STATUSES = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}
"""The status of an MLflow run by the status of its job."""


class Cancelled(Exception):
    """The job was cancelled before it had a process."""


class Runner:
    """The running jobs of the server."""

    def __init__(
        self,
        state: State,
        tracking: Tracking,
        workers: ForkedWorkers,
        environment: dict[str, str],
        *,
        isolation: str = "none",
        interpreter: Path | None = None,
    ) -> None:
        """Make a runner.

        Args:
            state: the server's state.
            tracking: the MLflow servers, which hold the jobs' runs.
            workers: starts processes with their imports done.
            environment: the variables that a job needs to reach this server.
            isolation: ``uv``: each job gets an interpreter built from its conda file; ``auto``:
                if the packages can be reached.
            interpreter: a virtual environment for all jobs, instead of isolation.
        """
        self._state = state
        self.tracking = tracking
        self.workers = workers
        self._environment = environment
        self.interpreter_mode = isolation if interpreter is None else str(interpreter)
        """How jobs get their interpreter: with or without isolation, or the path of the one."""
        self.interpreters = (
            interpreters.Interpreters(
                state.data / "interpreters", optional=isolation == "auto", existing=interpreter
            )
            if isolation != "none" or interpreter is not None
            else None
        )
        self._processes: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self._cancel_events: dict[tuple[str, str], asyncio.Event] = {}
        self._slots = Slots()
        state.on_compute_changed = self._check_queue

    def recover(self) -> None:
        """Mark the jobs that were running when the server stopped as failed."""
        for job in self._state.store.all(JOBS):
            if job.body["status"] not in records.FINAL_STATUSES:
                workspace = self._state.workspace_by_key(job.workspace)
                error = records.error_document(
                    "the local workspace stopped while the job ran", "ServerStopped"
                )
                Job(workspace, job.name).end("Failed", error)
                if job.body.get("tracked"):
                    self._state.background(self.tracking.end_job_run(workspace, job.name, "FAILED"))

    async def cancel(self, job: Job) -> None:
        """Cancel a queued or running job and its children; a job that has ended stays as it is."""
        if job.status in records.FINAL_STATUSES:
            return
        job.update(cancel=True, status="CancelRequested")
        self.cancel_event(job).set()
        for child in job.children():
            await self.cancel(job.sibling(child.name))
        process = self._processes.get(job.key)
        if process is not None:
            await asyncio.to_thread(child_processes.end_group, process)

    def skip(self, job: Job, reason: str) -> None:
        """Mark a job that will not run as cancelled."""
        self._cancel_events.pop(job.key, None)
        job.end("Canceled", records.error_document(reason))

    async def cancel_all(self, workspace: Workspace) -> None:
        """Cancel all jobs of a workspace and wait until none of them runs."""
        for job in workspace.documents.entries(JOBS):
            await self.cancel(Job(workspace, job.name))
        while any(key == workspace.key for key, _ in self._cancel_events):
            await asyncio.sleep(POLL_SECONDS)

    def cancel_event(self, job: Job) -> asyncio.Event:
        """The event that is set when the job is cancelled."""
        return self._cancel_events.setdefault(job.key, asyncio.Event())

    @contextlib.asynccontextmanager
    async def instances(self, job: Job, compute_id: str, count: int = 1) -> AsyncIterator[None]:
        """Wait in the queue of a job's compute for free instances, and use them.

        Args:
            job: the job.
            compute_id: its compute, by name or resource id; empty: none.
            count: the number of instances.

        Raises:
            Cancelled: the job was cancelled while it waited.
        """
        target = compute.compute_name(compute_id)
        key = _queue_key(job.workspace, target)

        def max_jobs() -> int:
            return compute.max_concurrent_jobs(job.workspace, target)

        def set_queued() -> None:
            job.update(status="Queued")

        if not await self._slots.acquire(key, max_jobs, self.cancel_event(job), set_queued, count):
            raise Cancelled
        try:
            yield
        finally:
            self._slots.release(key, count)

    def _check_queue(self, workspace: Workspace, compute_name: str) -> None:
        """Start the queued jobs of a compute that has more instances now."""
        self._slots.wake(_queue_key(workspace, compute_name))

    async def supervise(
        self,
        job: Job,
        log: Log,
        work: Work,
        *,
        status: str | None = "Preparing",
    ) -> None:
        """Run ``work`` as a job and set the job's final status.

        Args:
            job: the job.
            log: creates the file for an error, which ``jobs.stream`` shows; called several times.
            work: does the job and returns an exit code.
            status: the job's first status; None if ``work`` sets it.
        """
        try:
            code, message = await self._run_work(job, log, work, status)
            await write_final(lambda: self._record_end(job, log, code, message))
        finally:  # not earlier: a cancellation before the final status would make a new event
            self._cancel_events.pop(job.key, None)

    async def _run_work(
        self, job: Job, log: Log, work: Work, status: str | None
    ) -> tuple[int, str]:
        """Run ``work`` and return its exit code with the message of an error."""
        try:
            if status is not None:
                job.set_status(status)
            log()  # a client can read it from the start
            code = await work()
            return code, f"{last_line(log())} (exit code {code})" if code else ""
        except Cancelled:
            return 1, ""
        except AzureError as error:
            return 1, error.message
        except Exception as error:  # noqa: BLE001 - the job must get a final status
            if isinstance(error, OSError) and not is_disk_full(error):
                return 1, f"{error.strerror}: {error.filename}"
            return 1, as_azure_error(error, self._state.data).message

    async def _record_end(self, job: Job, log: Log, code: int, message: str) -> None:
        """Write the end of a job: its message, its children, its status."""
        if message:
            _write_message(log, message)
        if code:
            await self._end_children(job, message)
        await self._set_final_status(job, code, message)

    async def _end_children(self, job: Job, message: str) -> None:
        """Mark the children of a failed job that have no final status as cancelled.

        An error of the job itself ends their tasks.
        """
        for each in job.children():
            if each.body["status"] not in records.FINAL_STATUSES:
                child = job.sibling(each.name)
                await self._end_children(child, message)
                if each.body.get("tracked"):
                    await self._end_run(child, "Canceled")
                self.skip(child, message)

    async def _set_final_status(self, job: Job, code: int, message: str) -> None:
        body = job.body
        status = "Completed" if code == 0 else "Failed"
        error = None if code == 0 else records.error_document(message)
        if body.get("cancel"):
            status, error = "Canceled", body.get("error")
        if body.get("tracked"):
            await self._end_run(job, status)
        job.end(status, error)

    async def _end_run(self, job: Job, status: str) -> None:
        try:
            await self.tracking.end_job_run(job.workspace, job.name, RUN_STATUSES[status])
        except Exception:  # noqa: BLE001 - the job has ended, even if its run cannot be updated
            traceback.print_exc()

    async def create_run(self, job: Job, outputs: dict[str, str]) -> None:
        """Create the MLflow run of a job, whose outputs have these addresses."""
        body = job.update(outputs=outputs, tracked=True).body
        properties = body["properties"]
        await self.tracking.create_job_run(
            job.workspace,
            job.name,
            records.experiment_name(properties),
            properties.get("displayName") or job.name,
            body.get("parent"),
        )

    async def run_process(
        self,
        job: Job,
        command: list[str],
        *,
        folder: Path,
        log: Path,
        variables: dict[str, str] | None = None,
        timeout: float | None = None,
        status: str = "Running",
        bin_folders: Sequence[Path] = (interpreters.SERVER_BIN,),
    ) -> int:
        """Run a command of a job and return its exit code.

        Args:
            job: the job.
            command: program and arguments.
            folder: the working folder.
            log: the file for its output.
            variables: environment variables of the job.
            timeout: seconds after which the job is cancelled.
            status: the job's status while the command runs.
            bin_folders: the first folders on the command's PATH.

        Raises:
            Cancelled: the job was cancelled before the command started.
        """
        if job.is_cancelled:
            raise Cancelled
        mark = uuid.uuid4().hex
        with log.open("ab") as file:
            process = child_processes.spawn(
                command,
                cwd=folder,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._job_environment(job.workspace, variables or {}, bin_folders),
                mark=mark,
            )
        self._processes[job.key] = process
        job.set_status(status)
        try:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + timeout if timeout is not None else None
            while process.poll() is None:
                if deadline is not None and loop.time() > deadline:
                    await self._cancel_after_timeout(job, process, log, timeout or 0)
                    break
                await asyncio.sleep(POLL_SECONDS)
            return await asyncio.to_thread(process.wait)
        finally:
            del self._processes[job.key]
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)  # processes that the command left running
            # Those in other process groups too: Open MPI gives each rank a group of its own.
            await asyncio.to_thread(child_processes.end_marked, mark, 0)

    async def build_interpreter(
        self, job: Job, conda_file: str | None
    ) -> interpreters.Interpreter | None:
        """The interpreter of a job's environment; the build's output is among the job's logs.

        None without isolation or conda file, or if the interpreter is optional and cannot be built.

        Raises:
            AzureError: it cannot be built.
            Cancelled: the job was cancelled.
        """
        if self.interpreters is None:
            return None
        log = job.log_file(interpreters.LOG)

        async def run(command: list[str]) -> int:
            return await self.run_process(
                job, command, folder=log.parent, log=log, status="Preparing"
            )

        try:
            return await self.interpreters.get(conda_file, log, run)
        except AzureError as error:
            raise AzureError(f"{error.message} ({interpreters.LOG})", error.code) from None

    async def _cancel_after_timeout(
        self,
        job: Job,
        process: subprocess.Popen[bytes],
        log: Path,
        timeout: float,
    ) -> None:
        message = f"cancelled: the job ran longer than limits.timeout ({timeout:g} s)"
        with log.open("a", encoding="utf-8") as file:
            file.write(message + "\n")
        job.update(cancel=True, error=records.error_document(message))
        await asyncio.to_thread(child_processes.end_group, process)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that all jobs share."""
        return {
            **os.environ,
            **self._environment,
            **JOB_VARIABLES,
        }

    def _job_environment(
        self, workspace: Workspace, variables: dict[str, str], bin_folders: Sequence[Path]
    ) -> dict[str, str]:
        """The environment of a job's process; its credentials are valid for its workspace only."""
        return {
            **self.environment,
            **credentials(self._state, workspace.key),
            "PATH": os.pathsep.join([*map(str, bin_folders), os.environ.get("PATH", "")]),
            **variables,
        }


def _queue_key(workspace: Workspace, compute_name: str) -> tuple[str, str]:
    return workspace.key, compute_name.lower()


def _write_message(log: Log, message: str) -> None:
    """Write the reason of a failure into an empty log.

    Raises:
        OSError: the disk is full.
    """
    try:
        path = log()
        if not last_line(path):
            with path.open("a", encoding="utf-8") as file:
                file.write(message + "\n")
    except Exception as error:
        if is_disk_full(error):
            raise
        traceback.print_exc()  # the job's error has the message


def last_line(log: Path) -> str:
    """The last line of a log with text, which is the error after a traceback.

    Warnings of azureml-local and the links that MLflow prints after each run are left out.
    """
    lines = reversed(read_end(log).splitlines())
    texts = (line.strip() for line in lines if not line.startswith(NOT_THE_REASON))
    return next((text for text in texts if text), "")
