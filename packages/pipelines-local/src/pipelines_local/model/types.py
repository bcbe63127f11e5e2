"""What a pipeline consists of; shortcuts such as ``bash:`` are their tasks already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines_local.errors import Position
from pipelines_local.expressions import Expression


@dataclass(frozen=True)
class Condition:
    """Whether something runs."""

    text: str
    tree: Expression
    at: Position


@dataclass(frozen=True)
class Variable:
    """A variable as it is declared; ``tree`` when its value is a ``$[ ]``."""

    name: str
    value: str
    at: Position
    readonly: bool = False
    tree: Expression | None = None


@dataclass(frozen=True)
class Step:
    """One step: a task with its inputs.

    Attributes:
        task: ``Bash@3``, ``PublishTestResults@2``, ...
        name: for output variables; empty when it has none.
        inputs: by name in lower case.
        env: further environment variables; the only way of secrets into a step.
        timeout: seconds; None for no limit of its own.
    """

    task: str
    name: str
    display: str
    inputs: Mapping[str, str]
    at: Position
    condition: Condition | None = None
    continue_on_error: bool = False
    enabled: bool = True
    timeout: float | None = None
    retries: int = 0
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """Steps that run one after the other; a plain job has one, a deployment one a hook.

    Attributes:
        name: the hook: ``deploy``, ``postRouteTraffic``, ``on.failure``; empty for a plain job.
        prefix: before the step's name in the job's outputs: ``Job.`` or ``deploy_10.``.
        when: ``always`` (in order), ``success`` or ``failure`` of the hooks before.
        variables: those of the strategy, such as ``strategy.increment``.
    """

    name: str
    steps: tuple[Step, ...]
    prefix: str = ""
    when: str = "always"
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A job; ``environment`` when it is a deployment."""

    name: str
    display: str
    depends_on: tuple[str, ...]
    variables: tuple[Variable, ...]
    phases: tuple[Phase, ...]
    at: Position
    condition: Condition | None = None
    continue_on_error: bool = False
    timeout: float | None = None
    cancel_timeout: float = 300.0
    environment: str = ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of all phases."""
        return tuple(step for phase in self.phases for step in phase.steps)


@dataclass(frozen=True)
class Stage:
    """A stage."""

    name: str
    display: str
    depends_on: tuple[str, ...]
    variables: tuple[Variable, ...]
    jobs: tuple[Job, ...]
    at: Position
    condition: Condition | None = None

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments that its deployments go to, each once."""
        return tuple(dict.fromkeys(job.environment for job in self.jobs if job.environment))


@dataclass(frozen=True)
class PipelineResource:
    """Another pipeline whose artifacts are used: ``resources.pipelines``."""

    alias: str
    source: str
    at: Position


@dataclass(frozen=True)
class Pipeline:
    """A whole pipeline."""

    name: str
    variables: tuple[Variable, ...]
    stages: tuple[Stage, ...]
    at: Position
    resources: tuple[PipelineResource, ...] = ()
