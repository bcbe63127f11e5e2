"""Reads an expanded document: every key is known, refused by name, or unknown and refused too."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines_local.errors import Refused
from pipelines_local.expressions.slots import (
    JOB_CONDITION,
    ROOT_VARIABLE,
    RUNTIME_VARIABLE,
    STAGE_CONDITION,
)
from pipelines_local.model.deployment import phases
from pipelines_local.model.fields import IDENTIFIER, Fields, variables
from pipelines_local.model.graph import check_order
from pipelines_local.model.resources import pool, resources
from pipelines_local.model.steps import steps
from pipelines_local.model.types import Job, Phase, Pipeline, Stage
from pipelines_local.yamltree import Mapping, Node, Scalar

_ROOT: tuple[str, ...] = (
    "name",
    "trigger",
    "pr",
    "schedules",
    "resources",
    "pool",
    "variables",
    "parameters",
)
_ROOT += ("stages", "jobs", "steps", "lockBehavior", "appendCommitMessageToRunName")
_ROOT_JOB: tuple[str, ...] = ("continueOnError", "workspace")
_STAGE: tuple[str, ...] = (
    "stage",
    "displayName",
    "dependsOn",
    "condition",
    "variables",
    "jobs",
    "pool",
)
_STAGE += ("lockBehavior", "templateContext")
_JOB: tuple[str, ...] = (
    "displayName",
    "dependsOn",
    "condition",
    "continueOnError",
    "timeoutInMinutes",
)
_JOB += ("cancelTimeoutInMinutes", "variables", "pool", "workspace", "templateContext")
_ROOT_UNSUPPORTED = {
    "container": "jobs run on this machine",
    "services": "jobs run on this machine",
    "strategy": "write one job for each case",
}
_JOB_UNSUPPORTED = {
    "container": "jobs run on this machine",
    "services": "jobs run on this machine",
    "uses": "there are no other repositories",
}
_STAGE_UNSUPPORTED = {"trigger": "stages start by their dependencies", "isSkippable": ""}


def read(document: Mapping) -> Pipeline:
    """The pipeline in an expanded document.

    Raises:
        Refused: something is wrong or outside of the subset.
    """
    fields = Fields(document, "a pipeline", (*_ROOT, *_ROOT_JOB), _ROOT_UNSUPPORTED)
    pool(fields.node("pool"))
    given = [key for key in ("stages", "jobs", "steps") if key in fields]
    if len(given) != 1:
        raise Refused("a pipeline has one of: stages, jobs, steps", document.at)
    if given[0] == "stages":
        stages = _stages(fields.items("stages"))
    else:
        jobs = _jobs(fields.items("jobs")) if given[0] == "jobs" else (_only_job(fields),)
        stages = (Stage("__default", "", (), (), jobs, document.at),)
    if not stages:
        raise Refused(f"{given[0]!r} is empty", document.at)
    return Pipeline(
        name=fields.text("name"),
        variables=variables(fields.node("variables"), ROOT_VARIABLE),
        stages=stages,
        at=document.at,
        resources=resources(fields.node("resources")),
    )


def _only_job(fields: Fields) -> Job:
    found = steps(fields.items("steps"))
    if not found:
        raise Refused("'steps' is empty", fields.at)
    return Job("Job", "Job", (), (), (Phase("", found),), fields.at,
               continue_on_error=fields.flag("continueOnError", False), timeout=3600.0)  # fmt: skip


def _stages(nodes: tuple[Node, ...]) -> tuple[Stage, ...]:
    found: list[Stage] = []
    for number, node in enumerate(nodes, 1):
        _first(node, ("stage",), "a stage")
        fields = Fields(node, "a stage", _STAGE, _STAGE_UNSUPPORTED)
        name = _name(fields.scalar("stage"), f"Stage{number}")
        previous = (found[-1].name,) if found else ()
        given = "dependsOn" in fields
        words = _depends(fields) if given else previous
        pool(fields.node("pool"))
        found.append(
            Stage(
                name=name,
                display=fields.text("displayName"),
                depends_on=words,
                variables=variables(fields.node("variables"), RUNTIME_VARIABLE),
                jobs=_jobs(fields.items("jobs")),
                at=fields.at,
                condition=fields.condition(STAGE_CONDITION),
            )
        )
        if not found[-1].jobs:
            raise Refused(f"the stage {name!r} has no jobs", fields.at)
    check_order("stage", [(stage.name, stage.depends_on, stage.at) for stage in found])
    return tuple(found)


def _jobs(nodes: tuple[Node, ...]) -> tuple[Job, ...]:
    found = [_job(node, number) for number, node in enumerate(nodes, 1)]
    check_order("job", [(job.name, job.depends_on, job.at) for job in found])
    return tuple(found)


def _job(node: Node, number: int) -> Job:
    kind = _first(node, ("job", "deployment"), "a job")
    own = ("steps", "strategy") if kind == "job" else ("strategy", "environment")
    fields = Fields(node, f"a {kind}", (kind, *own, *_JOB), _JOB_UNSUPPORTED)
    name = _name(fields.scalar(kind), f"Job{number}" if kind == "job" else f"Deployment{number}")
    pool(fields.node("pool"))
    _workspace(fields.node("workspace"))
    environment = ""
    if kind == "deployment":
        environment = _environment(fields)
        found = phases(fields, name)
    else:
        _no_strategy(fields)
        found = (Phase("", steps(fields.items("steps"))),)
        if not found[0].steps:
            raise Refused(f"the job {name!r} has no steps", fields.at)
    minutes = fields.number("timeoutInMinutes")
    cancel = fields.number("cancelTimeoutInMinutes", 0, 1440)
    return Job(
        name=name,
        display=fields.text("displayName") or name,
        depends_on=_depends(fields),
        variables=variables(fields.node("variables"), RUNTIME_VARIABLE),
        phases=found,
        at=fields.at,
        condition=fields.condition(JOB_CONDITION),
        continue_on_error=fields.flag("continueOnError", False),
        timeout=3600.0 if minutes is None else minutes * 60 or None,
        cancel_timeout=300.0 if cancel is None else cancel * 60,
        environment=environment,
    )


def _first(node: Node, kinds: Iterable[str], what: str) -> str:
    kinds = tuple(kinds)
    if not isinstance(node, Mapping) or not node.entries:
        raise Refused(f"{what} has to be a mapping", node.at)
    first = node.entries[0][0]
    if first.text not in kinds:
        for key, _ in node.entries:
            if key.text in kinds:
                raise Refused(f"{key.text!r} has to be the first key", key.at)
        raise Refused(f"unexpected key {first.text!r}: {what} begins with {kinds[0]!r}", first.at)
    return first.text


def _name(name: Scalar | None, default: str) -> str:
    if name is None or not name.text:
        return default
    if not IDENTIFIER.match(name.text):
        raise Refused(f"{name.text!r} is no name: letters, digits and _ only, at most 100", name.at)
    return name.text


def _depends(fields: Fields) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.text for word in fields.words("dependsOn") if word.text))


def _environment(fields: Fields) -> str:
    node = fields.node("environment")
    if isinstance(node, Scalar):
        name, at = node.text, node.at
    elif isinstance(node, Mapping):
        inner = Fields(node, "an environment", ("name",), {
            "resourceName": "environments have no resources here",
            "resourceId": "environments have no resources here",
            "resourceType": "environments have no resources here",
            "tags": "environments have no resources here",
        })  # fmt: skip
        name, at = inner.text("name"), node.at
    else:
        raise Refused("a deployment needs an environment", fields.at)
    if not name or "$(" in name:
        raise Refused("the environment's name has to be known before the run", at)
    if "." in name:
        raise Refused(f"the environment resource {name!r} is not supported", at)
    return name


def _no_strategy(fields: Fields) -> None:
    node = fields.node("strategy")
    if node is None:
        return
    if isinstance(node, Mapping) and node.entries:
        key = node.entries[0][0]
        raise Refused(f"'strategy: {key.text}' is not supported: write one job for each case",
                      key.at)  # fmt: skip
    raise Refused("'strategy' is not supported in a job", node.at)


def _workspace(node: Node | None) -> None:
    if node is not None:
        value = Fields(node, "a workspace", ("clean",)).text("clean")
        if value not in ("", "outputs", "resources", "all"):
            raise Refused(f"'clean' is one of outputs, resources, all, not {value!r}", node.at)
