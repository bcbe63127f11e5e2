"""Runs command jobs and parallel steps: code, inputs, outputs, interpreter, then the command."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from azureml_local import addresses, interpreters
from azureml_local.documents.jobs import JobProperties
from azureml_local.errors import AzureError
from azureml_local.forked_workers import uses_modules
from azureml_local.jobs import inputs, records
from azureml_local.jobs.distribution import (
    Distribution,
    failure_message,
    instance_count,
    launch_command,
    parse_distribution,
)
from azureml_local.jobs.environments import interpreter_variables, prepare_interpreter
from azureml_local.jobs.mounts import ReadOnlyMounts
from azureml_local.jobs.parallel_jobs import driver_command
from azureml_local.jobs.records import Job
from azureml_local.jobs.runner import Runner
from azureml_local.jobs.validation import timeout_of


async def run_command_job(runner: Runner, job: Job) -> None:
    """Wait for an instance of the job's compute, then run the job to its final status.

    Args:
        runner: starts and ends its processes.
        job: the job.
    """
    run = _CommandRun(runner, job, job.properties)
    await runner.supervise(job, lambda: run.log, run.run, status=None)


@dataclass
class _CommandRun:
    """One run of a command job or parallel step; the arguments of :func:`run_command_job`."""

    runner: Runner
    job: Job
    properties: JobProperties

    @property
    def is_parallel(self) -> bool:
        """Whether it is a parallel step, which distributes its mini-batches itself."""
        return self.properties.get("jobType") == "Parallel"

    @cached_property
    def distribution(self) -> Distribution | None:
        """The processes of a distributed job; None for one process."""
        return None if self.is_parallel else parse_distribution(self.properties)

    @cached_property
    def log(self) -> Path:
        """The file for its output; for a distributed job, that of the first process."""
        return self.job.log_file(self.distribution.logs[0] if self.distribution else records.LOG)

    @cached_property
    def folder(self) -> Path:
        """The working folder, with a copy of the code."""
        return self.job.folder("jobs")

    @property
    def failure_report(self) -> Path:
        """The file that names the failed process of a distributed job."""
        return self.folder.with_name(f"{self.job.name}.failure")

    async def run(self) -> int:
        """Wait for instances of the job's compute, run it and return its exit code.

        Raises:
            AzureError: the job cannot be started, one of its processes failed, or the job has
                written to a read-only mount.
        """
        compute, instances = self.properties.get("computeId") or "", instance_count(self.properties)
        async with self.runner.instances(self.job, compute, instances):
            self.job.set_status("Preparing")
            await asyncio.to_thread(self._copy_code)
            values = await asyncio.to_thread(self._resolve_inputs)
            outputs = inputs.resolve_outputs(self.job, self.properties.get("outputs") or {})
            for output in outputs.values():
                output.folder.mkdir(parents=True, exist_ok=True)
            await self.runner.create_run(self.job, {key: each.uri for key, each in outputs.items()})
            paths = {key: str(output.path) for key, output in outputs.items()}
            mounts = await asyncio.to_thread(ReadOnlyMounts.read, self.job, values)
            code = await self._run_process(values, paths)
            self.job.set_status("Finalizing")
            if self.is_parallel:
                shutil.copyfile(self.log, self.job.log_file(records.SCORING_LOG))
            await asyncio.to_thread(self._upload_outputs_folder)
            if code == 0:
                await asyncio.to_thread(mounts.check)
                for output in outputs.values():
                    output.register()
            elif self.failure_report.is_file():
                raise AzureError(failure_message(self.failure_report), "UserError")
            return code

    def _copy_code(self) -> None:
        inputs.copy_code(self.job.workspace, self.properties.get("codeId"), self.folder)
        (self.folder / "outputs").mkdir(exist_ok=True)

    def _resolve_inputs(self) -> dict[str, str]:
        declared = self.properties.get("inputs") or {}
        return inputs.resolve_inputs(self.job.workspace, declared, self.job.folder("inputs"))

    async def _run_process(self, values: dict[str, str], paths: dict[str, str]) -> int:
        """Run the command with the values of its inputs and the paths of its outputs."""
        bin_folder = await prepare_interpreter(self.runner, self.job, self.log)
        command, folder = self._command(values, paths, bin_folder)
        return await self.runner.run_process(
            self.job,
            command,
            folder=folder,
            log=self.log,
            variables={
                **self._variables(),
                **{f"AZURE_ML_INPUT_{key}": value for key, value in values.items()},
                **{f"AZURE_ML_OUTPUT_{key}": path for key, path in paths.items()},
                **interpreter_variables(bin_folder),
                **(self.properties.get("environmentVariables") or {}),
            },
            timeout=timeout_of(self.properties),
            bin_folders=[*await self._preloaded_programs(bin_folder), bin_folder],
        )

    def _command(
        self, values: dict[str, str], paths: dict[str, str], bin_folder: Path
    ) -> tuple[list[str], Path]:
        """The command that starts the job's processes, and the folder in which it runs."""
        if self.is_parallel:
            return driver_command(self.job, values, paths, bin_folder)
        line = inputs.render_command(self.properties["command"], values, paths)
        if self.distribution is None:
            return ["bash", "-c", line], self.folder
        path = os.pathsep.join([str(bin_folder), os.environ.get("PATH", "")])
        artifacts, report = self.job.artifacts, self.failure_report
        return launch_command(self.distribution, line, artifacts, report, path), self.folder

    async def _preloaded_programs(self, bin_folder: Path) -> list[Path]:
        """The folder with the programs that run the job's code as a fork, if that saves time."""
        programs = self.runner.workers.programs
        has_one_process = not self.is_parallel and self.distribution is None
        if programs is None or not has_one_process or bin_folder != interpreters.SERVER_BIN:
            return []
        if not await asyncio.to_thread(uses_modules, self.folder):
            return []
        return [programs] if self.runner.workers.preload() else []

    def _upload_outputs_folder(self) -> None:
        """Copy ``./outputs`` to the artifacts of the job's run, as Azure does after each job."""
        folder = self.folder / "outputs"
        if folder.is_dir() and any(folder.iterdir()):
            target = self.job.artifacts / "outputs"
            shutil.copytree(folder, target, dirs_exist_ok=True, ignore_dangling_symlinks=True)

    def _variables(self) -> dict[str, str]:
        """The environment variables that Azure sets for a job."""
        workspace, experiment = self.job.workspace, records.experiment_name(self.properties)
        return {
            "MLFLOW_TRACKING_URI": addresses.azureml_tracking_uri(workspace),
            "MLFLOW_EXPERIMENT_NAME": experiment,
            "MLFLOW_RUN_ID": self.job.name,
            "AZUREML_RUN_ID": self.job.name,
            "AZUREML_ROOT_RUN_ID": self.job.root,
            "AZUREML_ARM_PROJECT_NAME": experiment,
            "AZUREML_ARM_SUBSCRIPTION": workspace.subscription,
            "AZUREML_ARM_RESOURCEGROUP": workspace.group,
            "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
        }
