"""Runs a pipeline from its file to its result."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines_local import files
from pipelines_local.approvals import Approver, Decision, Given
from pipelines_local.errors import ExpressionError, Position, Refused, UsageError
from pipelines_local.events import Dispatcher, Listener, RunFinished, RunStarted
from pipelines_local.expressions import evaluate, to_text
from pipelines_local.load import Loaded, check_surroundings, load_pipeline
from pipelines_local.model import Pipeline, read
from pipelines_local.results import GOOD, Result, RunResult
from pipelines_local.run import folders, predefined, sources, state
from pipelines_local.run.artifacts import Artifacts
from pipelines_local.run.cancel import Cancel
from pipelines_local.run.masker import Masker
from pipelines_local.run.scheduler import Scheduler
from pipelines_local.run.shared import Shared
from pipelines_local.run.variables import Variables
from pipelines_local.yamltree import Mapping as MappingNode
from pipelines_local.yamltree import load, to_data

_NOT_FOR_STEPS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


@dataclass
class _Inputs:
    """What a caller gives."""

    work: Path
    secrets: Mapping[str, str]
    connections: Mapping[str, Mapping[str, str]]
    approver: Approver
    listener: Listener | None
    jobs: int
    variables: Mapping[str, str] = field(default_factory=dict)
    pipelines: Mapping[str, Path] = field(default_factory=dict)
    keep: int = folders.KEEP


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
    keep: int = folders.KEEP,
) -> RunResult:
    """Run the pipeline in a file on this machine.

    Args:
        path: the YAML file.
        root: the repository that ``checkout: self`` gives, as it stands.
        work_dir: gets a new folder for this run; counters are kept here too.
        parameters: values for the pipeline's parameters.
        variables: given when the run is started; those of the file count more.
        secrets: variables that are masked and reach a step only through its ``env``.
        service_connections: for each name the environment that its steps get.
        approvals: decisions by environment, or something to ask; a run that finds none ends
            with the result ``Waiting``.
        listener: is told what happens.
        jobs: how many run side by side; as many as cores.
        pipelines: folders of artifacts for ``resources.pipelines``, by alias; without one, the
            last good run in ``work_dir`` of the pipeline with that file name.
        groups: values of variable groups by name.
        keep: how many runs' folders stay in ``work_dir``.

    Returns:
        The tree of results, also after a failure or a cancellation.

    Raises:
        Refused: the pipeline is wrong or outside of the subset; nothing was run.
        UsageError: a file cannot be read, the working folder not be written; nothing was run.
    """
    inputs = _inputs(work_dir, secrets, service_connections, approvals, listener, jobs)
    inputs.variables, inputs.pipelines, inputs.keep = variables or {}, pipelines or {}, keep
    path, root = Path(path), Path(root).resolve()
    source = sources.describe(root)
    static = predefined.static(source, path.stem, root, inputs.variables)
    loaded = load_pipeline(path, root, parameters, static, groups)
    artifacts, metadata = _pipelines(loaded.pipeline, inputs)
    check_surroundings(loaded.pipeline, inputs.connections, artifacts)
    folder = folders.new_run(inputs.work)
    try:
        shared = _shared(loaded, folder, inputs, artifacts, {**static, **metadata})
        files.write_json(folder.path / folders.EXPANDED, to_data(loaded.document))
        if _needs_sources(loaded.pipeline):
            shared.take_snapshot()
        result = RunResult(
            folder.run, shared.build_number, "Succeeded", folder.path, folder.artifacts,
            loaded.path, shared.started,
        )  # fmt: skip
        return _go(shared, loaded.pipeline, result, inputs)
    finally:
        folder.release()
        folders.clear_away(inputs.work, keep)


def resume_pipeline(
    run: str,
    *,
    work_dir: Path,
    secrets: Mapping[str, str] | None = None,
    service_connections: Mapping[str, Mapping[str, str]] | None = None,
    approvals: Approver | Mapping[str, Decision] | None = None,
    listener: Listener | None = None,
    jobs: int | None = None,
) -> RunResult:
    """Go on with a run that waits for an approval, where it stood.

    The pipeline is the one that was begun, whatever its file says now. Secrets and service
    connections are never stored, so they are given again.

    Raises:
        UsageError: there is no such run, or it does not wait.
        Refused: a service connection is missing.
    """
    inputs = _inputs(work_dir, secrets, service_connections, approvals, listener, jobs)
    folder = folders.existing(inputs.work, run)
    try:
        stored = state.load(folder)
        if stored.result.result != "Waiting":
            known = folder.result().get("result", "unfinished, as it was ended by force")
            raise UsageError(f"the run {run} does not wait: it is {known}")
        document = load(folder.path / folders.EXPANDED)
        assert isinstance(document, MappingNode)  # noqa: S101 - written by a run
        pipeline = read(document)
        artifacts = {name: Artifacts(Path(p)) for name, p in stored.pipelines.items()}
        Artifacts(folder.artifacts).keep_only(stored.artifacts)
        check_surroundings(pipeline, inputs.connections, artifacts)
        shared = _resumed(stored, folder, inputs, artifacts)
        return _go(shared, pipeline, stored.result, inputs)
    finally:
        folder.release()


def _inputs(
    work: Path,
    secrets: Mapping[str, str] | None,
    connections: Mapping[str, Mapping[str, str]] | None,
    approvals: Approver | Mapping[str, Decision] | None,
    listener: Listener | None,
    jobs: int | None,
) -> _Inputs:
    approver = Given(approvals or {}) if isinstance(approvals, (Mapping, type(None))) else approvals
    return _Inputs(
        Path(work).resolve(), secrets or {}, connections or {}, approver, listener,
        jobs or os.cpu_count() or 1,
    )  # fmt: skip


def _pipelines(pipeline: Pipeline, inputs: _Inputs) -> tuple[dict[str, Artifacts], dict[str, str]]:
    """Where the artifacts of other pipelines are, and the variables that tell of them."""
    given = {alias.lower(): path for alias, path in inputs.pipelines.items()}
    found: dict[str, Artifacts] = {}
    told: dict[str, str] = {}
    for resource in pipeline.resources:
        alias = resource.alias.lower()
        run = None if alias in given else _last_good(inputs.work, resource.source)
        folder = given.get(alias) or (run.artifacts if run else None)
        if folder is not None and Path(folder).is_dir():
            found[alias] = Artifacts(Path(folder))
            told |= predefined.of_resource(resource.alias, resource.source, run)
    return found, told


def _last_good(work: Path, source: str) -> folders.RunFolder | None:
    for folder in folders.runs(work):
        result = folder.result()
        name = Path(str(result.get("pipeline", ""))).stem
        if result.get("result") in GOOD and name.lower() == source.rpartition("/")[2].lower():
            return folder
    return None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _NOT_FOR_STEPS}


def _shared(
    loaded: Loaded,
    folder: folders.RunFolder,
    inputs: _Inputs,
    artifacts: Mapping[str, Artifacts],
    static: Mapping[str, str],
) -> Shared:
    """The surroundings of a new run, its variables worked out."""
    masker = Masker()
    variables = Variables(masker)
    definition = loaded.path.stem
    started = datetime.now(UTC)
    for name, value in inputs.variables.items():
        variables.set(name, value)
    for name, value in inputs.secrets.items():
        variables.set(name, value, secret=True)
    build_id = folders.next_number(inputs.work, "build", 1)
    for name, value in {**static, **predefined.runtime(build_id)}.items():
        variables.set(name, value, readonly=True)
    variables.set("System.PipelineStartTime", started.isoformat(timespec="seconds"), readonly=True)
    shared = Shared(
        root=loaded.root,
        work=inputs.work,
        folder=folder,
        definition=definition,
        started=started,
        variables=variables,
        masker=masker,
        cancel=Cancel(),
        events=Dispatcher(inputs.listener),
        artifacts=Artifacts(folder.artifacts),
        pipelines=artifacts,
        connections=inputs.connections,
        environment=_environment(),
    )
    _root_variables(shared, loaded.pipeline)
    shared.build_number = predefined.build_number(
        loaded.pipeline.name, variables, started, inputs.work, definition, loaded.pipeline.at
    )
    variables.set("Build.BuildNumber", shared.build_number, readonly=True)
    return shared


def _root_variables(shared: Shared, pipeline: Pipeline) -> None:
    """The pipeline's own variables.

    Raises:
        Refused: one is read-only already, or its ``$[ ]`` cannot be worked out.
    """
    for variable in pipeline.variables:
        value = variable.value
        if variable.tree is not None:
            try:
                value = to_text(evaluate(variable.tree, shared.context(shared.variables)))
            except ExpressionError as error:
                raise Refused(f"{variable.name}: {error}", variable.at) from None
        _set(shared.variables, variable.name, value, variable.readonly, variable.at)


def _set(variables: Variables, name: str, value: str, readonly: bool, at: Position) -> None:
    from pipelines_local.run.variables import ReadOnly

    try:
        variables.overwrite(name, value, readonly=readonly)
    except ReadOnly:
        raise Refused(f"the variable {name!r} is read-only", at) from None


def _resumed(
    stored: state.Stored,
    folder: folders.RunFolder,
    inputs: _Inputs,
    artifacts: Mapping[str, Artifacts],
) -> Shared:
    masker = Masker()
    variables = Variables(masker)
    for entry in stored.variables:
        variables.set(entry.name, entry.value, readonly=entry.readonly)
    for name, value in inputs.secrets.items():
        variables.set(name, value, secret=True)
    return Shared(
        root=Path(stored.root),
        work=inputs.work,
        folder=folder,
        definition=stored.result.pipeline.stem,
        started=stored.result.started,
        variables=variables,
        masker=masker,
        cancel=Cancel(),
        events=Dispatcher(inputs.listener),
        artifacts=Artifacts(folder.artifacts),
        pipelines=artifacts,
        connections=inputs.connections,
        environment=_environment(),
        build_number=stored.result.name,
        summaries=list(stored.result.summaries),
        tests=list(stored.result.tests),
    )


def _needs_sources(pipeline: Pipeline) -> bool:
    for stage in pipeline.stages:
        for job in stage.jobs:
            found = [step for step in job.steps if step.task == "checkout"]
            if any(step.inputs["repository"] == "self" for step in found):
                return True
            if not found and not job.environment:
                return True
    return False


def _go(shared: Shared, pipeline: Pipeline, result: RunResult, inputs: _Inputs) -> RunResult:
    """Run what is left to run, and keep the result whatever it is."""
    plan = {stage.name: tuple(job.name for job in stage.jobs) for stage in pipeline.stages}
    displays = {stage.name: stage.display or stage.name for stage in pipeline.stages}
    for stage in pipeline.stages:
        displays |= {f"{stage.name}.{job.name}": job.display for job in stage.jobs}
    shared.events.send(
        RunStarted(result.run, result.name, result.pipeline, result.folder, plan, displays)
    )
    state.save(shared, result)
    finished: Result = "Failed"
    try:
        finished = Scheduler(
            shared, pipeline, result, inputs.approver, inputs.jobs,
            lambda: _keep(shared, result, "Waiting"),
        ).run()  # fmt: skip
    finally:
        _keep(shared, result, finished)
        shared.events.send(RunFinished(result.run, result.result, result.folder))
    return result


def _keep(shared: Shared, result: RunResult, so_far: Result) -> None:
    """Store how far a run came, for people and for going on."""
    result.result = so_far
    result.finished = datetime.now(UTC)
    result.name = shared.masker.mask(shared.build_number)
    result.interrupted = shared.cancel.requested
    result.summaries, result.tests = shared.summaries, shared.tests
    files.write_json(shared.folder.path / folders.RESULT, result.to_dict())
    state.save(shared, result)
