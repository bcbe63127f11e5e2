"""Read the model of a pipeline from its expanded document; every key is checked."""

from __future__ import annotations

from dataclasses import replace

from pipelines_local.errors import InvalidPipeline, Problems
from pipelines_local.expressions.slots import (
    JOB_CONDITION,
    ROOT_VARIABLE,
    RUNTIME_VARIABLE,
    STAGE_CONDITION,
)
from pipelines_local.model.deployment import read_phases
from pipelines_local.model.fields import IDENTIFIER, Fields, check_first_key, read_variables
from pipelines_local.model.graph import Dependent, check_dependencies
from pipelines_local.model.resources import read_image, read_repositories, read_resources
from pipelines_local.model.steps import read_steps
from pipelines_local.model.strategy import Strategy, expand_job, leg_values, read_strategy
from pipelines_local.model.types import Job, Phase, Pipeline, Stage
from pipelines_local.tasks.specs import TASKS
from pipelines_local.yamltree import Mapping, Node, Scalar

_ROOT = (
    "name", "trigger", "pr", "schedules", "resources", "pool", "variables", "parameters",
    "stages", "jobs", "steps", "lockBehavior", "appendCommitMessageToRunName",
    "continueOnError", "workspace", "strategy",
)  # fmt: skip
_STAGE = (
    "stage", "displayName", "dependsOn", "condition", "variables", "jobs", "pool", "lockBehavior",
    "templateContext",
)  # fmt: skip
_JOB = (
    "displayName", "dependsOn", "condition", "continueOnError", "timeoutInMinutes",
    "cancelTimeoutInMinutes", "variables", "pool", "workspace", "templateContext",
    "uses",
)  # fmt: skip
_CONTAINERS = {
    "container": "jobs run on this machine",
    "services": "jobs run on this machine",
}
_STAGE_UNSUPPORTED = {"trigger": "stages start by their dependencies", "isSkippable": ""}
_ENVIRONMENT_UNSUPPORTED = dict.fromkeys(
    ("resourceName", "resourceId", "resourceType", "tags"),
    "an environment has no resources on this machine",
)
DEFAULT_TIMEOUT = 3600.0
DEFAULT_CANCEL_TIMEOUT = 300.0


def read_pipeline(document: Mapping) -> Pipeline:
    """Read the pipeline in an expanded document.

    Raises:
        InvalidPipeline: something is wrong or not supported; has all problems.
    """
    fields = Fields(document, "a pipeline", _ROOT, _CONTAINERS)
    content = [key for key in ("stages", "jobs", "steps") if key in fields]
    if len(content) != 1:
        raise InvalidPipeline(
            "pipeline-content", "a pipeline has exactly one of: stages, jobs, steps", document.at
        )
    problems = Problems()
    image = problems.collect(read_image, fields.node("pool")) or ""
    variables = problems.collect(read_variables, fields.node("variables"), ROOT_VARIABLE)
    resources = problems.collect(read_resources, fields.node("resources"))
    repositories = problems.collect(read_repositories, fields.node("resources"))
    stages = problems.collect(_read_content, fields, content[0])
    problems.raise_all()
    return Pipeline(
        name=fields.text("name"),
        variables=variables or (),
        stages=tuple(
            replace(stage, jobs=_with_default_image(stage.jobs, image)) for stage in stages or ()
        ),
        at=document.at,
        resources=resources or (),
        repositories=repositories or (),
    )


def _read_content(fields: Fields, key: str) -> tuple[Stage, ...]:
    """Read stages, jobs or steps; without stages there is one stage named ``__default``."""
    if not fields.items(key):
        raise InvalidPipeline("missing-steps", f"{key!r} is empty", fields.at)
    if key == "stages":
        return _read_stages(fields.items("stages"))
    jobs = _read_jobs(fields.items("jobs")) if key == "jobs" else _read_only_job(fields)
    return (Stage("__default", "", (), (), jobs, fields.at),)


def _read_only_job(fields: Fields) -> tuple[Job, ...]:
    strategy = read_strategy(fields.node("strategy"))
    steps = read_steps(fields.items("steps"))
    job = Job(
        "Job", "Job", (), (), (Phase("", steps),), fields.at,
        continue_on_error=fields.flag("continueOnError", False), timeout=DEFAULT_TIMEOUT,
    )  # fmt: skip
    jobs = expand_job(job, strategy)
    return _set_images(fields.node("pool"), jobs)


def _with_default_image(jobs: tuple[Job, ...], image: str) -> tuple[Job, ...]:
    return tuple(replace(job, image=job.image or image) for job in jobs)


def _read_stages(nodes: tuple[Node, ...]) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    problems = Problems()
    for number, node in enumerate(nodes, 1):
        with problems.catch():
            stages.append(_read_stage(node, number, stages[-1].name if stages else ""))
    problems.raise_all()
    check_dependencies("stage", [Dependent(s.name, s.depends_on, s.at) for s in stages])
    return tuple(stages)


def _read_stage(node: Node, number: int, previous: str) -> Stage:
    check_first_key(node, ("stage",), "a stage")
    fields = Fields(node, "a stage", _STAGE, _STAGE_UNSUPPORTED)
    problems = Problems()
    name = problems.collect(_read_name, fields.scalar("stage"), f"Stage{number}") or ""
    image = problems.collect(read_image, fields.node("pool")) or ""
    variables = problems.collect(read_variables, fields.node("variables"), RUNTIME_VARIABLE)
    condition = problems.collect(fields.condition, STAGE_CONDITION)
    jobs = problems.collect(_read_jobs, fields.items("jobs"))
    problems.raise_all()
    if not jobs:
        raise InvalidPipeline("missing-steps", f"the stage {name!r} has no jobs", fields.at)
    default = (previous,) if previous else ()
    return Stage(
        name=name,
        display=fields.text("displayName"),
        depends_on=_read_dependencies(fields) if "dependsOn" in fields else default,
        variables=variables or (),
        jobs=_with_default_image(jobs, image),
        at=fields.at,
        condition=condition,
    )


def _read_jobs(nodes: tuple[Node, ...]) -> tuple[Job, ...]:
    problems = Problems()
    groups = [
        problems.collect(_read_job, node, number) or () for number, node in enumerate(nodes, 1)
    ]
    problems.raise_all()
    first = [jobs[0] for jobs in groups]
    check_dependencies("job", [Dependent(job.base_name, job.depends_on, job.at) for job in first])
    return tuple(job for jobs in groups for job in jobs)


def _read_job(node: Node, number: int) -> tuple[Job, ...]:
    kind = check_first_key(node, ("job", "deployment"), "a job")
    own = ("steps", "strategy") if kind == "job" else ("strategy", "environment")
    fields = Fields(node, f"a {kind}", (kind, *own, *_JOB), _CONTAINERS)
    default = f"Job{number}" if kind == "job" else f"Deployment{number}"
    problems = Problems()
    name = problems.collect(_read_name, fields.scalar(kind), default) or default
    is_server = kind == "job" and _is_server(fields.node("pool"))
    if not is_server:
        problems.collect(read_image, fields.node("pool"))
    problems.collect(_check_workspace, fields.node("workspace"))
    variables = problems.collect(read_variables, fields.node("variables"), RUNTIME_VARIABLE)
    condition = problems.collect(fields.condition, JOB_CONDITION)
    environment = ""
    strategy: Strategy | None = None
    if kind == "deployment":
        environment = problems.collect(_read_environment, fields) or ""
        phases = problems.collect(read_phases, fields, name)
    else:
        strategy = problems.collect(read_strategy, fields.node("strategy"))
        phases = problems.collect(_read_job_phases, fields, name)
    minutes = problems.collect(fields.number, "timeoutInMinutes")
    cancel = problems.collect(fields.number, "cancelTimeoutInMinutes", 0, 1440)
    continue_on_error = problems.collect(fields.flag, "continueOnError", False)
    problems.raise_all()
    job = Job(
        name=name,
        display=fields.text("displayName") or name,
        depends_on=_read_dependencies(fields),
        variables=variables or (),
        phases=phases or (),
        at=fields.at,
        condition=condition,
        continue_on_error=bool(continue_on_error),
        timeout=DEFAULT_TIMEOUT if minutes is None else minutes * 60 or None,
        cancel_timeout=DEFAULT_CANCEL_TIMEOUT if cancel is None else cancel * 60,
        environment=environment,
        is_server=is_server,
    )
    _check_server_tasks(job)
    jobs = expand_job(job, strategy or Strategy())
    return jobs if is_server else _set_images(fields.node("pool"), jobs)


def _is_server(pool: Node | None) -> bool:
    return isinstance(pool, Scalar) and pool.text == "server"


def _check_server_tasks(job: Job) -> None:
    """A server job has only server tasks, and other jobs have none."""
    problems = Problems()
    for step in job.steps:
        if TASKS[step.task].server != job.is_server:
            place = "in a server job" if job.is_server else "only in a job with 'pool: server'"
            can = "cannot run" if job.is_server else "can run"
            with problems.catch():
                message = f"{step.task} {can} {place}"
                raise InvalidPipeline("server-task", message, step.at)
    problems.raise_all()


def _set_images(pool: Node | None, jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """Set the image of each copy of a job; it can be a variable of the matrix."""
    problems = Problems()
    images = [problems.collect(read_image, pool, leg_values(job)) or "" for job in jobs]
    problems.raise_all()
    return tuple(replace(job, image=image) for job, image in zip(jobs, images, strict=True))


def _read_job_phases(fields: Fields, name: str) -> tuple[Phase, ...]:
    steps = read_steps(fields.items("steps"))
    if not steps:
        raise InvalidPipeline("missing-steps", f"the job {name!r} has no steps", fields.at)
    return (Phase("", steps),)


def _read_name(scalar: Scalar | None, default: str) -> str:
    if scalar is None or not scalar.text:
        return default
    if not IDENTIFIER.match(scalar.text):
        raise InvalidPipeline(
            "invalid-name",
            f"invalid name {scalar.text!r}: use letters, digits and _, at most 100",
            scalar.at,
        )
    return scalar.text


def _read_dependencies(fields: Fields) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.text for name in fields.names("dependsOn") if name.text))


def _read_environment(fields: Fields) -> str:
    node = fields.node("environment")
    if isinstance(node, Scalar):
        name, at = node.text, node.at
    elif isinstance(node, Mapping):
        inner = Fields(node, "an environment", ("name",), _ENVIRONMENT_UNSUPPORTED)
        name, at = inner.text("name"), node.at
    else:
        raise InvalidPipeline("missing-environment", "a deployment needs an environment", fields.at)
    if not name:
        raise InvalidPipeline("missing-environment", "an environment needs a name", at)
    if "." in name and "$(" not in name:
        message = f"the environment resource {name!r} is not supported"
        raise InvalidPipeline("unsupported-environment-resource", message, at)
    return name


def _check_workspace(node: Node | None) -> None:
    if node is not None:
        value = Fields(node, "a workspace", ("clean",)).text("clean")
        if value not in ("", "outputs", "resources", "all"):
            message = f"'clean' must be outputs, resources or all (got {value!r})"
            raise InvalidPipeline("invalid-value", message, node.at)
