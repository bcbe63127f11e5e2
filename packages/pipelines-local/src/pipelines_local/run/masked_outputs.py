"""Outputs with secrets: they are stored masked, so a resumed run does not have their values."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines_local.errors import UsageError
from pipelines_local.expressions import Expression
from pipelines_local.expressions.parser import Call, Filter, Index, Literal
from pipelines_local.model import Job, Pipeline, Stage
from pipelines_local.results import RunResult
from pipelines_local.run.masker import MASK

_READS_ALL = ("containsvalue", "converttojson", "join")
"""Functions that can read outputs without their names."""


def check_masked_outputs(pipeline: Pipeline, result: RunResult) -> None:
    """Check that what is left of a run does not read an output that contains a secret.

    An expression that computes the name of an output counts as one that reads all of them.

    Raises:
        UsageError: it reads one.
    """
    names = {
        f"{stage.stage}.{job.job}.{name}".lower()
        for stage in result.stages
        for job in stage.jobs
        for name, value in job.outputs.items()
        if MASK in value
    }
    for tree in _remaining_expressions(pipeline, result) if names else ():
        keys = {str(node.value).lower() for node in _walk(tree) if isinstance(node, Literal)}
        is_open = any(_is_open(node) for node in _walk(tree))
        for name in sorted(names):
            if "outputs" in keys and (is_open or any(name.endswith(f".{key}") for key in keys)):
                message = (
                    f"the output {name} contains a secret, which is not stored: the run cannot be "
                    "resumed; start a new run"
                )
                raise UsageError("masked-output", message)


def _is_open(node: Expression) -> bool:
    match node:
        case Filter():
            return True
        case Index(key=key):
            return not isinstance(key, Literal)
        case Call(function=function):
            return function in _READS_ALL
        case _:
            return False


def _remaining_expressions(pipeline: Pipeline, result: RunResult) -> Iterator[Expression]:
    """Yield the expressions of the stages and the jobs that are not done."""
    stored = {stage.stage: stage for stage in result.stages}
    for stage in pipeline.stages:
        earlier = stored.get(stage.name)
        if earlier is not None and earlier.result != "Waiting":
            continue
        done = {job.job for job in earlier.jobs} if earlier else set()
        yield from _expressions(stage)
        for job in stage.jobs:
            if job.name not in done:
                yield from _expressions(job)


def _expressions(owner: Stage | Job) -> Iterator[Expression]:
    if owner.condition is not None:
        yield owner.condition.tree
    if isinstance(owner, Job) and owner.matrix is not None:
        yield owner.matrix.tree
    for variable in owner.variables:
        if variable.tree is not None:
            yield variable.tree


def _walk(tree: Expression) -> Iterator[Expression]:
    yield tree
    match tree:
        case Index():
            yield from (*_walk(tree.base), *_walk(tree.key))
        case Filter():
            yield from _walk(tree.base)
        case Call():
            for argument in tree.arguments:
                yield from _walk(argument)
