"""The fields of endpoints and deployments, in the store and in the API."""

from __future__ import annotations

from typing import TypedDict

from azureml_local.arm import Sku
from azureml_local.documents.jobs import PipelineSettings


class EndpointProperties(TypedDict, total=False):
    """The properties of an endpoint that azureml-local reads; it stores and returns all."""

    authMode: str
    traffic: dict[str, int]
    mirrorTraffic: dict[str, int]
    defaults: dict[str, str]


class ModelReference(TypedDict, total=False):
    """The model of a batch deployment."""

    referenceType: str
    assetId: str
    path: str


class CodeConfiguration(TypedDict, total=False):
    """The code of a deployment, and the scoring script in it."""

    codeId: str
    scoringScript: str


class RequestSettings(TypedDict, total=False):
    """The limits of scoring requests; times are durations."""

    requestTimeout: str
    maxConcurrentRequestsPerInstance: int
    maxQueueWait: str


class ReadinessProbe(TypedDict, total=False):
    """When a process of a deployment must be ready; times are durations."""

    initialDelay: str
    period: str
    failureThreshold: int


class ScaleSettings(TypedDict, total=False):
    """How a deployment is scaled, which has no effect on one machine."""

    scaleType: str


class Collection(TypedDict, total=False):
    """The settings of a data collector for inputs, outputs or another collection."""

    dataCollectionMode: str
    samplingRate: float


class DataCollector(TypedDict, total=False):
    """The collections of a deployment's data collector."""

    collections: dict[str, Collection]


class ComponentReference(TypedDict, total=False):
    """The component of a batch deployment."""

    assetId: str


class ComponentDeployment(TypedDict, total=False):
    """The configuration of a batch deployment of a pipeline component."""

    componentId: ComponentReference
    settings: PipelineSettings


class RetrySettings(TypedDict, total=False):
    """How often a mini-batch is retried, and its timeout as a duration."""

    maxRetries: int
    timeout: str


class DeploymentProperties(TypedDict, total=False):
    """The properties of a deployment that azureml-local reads; it stores and returns all."""

    model: str | ModelReference | None
    environmentId: str | None
    codeConfiguration: CodeConfiguration | None
    environmentVariables: dict[str, str] | None
    # Online.
    requestSettings: RequestSettings
    readinessProbe: ReadinessProbe
    scaleSettings: ScaleSettings
    dataCollector: DataCollector
    # Batch.
    compute: str
    deploymentConfiguration: ComponentDeployment
    retrySettings: RetrySettings


class TaggedDocument(TypedDict, total=False):
    """What the documents of endpoints and deployments have in common."""

    tags: dict[str, str]


class EndpointDocument(TaggedDocument, total=False):
    """An endpoint in the store."""

    properties: EndpointProperties
    keys: dict[str, str]


class FileNames(TypedDict, total=False):
    """The paths of a deployment's model, code and script below its folder."""

    model: str
    code: str
    script: str


class DeploymentDocument(TaggedDocument, total=False):
    """A deployment in the store."""

    properties: DeploymentProperties
    folder: str
    files: FileNames
    # Online.
    sku: Sku
    state: str
    operation: str
    """The operation that creates or updates it."""
    before: DeploymentDocument | None
    """The version that was served before the update that runs or failed."""
