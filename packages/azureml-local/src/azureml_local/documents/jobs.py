"""The fields of jobs: their properties as the API has them, and their documents in the store.

Clients send the properties, so a field has its type only after the validation of the job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NotRequired, TypeAlias, TypedDict

from azureml_local.arm import ErrorDetail
from azureml_local.json_fields import Json, JsonObject
from azureml_local.store import Kind, Resource


class JobInput(TypedDict, total=False):
    """An input: a literal with a value (or the file with it), or data with an address."""

    jobInputType: str
    value: Json
    uri: str
    mode: str


class JobOutput(TypedDict, total=False):
    """An output, and the asset to register from it; in a step, the pipeline's output as value."""

    jobOutputType: str
    value: Json
    uri: str
    mode: str
    assetName: str
    assetVersion: str
    description: str


InputMap = dict[str, JobInput]
"""Inputs by name, in the form of the API."""
OutputMap = dict[str, JobOutput]
"""Outputs by name, in the form of the API."""


class JobService(TypedDict):
    """A service of a job: where it is tracked, and its page in the studio."""

    jobServiceType: str
    endpoint: str


class JobLimits(TypedDict, total=False):
    """The limits of a job; a duration, or a number of seconds in steps of pipelines."""

    timeout: str | float | None
    maxTotalTrials: int
    maxConcurrentTrials: int
    trialTimeout: str | float | None


class JobResources(TypedDict, total=False):
    """The instances that a job needs. Jobs have camel case, components and steps snake case."""

    instanceCount: int | str
    instance_count: int | str


class JobDistribution(TypedDict, total=False):
    """The processes of a distributed job; components and steps have snake case, and texts."""

    distributionType: str
    processCountPerInstance: int
    workerCount: int
    parameterServerCount: int
    type: str
    process_count_per_instance: int | str
    worker_count: int | str
    parameter_server_count: int | str


class SweepTrial(TypedDict, total=False):
    """The command job that a sweep runs with different values of its hyperparameters."""

    command: str
    codeId: str | None
    environmentId: str
    environmentVariables: dict[str, str]
    distribution: JobDistribution | None
    resources: JobResources


class Objective(TypedDict):
    """What a sweep optimizes."""

    primaryMetric: str
    goal: str


SearchSpace: TypeAlias = "dict[str, list[Json] | JsonObject]"
"""The distribution of each hyperparameter: a type with arguments, or an object in steps."""


class SamplingAlgorithm(TypedDict, total=False):
    """How a sweep samples its search space."""

    samplingAlgorithmType: str
    rule: str
    seed: int | None
    logbase: str | float | None


class EarlyTermination(TypedDict, total=False):
    """The early termination policy of a sweep."""

    policyType: str
    evaluationInterval: int
    delayEvaluation: int
    slackFactor: float
    slackAmount: float
    truncationPercentage: int


class TrialComponent(TypedDict, total=False):
    """The component of the trials of a step that is a sweep."""

    componentId: str


class PipelineStep(TypedDict, total=False):
    """A step of a pipeline as clients send it: the component, and what differs from it."""

    type: str
    name: str
    display_name: str
    componentId: str
    inputs: JsonObject
    outputs: JsonObject
    tags: dict[str, str]
    services: JsonObject
    settings: PipelineSettings
    # Commands and parallel steps.
    environment: str
    environment_variables: dict[str, str]
    computeId: str
    code: str
    distribution: JobDistribution
    resources: JobResources
    limits: JobLimits
    # Sweeps.
    trial: TrialComponent
    search_space: SearchSpace
    # Sweeps in the snake case of their schema: a sweep job has the same fields in camel case.
    sampling_algorithm: str | JsonObject
    objective: JsonObject
    early_termination: JsonObject
    # Branches and loops.
    condition: str | bool | None
    true_block: str | list[str]
    false_block: str | list[str]
    body: str
    mapping: dict[str, str | list[str]]
    items: str
    max_concurrency: int | None


class PipelineSettings(TypedDict, total=False):
    """The settings of a pipeline, which clients write in snake case or in camel case."""

    default_compute: str
    continue_on_step_failure: bool
    force_rerun: bool


class ParallelTask(TypedDict, total=False):
    """The entry script of a parallel step, its arguments, code and environment."""

    type: str
    entry_script: str
    program_arguments: str
    append_row_to: str
    code: str
    environment: str


class MiniBatchRetries(TypedDict, total=False):
    """How often a mini-batch is retried, and its timeout in seconds."""

    max_retries: int | str
    timeout: int | str


class ParallelFields(TypedDict, total=False):
    """The settings of a parallel step as its component and the step have them."""

    task: ParallelTask
    input_data: str
    mini_batch_size: int | str
    partition_keys: str | list[str]
    max_concurrency_per_instance: int | str
    error_threshold: int | str
    mini_batch_error_threshold: int | str
    retry_settings: MiniBatchRetries
    logging_level: str


class JobProperties(TypedDict, total=False):
    """The properties of a job; those of steps and trials have no others."""

    jobType: str
    displayName: str
    description: str
    experimentName: str
    tags: dict[str, str]
    properties: dict[str, str]
    isArchived: bool
    services: dict[str, JobService]
    inputs: InputMap
    outputs: OutputMap
    componentId: str | None
    computeId: str | None
    # Commands and parallel steps.
    command: str
    codeId: str | None
    environmentId: str
    environmentVariables: dict[str, str]
    distribution: JobDistribution | None
    resources: JobResources
    limits: JobLimits
    parallel: ParallelFields
    # Pipelines.
    jobs: dict[str, PipelineStep]
    settings: PipelineSettings
    sourceJobId: str
    # Sweeps.
    trial: SweepTrial
    searchSpace: SearchSpace
    samplingAlgorithm: SamplingAlgorithm
    objective: Objective
    earlyTermination: EarlyTermination


class JobError(TypedDict):
    """The error of a job in the form of the run history."""

    error: ErrorDetail


class TrialResult(TypedDict):
    """The hyperparameters of a trial, and the best value of the metric that it logged."""

    parameters: dict[str, str | int | float | bool]
    metric: NotRequired[float | None]


class JobDocument(TypedDict, total=False):
    """A job in the store."""

    properties: JobProperties
    status: str
    submitted: str
    started: str
    ended: str
    error: JobError | None
    cancel: bool
    """Whether a client has cancelled it."""
    tracked: bool
    """Whether it has an MLflow run."""
    outputs: dict[str, str]
    """The address of each output."""
    parent: str
    root: str
    trial: TrialResult
    reuseKey: str
    loop: str | None
    """The kind of the loop whose iterations are its children."""
    schedule: str | None
    endpoint: str
    """The batch endpoint that started it."""


class OutputAsset(TypedDict):
    """An output in the run history: the SDK's download reads its address as an id."""

    assetId: str
    type: Literal["uri_folder"]


class RunRecord(TypedDict):
    """A job in the run history."""

    runId: str
    parentRunId: str | None
    rootRunId: str
    runUuid: str
    runType: str
    status: str
    startTimeUtc: str | None
    endTimeUtc: str | None
    createdUtc: str
    lastModifiedUtc: str
    error: JobError | None
    logFiles: dict[str, str]
    properties: Mapping[str, str]
    tags: Mapping[str, str]
    experimentId: str | None
    experimentName: str | None
    displayName: str | None
    outputs: dict[str, OutputAsset]
    hidden: bool


JOBS = Kind[JobDocument]("jobs")
JobResource = Resource[JobDocument]
