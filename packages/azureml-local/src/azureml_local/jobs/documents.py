"""The fields of jobs: their properties as the API has them, and their documents in the store.

Clients send the properties, so a field has its type only after the validation of the job.
"""

from __future__ import annotations

from typing import Any, TypedDict

InputMap = dict[str, dict[str, Any]]
"""Inputs or outputs by name, in the form of the API: literals, or data with an address."""


class JobProperties(TypedDict, total=False):
    """The properties of a job; those of steps and trials have no others."""

    jobType: str
    displayName: str
    description: str
    experimentName: str
    tags: dict[str, str]
    properties: dict[str, str]
    isArchived: bool
    services: dict[str, Any]
    inputs: InputMap
    outputs: InputMap
    componentId: str | None
    computeId: str | None
    # Commands and parallel steps.
    command: str
    codeId: str | None
    environmentId: str
    environmentVariables: dict[str, str]
    distribution: dict[str, Any] | None
    resources: dict[str, Any]
    limits: dict[str, Any]
    parallel: dict[str, Any]
    # Pipelines.
    jobs: dict[str, Any]
    settings: dict[str, Any]
    sourceJobId: str
    # Sweeps.
    trial: dict[str, Any]
    searchSpace: dict[str, Any]
    samplingAlgorithm: dict[str, Any]
    objective: dict[str, Any]
    earlyTermination: dict[str, Any]


class JobDocument(TypedDict, total=False):
    """A job in the store."""

    properties: JobProperties
    status: str
    submitted: str
    started: str
    ended: str
    error: dict[str, Any] | None
    cancel: bool
    """Whether a client has cancelled it."""
    tracked: bool
    """Whether it has an MLflow run."""
    outputs: dict[str, str]
    """The address of each output."""
    parent: str
    root: str
    trial: dict[str, Any]
    """The hyperparameters and the metric of a trial."""
    reuseKey: str
    loop: str | None
    """The kind of the loop whose iterations are its children."""
    schedule: str
    endpoint: str
    """The batch endpoint that started it."""
