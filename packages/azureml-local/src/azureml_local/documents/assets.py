"""The documents of assets: the versions of all kinds, and the specification of components.

Clients send the fields, so a field has its type only after the validation of the version.
"""

from __future__ import annotations

from typing import TypedDict

from azureml_local.documents.jobs import (
    JobDistribution,
    JobLimits,
    JobResources,
    ParallelFields,
    PipelineStep,
)
from azureml_local.json_fields import JsonObject
from azureml_local.store import Kind, Resource


class Port(TypedDict, total=False):
    """An input or output that a component declares."""

    type: str
    mode: str
    optional: bool | str
    default: str | int | float | bool | None
    description: str


class ComponentSpec(ParallelFields, total=False):
    """The specification of a component, in the snake case of its YAML schema."""

    type: str
    name: str
    version: str
    display_name: str
    description: str
    tags: dict[str, str]
    is_deterministic: bool
    inputs: dict[str, Port]
    outputs: dict[str, Port]
    # Commands and parallel components.
    command: str
    code: str
    environment: str
    environment_variables: dict[str, str]
    compute: str
    distribution: JobDistribution
    resources: JobResources
    limits: JobLimits
    # Pipelines.
    jobs: dict[str, PipelineStep]


class BuildContext(TypedDict, total=False):
    """The Dockerfile of an environment, and the folder with it."""

    contextUri: str
    dockerfilePath: str


class Flavor(TypedDict):
    """A flavor of an MLflow model: every value is a text."""

    data: dict[str, str]


class AssetContainer(TypedDict, total=False):
    """The fields that all versions of a name share, and that may change."""

    tags: dict[str, str]
    description: str
    isArchived: bool
    properties: dict[str, str]
    stage: str


class AssetVersion(AssetContainer, total=False):
    """A version of an asset in the store."""

    # Environments.
    image: str
    condaFile: str
    build: BuildContext
    osType: str
    inferenceConfig: JsonObject
    # Data.
    dataUri: str
    dataType: str
    # Models.
    modelUri: str
    modelType: str
    flavors: dict[str, Flavor]
    jobName: str
    # Components.
    componentSpec: ComponentSpec
    # Code.
    codeUri: str


AssetResource = Resource[AssetVersion]
AssetKind = Kind[AssetVersion]
DATA = AssetKind("data")
MODELS = AssetKind("models")
COMPONENTS = AssetKind("components")
CODES = AssetKind("codes")
ENVIRONMENTS = AssetKind("environments")
