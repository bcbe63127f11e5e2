"""Runs command jobs and parallel steps: code, inputs, outputs, interpreter, then the command."""

from __future__ import annotations

import asyncio
import os
import shutil
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
    properties = job.properties
    # A parallel step distributes its mini-batches itself.
    distribution = None if _is_parallel(properties) else parse_distribution(properties)
    log = job.log_file(distribution.logs[0] if distribution else records.LOG)

    async def work() -> int:
        compute, instances = properties.get("computeId") or "", instance_count(properties)
        async with runner.instances(job, compute, instances):
            return await _run_command(runner, job, log, distribution)

    await runner.supervise(job, log, work, status=None)


async def _run_command(
    runner: Runner, job: Job, log: Path, distribution: Distribution | None
) -> int:
    """Run a command job and return its exit code.

    Args:
        runner: starts and ends its processes.
        job: the job.
        log: the file for its output.
        distribution: of a distributed job.

    Raises:
        AzureError: the job cannot be started.
    """
    job.set_status("Preparing")
    workspace, properties, folder = job.workspace, job.properties, job.folder("jobs")
    await asyncio.to_thread(inputs.copy_code, workspace, properties.get("codeId"), folder)
    (folder / "outputs").mkdir(exist_ok=True)
    input_values = await asyncio.to_thread(
        inputs.resolve_inputs, workspace, properties.get("inputs") or {}, job.folder("inputs")
    )
    outputs = {
        key: inputs.resolve_output(job, key, value or {})
        for key, value in (properties.get("outputs") or {}).items()
    }
    for output in outputs.values():
        output.folder.mkdir(parents=True, exist_ok=True)
    output_paths = {key: str(output.path) for key, output in outputs.items()}
    output_uris = {key: output.uri for key, output in outputs.items()}
    await runner.create_run(job, output_uris)
    bin_folder = await prepare_interpreter(runner, job, log)
    bin_folders = [bin_folder]
    variables = {
        **_job_variables(job),
        **{f"AZURE_ML_INPUT_{key}": value for key, value in input_values.items()},
        **{f"AZURE_ML_OUTPUT_{key}": value for key, value in output_paths.items()},
        **interpreter_variables(bin_folder),
        **(properties.get("environmentVariables") or {}),
    }
    report, process_folder = folder.with_name(f"{job.name}.failure"), folder
    if _is_parallel(properties):
        command, process_folder = driver_command(
            workspace, properties, input_values, output_paths, folder, bin_folder
        )
    else:
        line = inputs.render_command(properties["command"], input_values, output_paths)
        command = ["bash", "-c", line]
        if distribution is not None:
            path = os.pathsep.join([str(bin_folder), os.environ.get("PATH", "")])
            command = launch_command(distribution, line, job.artifacts, report, path)
        elif bin_folder == interpreters.SERVER_BIN:
            bin_folders = [*await _preloaded_programs(runner, folder), bin_folder]
    code = await runner.run_process(
        job,
        command,
        folder=process_folder,
        log=log,
        variables=variables,
        timeout=timeout_of(properties),
        bin_folders=bin_folders,
    )
    job.set_status("Finalizing")
    if _is_parallel(properties):
        shutil.copyfile(log, job.log_file(records.SCORING_LOG))
    await asyncio.to_thread(_upload_outputs_folder, job, folder / "outputs")
    if code == 0:
        for key, output in outputs.items():
            inputs.register_output(workspace, key, output)
    elif report.is_file():
        raise AzureError(failure_message(report), "UserError")
    return code


async def _preloaded_programs(runner: Runner, code: Path) -> list[Path]:
    """The folder with the programs that run the job's code as a fork, if that saves time."""
    programs = runner.workers.programs
    if programs is None or not await asyncio.to_thread(uses_modules, code):
        return []
    return [programs] if runner.workers.preload() else []


def _is_parallel(properties: JobProperties) -> bool:
    return properties.get("jobType") == "Parallel"


def _upload_outputs_folder(job: Job, folder: Path) -> None:
    """Copy ``./outputs`` to the artifacts of the job's run, as Azure does after each job."""
    if folder.is_dir() and any(folder.iterdir()):
        shutil.copytree(
            folder, job.artifacts / "outputs", dirs_exist_ok=True, ignore_dangling_symlinks=True
        )


def _job_variables(job: Job) -> dict[str, str]:
    """The environment variables that Azure sets for a job."""
    workspace, experiment = job.workspace, records.experiment_name(job.properties)
    return {
        "MLFLOW_TRACKING_URI": addresses.azureml_tracking_uri(workspace),
        "MLFLOW_EXPERIMENT_NAME": experiment,
        "MLFLOW_RUN_ID": job.name,
        "AZUREML_RUN_ID": job.name,
        "AZUREML_ROOT_RUN_ID": job.root,
        "AZUREML_ARM_PROJECT_NAME": experiment,
        "AZUREML_ARM_SUBSCRIPTION": workspace.subscription,
        "AZUREML_ARM_RESOURCEGROUP": workspace.group,
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
    }
