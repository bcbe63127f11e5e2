"""Read the strategies of deployment jobs: their hooks in the order of execution."""

from __future__ import annotations

from pipelines_local.errors import InvalidPipeline
from pipelines_local.expressions.values import parse_number
from pipelines_local.model.fields import Fields
from pipelines_local.model.resources import read_image
from pipelines_local.model.steps import read_steps
from pipelines_local.model.types import Phase, Step
from pipelines_local.yamltree import Node, Scalar

_HOOKS = ("preDeploy", "deploy", "routeTraffic", "postRouteTraffic")


def read_phases(fields: Fields, job: str) -> tuple[Phase, ...]:
    """Read the phases of a deployment job.

    Raises:
        InvalidPipeline: the strategy is missing, wrong or not supported.
    """
    node = fields.node("strategy")
    if node is None:
        raise InvalidPipeline(
            "missing-strategy", "a deployment needs a strategy: runOnce or canary", fields.at
        )
    reason = {"rolling": "all deployments go to this one machine"}
    strategy = Fields(node, "a strategy", ("runOnce", "canary"), reason)
    once, canary = strategy.node("runOnce"), strategy.node("canary")
    if (once is None) == (canary is None):
        raise InvalidPipeline(
            "missing-strategy", "a strategy has either 'runOnce' or 'canary'", node.at
        )
    if once is not None:
        return _read_run_once(once, job)
    assert canary is not None  # noqa: S101 - one of the two exists
    return _read_canary(canary)


def _read_run_once(node: Node, job: str) -> tuple[Phase, ...]:
    fields = Fields(node, "runOnce", (*_HOOKS, "on"))
    phases = [
        Phase(hook, steps, prefix=f"{job}.")
        for hook in _HOOKS
        if (steps := _read_hook(fields.node(hook), hook))
    ]
    return _add_result_hooks(phases, fields, f"{job}.")


def _read_canary(node: Node) -> tuple[Phase, ...]:
    fields = Fields(node, "canary", ("increments", *_HOOKS, "on"))
    increments = _read_increments(fields)
    phases = []
    variables = {"strategy.name": "canary", "strategy.action": "deploy"}
    pre_deploy = _read_hook(fields.node("preDeploy"), "preDeploy")
    if pre_deploy:
        phases.append(Phase("preDeploy", pre_deploy, prefix="preDeploy.", variables=variables))
    for increment in [*increments, "100"]:
        own = {**variables, "strategy.increment": increment}
        for hook in _HOOKS[1:]:
            steps = _read_hook(fields.node(hook), hook)
            if steps:
                name = f"{hook}_{increment}"
                phases.append(Phase(name, steps, prefix=f"{name}.", variables=own))
    return _add_result_hooks(phases, fields, "")


def _read_increments(fields: Fields) -> list[str]:
    increments: list[str] = []
    for scalar in fields.names("increments"):
        number = parse_number(scalar.text)
        if number is None or not 0 < number < 100 or number != int(number):
            message = f"an increment must be an integer from 1 to 99 (got {scalar.text!r})"
            raise InvalidPipeline("invalid-increments", message, scalar.at)
        if increments and int(number) <= int(increments[-1]):
            raise InvalidPipeline("invalid-increments", "increments must increase", scalar.at)
        increments.append(str(int(number)))
    return increments


def _add_result_hooks(phases: list[Phase], fields: Fields, prefix: str) -> tuple[Phase, ...]:
    """Add the hooks ``on: failure`` and ``on: success``."""
    if not any(phase.name.startswith("deploy") for phase in phases):
        raise InvalidPipeline("missing-steps", "the strategy has no steps in 'deploy'", fields.at)
    on = fields.node("on")
    if on is not None:
        inner = Fields(on, "'on'", ("failure", "success"))
        for when in ("failure", "success"):
            steps = _read_hook(inner.node(when), when)
            if steps:
                name = f"on.{when}"
                phases.append(Phase(name, steps, prefix=prefix or f"{name}.", when=when))
    return tuple(phases)


def _read_hook(node: Node | None, name: str) -> tuple[Step, ...]:
    if node is None or (isinstance(node, Scalar) and not node.text):
        return ()
    fields = Fields(node, f"the hook {name!r}", ("steps", "pool"))
    read_image(fields.node("pool"))
    return read_steps(fields.items("steps"))
