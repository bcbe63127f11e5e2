"""Runs jobs: prepares a folder, starts the command, follows it to its end.

A job that was running when the server ended is reported as failed when it starts again; its
processes are gone by then, because they are tethered to the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import tether
from azureml_local.errors import AzureError
from azureml_local.jobs import inputs, records
from azureml_local.mlflow.tracking import Tracking
from azureml_local.models import run_prefix
from azureml_local.state import ARTIFACTS, State, Workspace

Work = Callable[[], Coroutine[Any, Any, int]]


class Runner:
    """The running jobs of the server."""

    def __init__(self, state: State, tracking: Tracking, environment: dict[str, str]) -> None:
        """Make a runner.

        Args:
            state: the server's state.
            tracking: where jobs' runs are kept.
            environment: what a job needs to reach this server.
        """
        self._state = state
        self._tracking = tracking
        self._environment = environment
        self._processes: dict[tuple[str, str], subprocess.Popen[bytes]] = {}

    def recover(self) -> None:
        """Report the jobs that a former server left running as failed."""
        for found in self._state.store.all(records.KIND):
            if found.body["status"] not in records.OVER:
                workspace = self._state.by_key(found.workspace)
                error = records.failure("the local workspace was ended while the job ran")
                records.change(
                    self._state,
                    workspace,
                    found.name,
                    status="Failed",
                    ended=records.now(),
                    error=error,
                )

    def submit(self, workspace: Workspace, name: str) -> None:
        """Run a command job in the background."""
        self._state.background(self._follow(workspace, name))

    async def cancel(self, workspace: Workspace, name: str) -> None:
        """End a running job; nothing where it is over."""
        found = records.find(self._state, workspace, name)
        if found.body["status"] in records.OVER:
            return
        records.change(self._state, workspace, name, cancel=True)
        process = self._processes.get((workspace.key, name))
        if process is not None:
            await asyncio.to_thread(tether.end_group, process)

    async def _follow(self, workspace: Workspace, name: str) -> None:
        """One command job from its preparation to its last status."""
        log = self.log_file(workspace, name, records.LOG)
        await self.supervise(workspace, name, log, lambda: self._command(workspace, name, log))

    async def supervise(self, workspace: Workspace, name: str, log: Path, work: Work) -> None:
        """Run ``work`` as the job ``name`` and give the job the status it comes to.

        Args:
            workspace: the job's workspace.
            name: the job.
            log: where an error is written, for ``jobs.stream`` to show.
            work: does the job and returns an exit code.
        """
        records.change(self._state, workspace, name, status="Preparing", started=records.now())
        message = ""
        try:
            code = await work()
            message = _last_line(log) if code else ""
        except AzureError as refused:
            code, message = 1, refused.message
        except OSError as failed:
            code, message = 1, f"{failed.strerror}: {failed.filename}"
        except Exception as defect:  # noqa: BLE001 - whatever it is, the job must come to an end
            traceback.print_exc()  # to the server's log
            code, message = 1, f"a defect of azureml-local, see its log: {defect!r}"
        if message and not _last_line(log):
            log.write_text(message + "\n", encoding="utf-8")
        found = records.find(self._state, workspace, name)
        status = "Completed" if code == 0 else "Failed"
        error = None if code == 0 else records.failure(f"{message} (exit code {code})")
        if found.body.get("cancel"):
            status, error = "Canceled", None
        records.change(
            self._state, workspace, name, status=status, ended=records.now(), error=error
        )

    def log_file(self, workspace: Workspace, name: str, path: str) -> Path:
        """A log among the job's artifacts; its folder exists."""
        log = self._state.container(workspace, ARTIFACTS) / run_prefix(name) / path
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
        extra: dict[str, str],
    ) -> int:
        """Run a command of a job to its end; gives its exit code."""
        with log.open("ab") as file:
            process = tether.spawn(
                command,
                cwd=folder,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._job_environment(extra),
            )
        self._processes[workspace.key, name] = process
        records.change(self._state, workspace, name, status="Running")
        try:
            return await asyncio.to_thread(process.wait)
        finally:
            del self._processes[workspace.key, name]
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)  # what the command left behind

    async def _command(self, workspace: Workspace, name: str, log: Path) -> int:
        state = self._state
        properties = records.find(state, workspace, name).body["properties"]
        folder = state.data / "jobs" / workspace.key / name
        await asyncio.to_thread(
            inputs.copy_code, state, workspace, properties.get("codeId"), folder
        )
        given = inputs.values(state, workspace, properties.get("inputs") or {})
        outputs = {}
        for output in properties.get("outputs") or {}:
            path = inputs.output_path(state, workspace, name, output)
            path.mkdir(parents=True, exist_ok=True)
            outputs[output] = str(path)
        line = inputs.command_line(properties["command"], given, outputs)
        experiment = properties.get("experimentName") or "Default"
        # The run is made while the command starts: MLflow's own import takes longer.
        adopting = asyncio.create_task(
            self._tracking.adopt(workspace, name, experiment, properties.get("displayName") or name)
        )
        extra = {
            "MLFLOW_TRACKING_URI": f"{state.url}/mlflow/v1.0{workspace.path}",
            "MLFLOW_EXPERIMENT_NAME": experiment,
            "MLFLOW_RUN_ID": name,
            "AZUREML_RUN_ID": name,
            "AZUREML_ARM_SUBSCRIPTION": workspace.subscription,
            "AZUREML_ARM_RESOURCEGROUP": workspace.group,
            "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
            **{f"AZURE_ML_INPUT_{key}": value for key, value in given.items()},
            **{f"AZURE_ML_OUTPUT_{key}": value for key, value in outputs.items()},
            **(properties.get("environmentVariables") or {}),
        }
        await adopting
        code = await self.run_process(
            workspace, name, ["bash", "-c", line], folder=folder, log=log, extra=extra
        )
        await self._tracking.close(workspace, name, "FINISHED" if code == 0 else "FAILED")
        return code

    def _job_environment(self, extra: dict[str, str]) -> dict[str, str]:
        """This process's environment, with this interpreter first and what reaches the server."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return {
            **os.environ,
            **self._environment,
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
            "MPLBACKEND": "agg",
            **extra,
        }


def _last_line(log: Path) -> str:
    """The last line with text in a log: what a traceback ends with."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
