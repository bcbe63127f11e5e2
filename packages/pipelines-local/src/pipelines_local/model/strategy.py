"""Read ``strategy: matrix`` and ``strategy: parallel``: copies of a job with own variables."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace

from pipelines_local.errors import InvalidPipeline, Position
from pipelines_local.model.fields import Fields
from pipelines_local.model.types import Job, Variable
from pipelines_local.yamltree import Mapping, Node, Scalar

_LEG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}\Z")
MAX_LEGS = 256


@dataclass(frozen=True)
class Leg:
    """One copy of a job."""

    name: str
    variables: tuple[Variable, ...]


@dataclass(frozen=True)
class Strategy:
    """The copies of a job; ``max_parallel`` is 0 for no limit."""

    legs: tuple[Leg, ...] = ()
    max_parallel: int = 0


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
    return Strategy(_read_matrix(fields.node("matrix"), node.at), limit)


def _read_matrix(node: Node | None, at: Position) -> tuple[Leg, ...]:
    if isinstance(node, Scalar):
        message = "a matrix from an expression ($[ ]) is not supported"
        raise InvalidPipeline("unsupported-strategy", message, node.at)
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


def expand_job(job: Job, strategy: Strategy) -> tuple[Job, ...]:
    """Return the copies of a job, named ``JOB.LEG``; a job without a strategy as it is."""
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
    return {v.name.lower(): v.value for v in job.variables if v.tree is None}
