"""What a command job does: its code, inputs and outputs as paths, its interpreter, its command."""

from __future__ import annotations

import asyncio
from pathlib import Path

from azureml_local import addresses, compute
from azureml_local.jobs import environments, inputs, interpreters, packages, records
from azureml_local.jobs.runner import Cancelled, Runner
from azureml_local.jobs.validation import timeout_of
from azureml_local.state import State, Workspace


async def run_command_job(runner: Runner, state: State, workspace: Workspace, name: str) -> None:
    """Wait for an instance of the job's compute, then run the job to its final status.

    Args:
        runner: starts and ends its processes.
        state: the server's state.
        workspace: the job's workspace.
        name: the job.
    """
    cancelled = runner.cancel_event(workspace, name)
    properties = records.find(state, workspace, name).body["properties"]
    target = compute.compute_name(properties.get("computeId") or "")
    key = (workspace.key, target.lower())

    def set_queued() -> None:
        records.update(state, workspace, name, status="Queued")

    def max_jobs() -> int:
        return compute.max_concurrent_jobs(state, workspace, target)

    log = runner.log_file(workspace, name, records.LOG)

    async def work() -> int:
        if not await runner.slots.acquire(key, max_jobs, cancelled, set_queued):
            raise Cancelled
        try:
            return await _run_command(runner, state, workspace, name, log)
        finally:
            runner.slots.release(key)

    await runner.supervise(workspace, name, log, work, status=None)


async def _run_command(
    runner: Runner, state: State, workspace: Workspace, name: str, log: Path
) -> int:
    """Run a command job to its end; gives its exit code.

    Args:
        runner: what runs its processes.
        state: the server's state.
        workspace: the job's workspace.
        name: the job.
        log: where its output goes.

    Raises:
        AzureError: it cannot be begun; in words.
    """
    runner.set_status(workspace, name, "Preparing")
    properties = records.find(state, workspace, name).body["properties"]
    folder = state.data / "jobs" / workspace.key / name
    await asyncio.to_thread(inputs.copy_code, state, workspace, properties.get("codeId"), folder)
    copies = state.data / "inputs" / workspace.key / name
    given = await asyncio.to_thread(
        inputs.resolve_inputs, state, workspace, properties.get("inputs") or {}, copies
    )
    targets = {
        key: inputs.resolve_output(state, workspace, name, key, value or {})
        for key, value in (properties.get("outputs") or {}).items()
    }
    for target in targets.values():
        made = target.path.parent if target.kind == "uri_file" else target.path
        made.mkdir(parents=True, exist_ok=True)
    outputs = {key: str(target.path) for key, target in targets.items()}
    line = inputs.render_command(properties["command"], given, outputs)
    kept = {key: target.uri for key, target in targets.items()}
    records.update(state, workspace, name, outputs=kept, tracked=True)
    programs = await _programs(runner, state, workspace, name, log)
    body = records.find(state, workspace, name).body
    title = properties.get("displayName") or name
    experiment = properties.get("experimentName") or "Default"
    await runner.tracking.create_job_run(workspace, name, experiment, title, body.get("parent"))
    root = body.get("root") or body.get("parent") or name
    extra = {
        **_variables(state, workspace, name, experiment, root),
        **{f"AZURE_ML_INPUT_{key}": value for key, value in given.items()},
        **{f"AZURE_ML_OUTPUT_{key}": value for key, value in outputs.items()},
        **({"VIRTUAL_ENV": str(programs.parent)} if runner.isolate else {}),
        **(properties.get("environmentVariables") or {}),
    }
    code = await runner.run_process(
        workspace,
        name,
        ["bash", "-c", line],
        folder=folder,
        log=log,
        extra=extra,
        timeout=timeout_of(properties),
        programs=programs,
    )
    runner.set_status(workspace, name, "Finalizing")
    if code == 0:
        for key, target in targets.items():
            inputs.register_output(state, workspace, key, target)
    return code


async def _programs(
    runner: Runner, state: State, workspace: Workspace, name: str, log: Path
) -> Path:
    """The folder with the job's interpreter; its log tells what it lacks."""
    found = records.find(state, workspace, name).body["properties"]
    reference = found.get("environmentId") or ""
    conda_file = environments.conda_file(state, workspace, reference)
    if not runner.isolate or conda_file is None:
        lines = environments.notes(state, workspace, reference)
        if runner.isolate:
            lines.append(f"{packages.PREFIX} the environment has no conda file to build from")
        with log.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        return interpreters.OWN
    log = runner.log_file(workspace, name, interpreters.LOG)

    async def build(command: list[str]) -> int:
        return await runner.run_process(
            workspace, name, command, folder=log.parent, log=log, status="Preparing"
        )

    return await runner.interpreters.programs(conda_file, build)


def _variables(
    state: State, workspace: Workspace, name: str, experiment: str, root: str
) -> dict[str, str]:
    """What Azure tells a job of itself."""
    return {
        "MLFLOW_TRACKING_URI": addresses.azureml_tracking_uri(state, workspace),
        "MLFLOW_EXPERIMENT_NAME": experiment,
        "MLFLOW_RUN_ID": name,
        "AZUREML_RUN_ID": name,
        "AZUREML_ROOT_RUN_ID": root,
        "AZUREML_ARM_PROJECT_NAME": experiment,
        "AZUREML_ARM_SUBSCRIPTION": workspace.subscription,
        "AZUREML_ARM_RESOURCEGROUP": workspace.group,
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
    }
