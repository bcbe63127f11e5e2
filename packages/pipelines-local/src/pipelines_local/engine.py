"""Run a pipeline from its file to its result, or resume a waiting run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines_local import files, sources
from pipelines_local.approvals import Approver, Decision
from pipelines_local.artifacts import Artifacts
from pipelines_local.errors import Diagnostic, UsageError
from pipelines_local.events import Listener, RunFinished, RunStarted
from pipelines_local.load import check_external_resources, load_pipeline
from pipelines_local.model import Pipeline, read_pipeline
from pipelines_local.results import Result, RunResult
from pipelines_local.run import folders, predefined, state
from pipelines_local.run.context import RunContext
from pipelines_local.run.masked_outputs import check_masked_outputs
from pipelines_local.run.options import RunOptions, run_options
from pipelines_local.run.pipeline_artifacts import find_pipeline_artifacts
from pipelines_local.run.scheduler import Scheduler
from pipelines_local.run_contexts import create_context, restore_context
from pipelines_local.snapshots import Contents
from pipelines_local.static_macros import resolve_static_macros
from pipelines_local.tasks.context import TaskOptions
from pipelines_local.tasks.federated_login import ID_TOKEN_SECONDS
from pipelines_local.tasks.python_environment import create_python_shims, own_interpreter
from pipelines_local.variable_groups import check_groups, read_secrets, read_variable_groups
from pipelines_local.yamltree import Mapping as MappingNode
from pipelines_local.yamltree import load, to_data


def run_pipeline(
    path: Path,
    *,
    root: Path,
    work_dir: Path,
    parameters: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    service_connections: Mapping[str, Mapping[str, str]] | None = None,
    approvals: Approver | Mapping[str, Decision] | None = None,
    listener: Listener | None = None,
    jobs: int | None = None,
    pipelines: Mapping[str, Path] | None = None,
    groups: Mapping[str, Mapping[str, str]] | None = None,
    repositories: Mapping[str, Path | str] | None = None,
    keep: int = folders.KEEP,
    shared_az_config: bool = False,
    host_python: bool = False,
    id_token_seconds: float = ID_TOKEN_SECONDS,
) -> RunResult:
    """Run the pipeline in a file on this machine.

    Args:
        path: the YAML file.
        root: the repository of ``checkout: self``, including uncommitted changes.
        work_dir: gets a new folder for this run; also stores counters.
        parameters: values of the parameters of the pipeline.
        variables: variables of the run; a variable of the file with the same name wins.
        secrets: secret variables: masked, passed to a step only by its ``env``.
        service_connections: environment variables of the steps, by name of the connection.
        approvals: decisions by environment, or an approver; without a decision the run ends with
            the result ``Waiting``.
        listener: receives the events of the run.
        jobs: maximum number of parallel jobs; by default the number of cores.
        pipelines: folders with the artifacts of ``resources.pipelines``, by alias; by default the
            artifacts of the last successful run in ``work_dir`` of the pipeline with that name.
        groups: values of variable groups by name; by default those of ``pipelines-local.yml``.
        repositories: folders of ``resources.repositories`` by alias; ``FOLDER@REF`` is a folder at
            another ref than that of the pipeline.
        keep: number of run folders to keep in ``work_dir``.
        shared_az_config: whether the AzureCLI steps of a job share AZURE_CONFIG_DIR, as before
            version 2.277 of the task.
        host_python: whether steps use the Python of this machine; by default they use a virtual
            environment of the run, so that they cannot install into it.
        id_token_seconds: lifetime of the ID token of an AzureCLI step whose service connection
            leads to a local workspace; 0 for no limit.

    Returns:
        The result, also after a failure or a cancellation.

    Raises:
        InvalidPipeline: the pipeline is wrong or uses an unsupported feature; nothing was run.
        UsageError: a file cannot be read or the working folder cannot be written.
    """
    tasks = TaskOptions(shared_az_config, host_python, id_token_seconds)
    options = run_options(
        work_dir,
        secrets,
        service_connections,
        approvals,
        listener,
        jobs,
        tasks,
        variables,
        pipelines,
    )
    path, root = Path(path), Path(root).resolve()
    source = sources.describe_repository(root)
    static = predefined.compile_time_variables(source, path.stem, root, options.variables)
    loaded = load_pipeline(path, root, parameters, static, groups, repositories, options.variables)
    secrets_of_groups = read_secrets(loaded.pipeline, loaded.groups)
    artifacts, resource_variables = find_pipeline_artifacts(
        loaded.pipeline, options.pipelines, options.work
    )
    check_external_resources(loaded.pipeline, options.connections, artifacts, loaded.repositories)
    folder = folders.create_run(options.work)
    try:
        context = create_context(
            loaded, folder, options, artifacts, {**static, **resource_variables}, secrets_of_groups
        )
        files.write_json(folder.path / folders.EXPANDED, to_data(loaded.document))
        for name, contents in _checkouts(loaded.pipeline):
            repository = root if name == "self" else loaded.repositories[name]
            context.create_snapshot(name, repository, contents)
        result = RunResult(
            folder.run, context.build_number, "Succeeded", folder.path, folder.artifacts,
            loaded.path, context.started, warnings=[w.to_dict() for w in loaded.warnings],
        )  # fmt: skip
        return _execute(context, loaded.pipeline, result, options, loaded.warnings)
    finally:
        folder.unlock()
        folders.delete_old_runs(options.work, keep)


def resume_pipeline(
    run: str,
    *,
    work_dir: Path,
    secrets: Mapping[str, str] | None = None,
    service_connections: Mapping[str, Mapping[str, str]] | None = None,
    approvals: Approver | Mapping[str, Decision] | None = None,
    listener: Listener | None = None,
    jobs: int | None = None,
    shared_az_config: bool = False,
    host_python: bool = False,
    id_token_seconds: float = ID_TOKEN_SECONDS,
) -> RunResult:
    """Resume a run that waits for an approval.

    Uses the stored pipeline, even if its file has changed. Secrets and service connections are not
    stored, so pass them again.

    Raises:
        UsageError: there is no such run, it does not wait, or it needs an output with a secret,
            which is not stored.
        InvalidPipeline: a service connection is missing.
    """
    tasks = TaskOptions(shared_az_config, host_python, id_token_seconds)
    options = run_options(work_dir, secrets, service_connections, approvals, listener, jobs, tasks)
    folder = folders.open_run(options.work, run)
    try:
        stored = state.load(folder)
        if stored.result.result != "Waiting":
            actual = folder.read_result().get("result", "killed")
            raise UsageError("not-waiting", f"the run {run} does not wait (result: {actual})")
        document = load(folder.path / folders.EXPANDED)
        assert isinstance(document, MappingNode)  # noqa: S101 - written by run_pipeline
        values = {entry.name: entry.value for entry in stored.variables}
        pipeline = resolve_static_macros(read_pipeline(document), values)
        check_masked_outputs(pipeline, stored.result)
        artifacts = {name: Artifacts(Path(p)) for name, p in stored.pipelines.items()}
        Artifacts(folder.artifacts).delete_except(stored.artifacts)
        copies = [path.name for path in folder.repositories.glob("*")]
        check_external_resources(pipeline, options.connections, artifacts, copies)
        groups = read_variable_groups(Path(stored.root), None)
        check_groups(pipeline, groups)
        secrets_of_groups = read_secrets(pipeline, groups)
        context = restore_context(stored, folder, options, artifacts, pipeline, secrets_of_groups)
        return _execute(context, pipeline, stored.result, options)
    finally:
        folder.unlock()


def _checkouts(pipeline: Pipeline) -> set[tuple[str, Contents]]:
    """Return the lower-case names of the repositories that jobs check out, and their contents."""
    checkouts: set[tuple[str, Contents]] = set()
    for stage in pipeline.stages:
        for job in stage.jobs:
            steps = [step for step in job.steps if step.task == "checkout"]
            checkouts |= {
                (step.inputs["repository"].lower(), step.contents)
                for step in steps
                if step.checks_out
            }
            if not steps and not job.environment and not job.is_server:
                checkouts.add(("self", Contents()))
    return checkouts


def _execute(
    context: RunContext,
    pipeline: Pipeline,
    result: RunResult,
    options: RunOptions,
    warnings: tuple[Diagnostic, ...] = (),
) -> RunResult:
    """Run the stages that are not done, and store the result."""
    plan = {stage.name: tuple(job.name for job in stage.jobs) for stage in pipeline.stages}
    displays = {stage.name: stage.display or stage.name for stage in pipeline.stages}
    for stage in pipeline.stages:
        displays |= {f"{stage.name}.{job.name}": job.display for job in stage.jobs}
    context.events.send(
        RunStarted(
            result.run, result.name, result.pipeline, result.folder, plan, displays, warnings
        )
    )
    shims = create_python_shims(
        context.folder.path / "python", own_interpreter(), sys.version_info.minor
    )
    context.python_path = [str(path) for path in shims]
    state.save(context, result)
    final: Result = "Failed"
    try:
        final = Scheduler(
            context, pipeline, result, options.approver, options.max_jobs,
            lambda: _store_result(context, result, "Waiting"),
        ).run()  # fmt: skip
    finally:
        _store_result(context, result, final)
        context.events.send(RunFinished(result.run, result.result, result.folder))
    return result


def _store_result(context: RunContext, result: RunResult, value: Result) -> None:
    """Store the result and the state of the run."""
    result.result = value
    result.finished = datetime.now(UTC)
    result.name = context.masker.mask(context.build_number)
    result.interrupted = context.cancellation.requested
    result.summaries, result.tests = context.summaries, context.tests
    files.write_json(context.folder.path / folders.RESULT, result.to_dict())
    state.save(context, result)
