"""Types of the pipeline model; a shortcut such as ``bash:`` is represented by its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines_local.errors import Diagnostic, Position
from pipelines_local.expressions import Expression
from pipelines_local.snapshots import Contents


@dataclass(frozen=True)
class Condition:
    """An expression: the condition of a stage, a job or a step, or a matrix."""

    text: str
    tree: Expression
    at: Position


@dataclass(frozen=True)
class Variable:
    """A declared variable.

    Attributes:
        tree: the expression of a ``$[ ]`` value.
        group: a reference to the secrets of a variable group, with neither name nor value.
    """

    name: str
    value: str
    at: Position
    readonly: bool = False
    tree: Expression | None = None
    group: str = ""

    @property
    def is_constant(self) -> bool:
        """Whether the value is known before the run."""
        return self.tree is None and not self.group


@dataclass(frozen=True)
class Step:
    """A step: a task with its inputs.

    Attributes:
        task: ``Bash@3``, ``PublishTestResults@2``, ...
        name: used for output variables; may be empty.
        inputs: by lower-case name.
        env: additional environment variables; only these can pass secrets to the step.
        timeout: seconds; None for no limit of its own.
        warnings: diagnostics that do not prevent a run.
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
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def checks_out(self) -> bool:
        """Whether it checks out a repository."""
        return self.task == "checkout" and self.inputs["repository"].lower() != "none"

    @property
    def contents(self) -> Contents:
        """The optional contents of a checkout."""
        submodules = self.inputs.get("submodules", "")
        return Contents(submodules, self.inputs.get("lfs", "") == "true")


@dataclass(frozen=True)
class Phase:
    """A sequence of steps; a job has one phase, a deployment job has one for each hook.

    Attributes:
        name: the hook: ``deploy``, ``postRouteTraffic``, ``on.failure``; empty for a plain job.
        prefix: prefix of the step names in the job outputs: ``Job.`` or ``deploy_10.``.
        when: ``always`` for hooks in sequence, ``success`` or ``failure`` of the earlier hooks.
        variables: variables of the strategy, such as ``strategy.increment``.
    """

    name: str
    steps: tuple[Step, ...]
    prefix: str = ""
    when: str = "always"
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A job; a deployment job has an ``environment``. Timeouts are in seconds.

    Attributes:
        matrix: the expression of ``matrix: $[ ]``; its copies are known when the job starts.
        leg: name of the copy, for a job with ``strategy: matrix`` or ``parallel``.
        position: number of the copy, from 1.
        total: number of copies.
        max_parallel: maximum number of copies that run in parallel; 0 for no limit.
        is_server: whether it is a server job (``pool: server``).
        image: ``vmImage`` of the pool; may be empty.
    """

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
    matrix: Condition | None = None
    group: str = ""
    leg: str = ""
    position: int = 1
    total: int = 1
    max_parallel: int = 0
    is_server: bool = False
    image: str = ""

    @property
    def validations(self) -> tuple[Step, ...]:
        """The enabled ManualValidation steps."""
        return tuple(
            step for step in self.steps if step.enabled and step.task.startswith("ManualValidation")
        )

    @property
    def base_name(self) -> str:
        """The name that other jobs use, the same for all copies of a job."""
        return self.group or self.name

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all phases."""
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
        """The environments of its deployment jobs, each once."""
        return tuple(dict.fromkeys(job.environment for job in self.jobs if job.environment))


@dataclass(frozen=True)
class PipelineResource:
    """A pipeline of ``resources.pipelines``, whose artifacts can be downloaded."""

    alias: str
    source: str
    at: Position


@dataclass(frozen=True)
class RepositoryResource:
    """A repository of ``resources.repositories``; ``ref`` may be empty."""

    alias: str
    name: str
    ref: str
    at: Position


@dataclass(frozen=True)
class Pipeline:
    """A pipeline."""

    name: str
    variables: tuple[Variable, ...]
    stages: tuple[Stage, ...]
    at: Position
    resources: tuple[PipelineResource, ...] = ()
    repositories: tuple[RepositoryResource, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all jobs."""
        return tuple(step for stage in self.stages for job in stage.jobs for step in job.steps)
