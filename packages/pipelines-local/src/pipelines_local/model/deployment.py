"""The strategies of deployment jobs: their hooks, in the order in which they run."""

from __future__ import annotations

from pipelines_local.errors import Refused
from pipelines_local.expressions.values import parse_number
from pipelines_local.model.fields import Fields
from pipelines_local.model.resources import pool
from pipelines_local.model.steps import steps
from pipelines_local.model.types import Phase, Step
from pipelines_local.yamltree import Node, Scalar

_HOOKS = ("preDeploy", "deploy", "routeTraffic", "postRouteTraffic")


def phases(fields: Fields, job: str) -> tuple[Phase, ...]:
    """The phases of a deployment job.

    Raises:
        Refused: its strategy is missing, wrong or not supported.
    """
    node = fields.node("strategy")
    if node is None:
        raise Refused("a deployment needs a strategy: runOnce or canary", fields.at)
    strategy = Fields(
        node, "a strategy", ("runOnce", "canary"), {"rolling": "there is one machine"}
    )
    once, canary = strategy.node("runOnce"), strategy.node("canary")
    if (once is None) == (canary is None):
        raise Refused("a strategy is one of: runOnce, canary", node.at)
    if once is not None:
        return _run_once(once, job)
    assert canary is not None  # noqa: S101 - one of the two is there
    return _canary(canary)


def _run_once(node: Node, job: str) -> tuple[Phase, ...]:
    fields = Fields(node, "runOnce", (*_HOOKS, "on"))
    found = [
        Phase(hook, hook_steps, prefix=f"{job}.")
        for hook in _HOOKS
        if (hook_steps := _hook(fields.node(hook), hook))
    ]
    return _complete(found, fields, f"{job}.")


def _canary(node: Node) -> tuple[Phase, ...]:
    fields = Fields(node, "canary", ("increments", *_HOOKS, "on"))
    increments = _increments(fields)
    found = []
    every = {"strategy.name": "canary", "strategy.action": "deploy"}
    before = _hook(fields.node("preDeploy"), "preDeploy")
    if before:
        found.append(Phase("preDeploy", before, prefix="preDeploy.", variables=every))
    for increment in [*increments, "100"]:
        known = {**every, "strategy.increment": increment}
        for hook in _HOOKS[1:]:
            hook_steps = _hook(fields.node(hook), hook)
            if hook_steps:
                name = f"{hook}_{increment}"
                found.append(Phase(name, hook_steps, prefix=f"{name}.", variables=known))
    return _complete(found, fields, "")


def _increments(fields: Fields) -> list[str]:
    found: list[str] = []
    for word in fields.words("increments"):
        number = parse_number(word.text)
        if number is None or not 0 < number < 100 or number != int(number):
            raise Refused(f"an increment is a whole number below 100, not {word.text!r}", word.at)
        if found and int(number) <= int(found[-1]):
            raise Refused("increments have to grow", word.at)
        found.append(str(int(number)))
    return found


def _complete(found: list[Phase], fields: Fields, prefix: str) -> tuple[Phase, ...]:
    if not any(phase.name.startswith("deploy") for phase in found):
        raise Refused("the strategy has no steps under 'deploy'", fields.at)
    on = fields.node("on")
    if on is not None:
        inner = Fields(on, "'on'", ("failure", "success"))
        for when in ("failure", "success"):
            hook_steps = _hook(inner.node(when), when)
            if hook_steps:
                name = f"on.{when}"
                found.append(Phase(name, hook_steps, prefix=prefix or f"{name}.", when=when))
    return tuple(found)


def _hook(node: Node | None, name: str) -> tuple[Step, ...]:
    if node is None or (isinstance(node, Scalar) and not node.text):
        return ()
    fields = Fields(node, f"the hook {name!r}", ("steps", "pool"))
    pool(fields.node("pool"))
    return steps(fields.items("steps"))
