"""Create the context of a new run, or of a run that is resumed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pipelines_local.artifacts import Artifacts
from pipelines_local.errors import ExpressionError, InvalidPipeline, Position
from pipelines_local.events import EventDispatcher
from pipelines_local.expressions import evaluate, to_text_or_empty
from pipelines_local.load import LoadedPipeline
from pipelines_local.model import Pipeline
from pipelines_local.run import folders, predefined, state
from pipelines_local.run.cancellation import Cancellation
from pipelines_local.run.context import RunContext
from pipelines_local.run.masker import Masker
from pipelines_local.run.options import RunOptions
from pipelines_local.run.variables import ReadOnlyError, Variables

_OF_GIT_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
# With these, a `make` in a step behaves as part of the `make` that started the run.
_OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKE_TERMOUT", "MAKE_TERMERR")
_NOT_FOR_STEPS = frozenset((*_OF_GIT_HOOKS, *_OF_MAKE))


def _create_empty_context(
    folder: folders.RunFolder,
    options: RunOptions,
    artifacts: Mapping[str, Artifacts],
    group_secrets: Mapping[str, Mapping[str, str]],
    *,
    root: Path,
    definition: str,
    started: datetime,
) -> RunContext:
    """Create a context without variables."""
    masker = Masker()
    return RunContext(
        root=root,
        work=options.work,
        folder=folder,
        definition=definition,
        started=started,
        variables=Variables(masker),
        masker=masker,
        cancellation=Cancellation(),
        events=EventDispatcher(options.listener),
        artifacts=Artifacts(folder.artifacts),
        pipelines=artifacts,
        connections=options.connections,
        environment={k: v for k, v in os.environ.items() if k not in _NOT_FOR_STEPS},
        options=options.tasks,
        group_secrets=group_secrets,
    )


def create_context(
    loaded: LoadedPipeline,
    folder: folders.RunFolder,
    options: RunOptions,
    artifacts: Mapping[str, Artifacts],
    static: Mapping[str, str],
    group_secrets: Mapping[str, Mapping[str, str]],
) -> RunContext:
    """Create the context of a new run with its variables."""
    definition = loaded.path.stem
    started = datetime.now(UTC)
    context = _create_empty_context(
        folder, options, artifacts, group_secrets,
        root=loaded.root, definition=definition, started=started,
    )  # fmt: skip
    variables = context.variables
    for name, value in options.variables.items():
        variables.set(name, value)
    for name, value in options.secrets.items():
        variables.set(name, value, secret=True)
    build_id = folders.next_number(options.work, "build", 1)
    for name, value in {**static, **predefined.run_variables(build_id)}.items():
        variables.set(name, value, readonly=True)
    variables.set("System.PipelineStartTime", started.isoformat(timespec="seconds"), readonly=True)
    _set_root_variables(context, loaded.pipeline)
    context.build_number = predefined.build_number(
        loaded.pipeline.name, variables, started, options.work, definition, loaded.pipeline.at
    )
    variables.set("Build.BuildNumber", context.build_number, readonly=True)
    return context


def _set_root_variables(context: RunContext, pipeline: Pipeline) -> None:
    """Set the variables of the pipeline.

    Raises:
        InvalidPipeline: a variable is read-only, or its ``$[ ]`` cannot be evaluated.
    """
    for variable in pipeline.variables:
        if variable.group:
            context.set_group_secrets(context.variables, variable.group)
            continue
        value = variable.value
        if variable.tree is not None:
            try:
                value = to_text_or_empty(
                    evaluate(variable.tree, context.expression_context(context.variables))
                )
            except ExpressionError as error:
                message = f"{variable.name}: {error}"
                raise InvalidPipeline(error.code, message, variable.at) from None
        _set_variable(context.variables, variable.name, value, variable.readonly, variable.at)


def _set_variable(
    variables: Variables, name: str, value: str, readonly: bool, at: Position
) -> None:
    try:
        variables.overwrite(name, value, readonly=readonly)
    except ReadOnlyError:
        message = f"the variable {name!r} is read-only"
        raise InvalidPipeline("readonly-variable", message, at) from None


def restore_context(
    stored: state.StoredRun,
    folder: folders.RunFolder,
    options: RunOptions,
    artifacts: Mapping[str, Artifacts],
    pipeline: Pipeline,
    group_secrets: Mapping[str, Mapping[str, str]],
) -> RunContext:
    """Create the context of a run that is resumed, from its stored state."""
    result = stored.result
    context = _create_empty_context(
        folder, options, artifacts, group_secrets,
        root=Path(stored.root), definition=result.pipeline.stem, started=result.started,
    )  # fmt: skip
    context.build_number = result.name
    context.summaries, context.tests = list(result.summaries), list(result.tests)
    variables = context.variables
    for entry in stored.variables:
        variables.set(entry.name, entry.value, readonly=entry.readonly)
    for name, value in options.secrets.items():
        variables.set(name, value, secret=True)
    for variable in pipeline.variables:
        if variable.group:
            context.set_group_secrets(variables, variable.group)
    return context
