"""What a command job does: its code, inputs and outputs as paths, its interpreter, its command."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from azureml_local.jobs import environments, inputs, interpreters, packages, records
from azureml_local.jobs.submission import timeout_of
from azureml_local.mlflow import addresses
from azureml_local.state import State, Workspace

if TYPE_CHECKING:
    from azureml_local.jobs.runner import Runner


async def run(runner: Runner, state: State, workspace: Workspace, name: str, log: Path) -> int:
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
    runner.begin(workspace, name, "Preparing")
    properties = records.find(state, workspace, name).body["properties"]
    folder = state.data / "jobs" / workspace.key / name
    await asyncio.to_thread(inputs.copy_code, state, workspace, properties.get("codeId"), folder)
    copies = state.data / "inputs" / workspace.key / name
    given = await asyncio.to_thread(
        inputs.values, state, workspace, properties.get("inputs") or {}, copies
    )
    targets = {
        key: inputs.output(state, workspace, name, key, value or {})
        for key, value in (properties.get("outputs") or {}).items()
    }
    for target in targets.values():
        made = target.path.parent if target.kind == "uri_file" else target.path
        made.mkdir(parents=True, exist_ok=True)
    outputs = {key: str(target.path) for key, target in targets.items()}
    line = inputs.command_line(properties["command"], given, outputs)
    kept = {key: target.uri for key, target in targets.items()}
    records.change(state, workspace, name, outputs=kept, tracked=True)
    programs = await _programs(runner, state, workspace, name, log)
    body = records.find(state, workspace, name).body
    title = properties.get("displayName") or name
    experiment = properties.get("experimentName") or "Default"
    await runner.tracking.adopt(workspace, name, experiment, title, body.get("parent"))
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
    runner.begin(workspace, name, "Finalizing")
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
        "MLFLOW_TRACKING_URI": addresses.azureml(state, workspace),
        "MLFLOW_EXPERIMENT_NAME": experiment,
        "MLFLOW_RUN_ID": name,
        "AZUREML_RUN_ID": name,
        "AZUREML_ROOT_RUN_ID": root,
        "AZUREML_ARM_PROJECT_NAME": experiment,
        "AZUREML_ARM_SUBSCRIPTION": workspace.subscription,
        "AZUREML_ARM_RESOURCEGROUP": workspace.group,
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
    }
