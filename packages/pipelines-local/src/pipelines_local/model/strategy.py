"""Read ``strategy: matrix`` and ``strategy: parallel``: copies of a job with own variables."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines_local.errors import InvalidPipeline, Position
from pipelines_local.expressions.slots import RUNTIME_VARIABLE
from pipelines_local.model.fields import Fields, parse_runtime_expression
from pipelines_local.model.resources import resolve_image
from pipelines_local.model.types import Condition, Job, Variable
from pipelines_local.yamltree import Mapping, Node, Scalar, loads

_LEG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}\Z")
MAX_LEGS = 256


@dataclass(frozen=True)
class Leg:
    """One copy of a job."""

    name: str
    variables: tuple[Variable, ...]


@dataclass(frozen=True)
class Strategy:
    """The copies of a job, or the expression for them; ``max_parallel`` is 0 for no limit."""

    legs: tuple[Leg, ...] = ()
    max_parallel: int = 0
    matrix: Condition | None = None


def read_strategy(node: Node | None) -> Strategy:
    """Read the strategy of a job; without one there are no copies.

    Raises:
        InvalidPipeline: the strategy is wrong or not supported.
    """
    if node is None:
        return Strategy()
    fields = Fields(node, "a strategy", ("matrix", "parallel", "maxParallel"))
    if ("matrix" in fields) == ("parallel" in fields):
        message = "the strategy of a job has either 'matrix' or 'parallel'"
        raise InvalidPipeline("missing-strategy", message, node.at)
    if "parallel" in fields:
        count = int(fields.number("parallel", 1, MAX_LEGS) or 1)
        return Strategy(tuple(Leg(f"{number}", ()) for number in range(1, count + 1)))
    limit = int(fields.number("maxParallel", 0, 10**6) or 0)
    matrix = fields.node("matrix")
    tree = (
        parse_runtime_expression(matrix, RUNTIME_VARIABLE) if isinstance(matrix, Scalar) else None
    )
    if isinstance(matrix, Scalar) and tree is not None:
        return Strategy((), limit, Condition(matrix.text, tree, matrix.at))
    return Strategy(_read_legs(matrix, node.at), limit)


def _read_legs(node: Node | None, at: Position) -> tuple[Leg, ...]:
    if not isinstance(node, Mapping) or not node.entries:
        raise InvalidPipeline("invalid-type", "'matrix' must be a mapping of names", at)
    legs = []
    for key, value in node.entries:
        if not _LEG_NAME.match(key.text):
            message = (
                f"invalid matrix name {key.text!r}: start with a letter, then letters, digits and _"
            )
            raise InvalidPipeline("invalid-name", message, key.at)
        legs.append(Leg(key.text, _read_leg_variables(key, value)))
    if len(legs) > MAX_LEGS:
        raise InvalidPipeline("too-many-copies", f"a matrix has at most {MAX_LEGS} copies", at)
    return tuple(legs)


def _read_leg_variables(key: Scalar, node: Node) -> tuple[Variable, ...]:
    if isinstance(node, Scalar) and node.is_null:
        return ()
    if not isinstance(node, Mapping):
        raise InvalidPipeline("invalid-type", f"{key.text!r} must be a mapping", node.at)
    variables = []
    for name, value in node.entries:
        if not isinstance(value, Scalar):
            raise InvalidPipeline("invalid-type", f"{name.text!r} must be a string", value.at)
        variables.append(Variable(name.text, value.text, value.at))
    return tuple(variables)


def expand_matrix(job: Job, text: str, at: Position) -> tuple[Job, ...]:
    """Return the copies of a job with ``matrix: $[ ]``.

    Args:
        job: the job.
        text: the value of the expression, a JSON object; if it is empty, the job runs once.
            Source: azure-devops-docs issue 5259.
        at: the position of the expression.

    Raises:
        InvalidPipeline: the value has another form, or an image is not supported.
    """
    job = replace(job, matrix=None)
    if text.strip() in ("", "{}", "null"):
        return (job,)
    try:
        # Azure Pipelines accepts single quotes too, as YAML does.
        legs = _read_legs(loads(text, Path("<matrix>")), at)
    except InvalidPipeline as error:
        message = f"the value of the matrix must be a JSON object of objects: {error.message}"
        raise InvalidPipeline("matrix-value", message, at) from None
    copies = expand_job(job, Strategy(legs, job.max_parallel))
    return tuple(
        replace(copy, image=resolve_image(copy.image, leg_values(copy), at)) for copy in copies
    )


def restore_copy(job: Job, name: str) -> Job:
    """Return the copy ``JOB.LEG`` of a job with ``matrix: $[ ]`` that an earlier process ran."""
    leg = name.removeprefix(f"{job.name}.")
    return replace(job, name=name, group=job.name, leg=leg, matrix=None)


def expand_job(job: Job, strategy: Strategy) -> tuple[Job, ...]:
    """Return the copies of a job, named ``JOB.LEG``; a job without a strategy as it is."""
    if strategy.matrix is not None:
        return (replace(job, matrix=strategy.matrix, max_parallel=strategy.max_parallel),)
    total = len(strategy.legs)
    return tuple(
        replace(
            job,
            name=f"{job.name}.{leg.name}",
            display=f"{job.display} {leg.name}",
            variables=(*job.variables, *leg.variables),
            group=job.name,
            leg=leg.name,
            position=number,
            total=total,
            max_parallel=strategy.max_parallel,
        )
        for number, leg in enumerate(strategy.legs, 1)
    ) or (job,)


def leg_values(job: Job) -> Map[str, str]:
    """Return the constant variables of a job by lower-case name."""
    return {v.name.lower(): v.value for v in job.variables if v.is_constant}
