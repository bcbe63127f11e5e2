"""The settings of an environment: type, default and description of each key, declared once.

The tables of docs/settings.md are generated from these declarations (:mod:`.reference`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

WORKSPACE_KEYS = ("subscription_id", "resource_group", "workspace_name")
NOTEBOOK_KEYS = ("label_column", "task", "positive_class", "time_column", "horizon_column")
"""Keys that set the parameter of the same name in the training notebook."""
MODEL_SUFFIX = ("experiment_name", "data_name", "batch_endpoint", "online_endpoint")
"""Keys whose values get the suffix ``-NAME`` for a further model."""
INVALID = "invalid_setting"
ARM_PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"

IN_QA = "`.ado/mlops-qa-ci-pipeline.yml` names this folder: change it there too."

Name = Annotated[str, Field(title="name", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]
EndpointName = Annotated[
    str, Field(title="3 to 32 of `a-z`, `0-9`, `-`", pattern=r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$")
]
ComputeName = Annotated[
    str,
    Field(title="3 to 32 letters, digits, `-`", pattern=r"^[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]$"),
]
Region = Annotated[str, Field(title="Azure region", pattern=r"^[a-z0-9]+$")]
Percentages = Annotated[
    str, Field(title="list of percentages", pattern=r"^\d{1,3}( *, *\d{1,3})*$")
]
Folder = Annotated[Path, Field(title="folder")]
File = Annotated[Path, Field(title="file")]
Module = Annotated[str, Field(title="name of a module", pattern=r"^[^\W\d]\w*$")]
Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Price = Annotated[float, Field(ge=0)]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WorkspaceSettings(_Group):
    """The workspace."""

    workspace: Literal["local", "azure"] = Field(
        description="Workspace that runbooks use: a local one, or Azure ML."
    )
    subscription_id: str = Field("", description="Azure subscription; required for `azure`.")
    resource_group: str = Field("", description="Azure resource group; required for `azure`.")
    workspace_name: str = Field("", description="Azure ML workspace; required for `azure`.")
    local_data: Folder = Field(
        Path(".azureml-local"), description="Folder with the state of the local workspace."
    )
    local_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        0, description="Port of the local workspace; 0: any free port."
    )
    isolation: Literal["none", "uv", "auto"] = Field(
        "none",
        description="`uv`: the local workspace builds an interpreter for each job and deployment "
        "from its conda file, as Azure builds an image. Microsoft's own server answers the "
        "requests if the conda file contains it. "
        "`auto`: the same if the package index can be reached. `none`: all use the interpreter of "
        "nbrelease. No effect on Azure.",
    )
    service_connection: Name = Field(description="Azure DevOps service connection.")
    kernel_name: str = Field(
        "", description="Jupyter kernel of all runbooks; empty: the kernel of each notebook."
    )
    cell_timeout_seconds: NonNegative = Field(
        3600, description="Timeout of one cell; 0: no timeout."
    )
    warm_kernels: bool = Field(
        True,
        description="Use preloaded processes in a rehearsal on Linux: kernels and training jobs "
        "start with their packages already imported. See [design](design.md#preloaded-processes).",
    )

    @model_validator(mode="after")
    def _require_azure_workspace(self) -> WorkspaceSettings:
        for key in WORKSPACE_KEYS:
            if self.workspace == "azure" and not getattr(self, key):
                raise _invalid(key, "required for workspace = azure")
        return self


class AssetSettings(_Group):
    """The assets."""

    project: Name = Field(description="Name of the project, for use in other keys.")
    experiment_name: Name = Field(description="Experiment of the training jobs.")
    environment_name: Name = Field(description="Environment of the training jobs.")
    data_name: Name = Field(description="Data asset with the training data.")
    model_name: Name = Field(description="Registered model.")
    location: Region = Field(
        "westeurope", description="Region in which `00_provision` creates resources."
    )
    compute: ComputeName = Field(description="Cluster for training and batch scoring.")
    compute_size: Name = Field("Standard_DS3_v2", description="VM size of the cluster.")
    compute_max_instances: Positive = Field(
        2, description="Maximum number of nodes; the minimum is 0."
    )
    compute_idle_seconds: Annotated[int, Field(ge=120)] = Field(
        300, description="Idle seconds before a node is released."
    )
    batch_endpoint: EndpointName = Field(
        description="Batch endpoint; its name is unique in an Azure region."
    )
    batch_instance_count: Positive = Field(1, description="Nodes of a batch job.")
    batch_mini_batch_size: Positive = Field(10, description="Files in a mini-batch.")
    online_endpoint: EndpointName = Field(
        description="Online endpoint; its name is unique in an Azure region."
    )
    online_instance_type: Name = Field(description="VM size of an online deployment.")
    online_instance_count: Positive = Field(1, description="Instances of an online deployment.")
    online_ready_seconds: Positive = Field(
        1800,
        description="Seconds that `06_deploy_online` waits for a deployment. After that the "
        "release fails; the traffic is unchanged.",
    )
    online_max_instances: NonNegative = Field(
        0,
        description="Maximum number of instances for autoscale; 0: no autoscale.",
    )
    online_hourly_price: Price = Field(
        0,
        description="Your price for an hour of an online instance, for the costs that "
        "`06_deploy_online` prints; 0: unknown.",
    )
    compute_hourly_price: Price = Field(
        0,
        description="Your price for an hour of a cluster node, for the costs that "
        "`00_provision` prints; 0: unknown.",
    )

    @model_validator(mode="after")
    def _check_autoscale(self) -> AssetSettings:
        if 0 < self.online_max_instances < self.online_instance_count:
            raise _invalid(
                "online_max_instances",
                f"must be at least online_instance_count = {self.online_instance_count} "
                f"(got {self.online_max_instances})",
            )
        return self


class TrainingSettings(_Group):
    """The training."""

    training_notebook: Module = Field(
        "train", description="Exported module of the training notebook, a folder of `exported`."
    )
    training_data: str = Field(
        description="CSV or Parquet file, or a folder of them: a path relative to settings.ini, "
        "`https://...`, `azureml://datastores/.../paths/...`, or a registered asset "
        "`azureml:name:version`."
    )
    label_column: str = Field(description="Column to predict.")
    task: Literal["binary", "multiclass", "regression", "forecasting", "custom"] = Field(
        "binary",
        description="Task of the model; it determines the metrics, charts and tests.",
    )
    positive_class: str = Field(
        "",
        description="Positive value of the label in a binary task; empty: the second of its two "
        "sorted values.",
    )
    time_column: str = Field("", description="Column with the time of a row, for forecasting.")
    horizon_column: str = Field(
        "", description="Column with the number of steps ahead, for forecasting."
    )
    criteria_file: str = Field(
        "criteria.yml", description="Release criteria, a file in the folder `runbooks`."
    )
    conda_file: File = Field(
        Path("conda/train.yml"), description="Packages of the training jobs, a conda file."
    )
    scoring_notebook: Annotated[
        str, Field(title="name of a module", pattern=r"^(?:[^\W\d]\w*)?$")
    ] = Field(
        "",
        description="Exported module with the scoring script of online deployments (`init()` and "
        "`run()`), `score` in a new project; empty: no code. See "
        "[Scoring notebook](training-notebook.md#scoring-notebook).",
    )


class ReleaseSettings(_Group):
    """The release."""

    promotion: Literal["code", "model"] = Field(
        "code",
        description="`code`: train in this environment with the code that passed in dev. `model`: "
        "use the live model of `promote_from` unchanged, and evaluate it on this environment's "
        "data.",
    )
    promote_from: Name = Field(
        "dev",
        description="Section whose live model is promoted. On Azure the service connection needs "
        "read access to that workspace.",
    )
    champion_gate: Literal["stop", "report"] = Field(
        "stop",
        description="`stop`: criteria that compare the model with the champion can fail the "
        "release. `report`: they are only shown.",
    )
    traffic_steps: Percentages = Field(
        "100", description="Rising percentages of traffic for the new deployment; the last is 100."
    )
    observe_seconds: Annotated[float, Field(ge=0)] = Field(
        60, description="Seconds of observation after each traffic step."
    )
    mirror_percent: Annotated[int, Field(ge=0, le=50)] = Field(
        0,
        description="Share of requests that is mirrored to a new deployment before it receives "
        "traffic, where the workspace supports it; 0: none.",
    )
    monitor_hours: Annotated[float, Field(gt=0)] = Field(
        24, description="Length of a window of `11_monitor`."
    )
    keep_previous_days: NonNegative = Field(
        14, description="Days that the previous deployment is kept at 0 % of the traffic."
    )
    approval_environments: str = Field(
        "",
        description="Pipeline environments that require an approval, separated by commas. "
        "`nbrelease evidence verify` checks the approvals in the pack against this list.",
    )
    approver_is_not_author: bool = Field(
        False,
        description="Whether an approver must be another person than the author of the commit and "
        "the user who started the release.",
    )

    @field_validator("traffic_steps")
    @classmethod
    def _check_traffic_steps(cls, value: str) -> str:
        steps = [int(step) for step in value.split(",")]
        if steps[-1] != 100:
            raise ValueError("must end at 100")
        if steps != sorted(set(steps)) or steps[0] < 1:
            raise ValueError("must rise with each step")
        return value


class FolderSettings(_Group):
    """Folders and reports."""

    notebooks: Folder = Field(
        Path("notebooks"), description=f"Notebooks with the training code. {IN_QA}"
    )
    exported: Folder = Field(
        Path("exported"),
        description=f"Code exported from the notebooks. {IN_QA} `code:` in the job files of "
        "`runbooks/assets` names it too.",
    )
    exported_tests: Folder = Field(
        Path("tests/exported"), description=f"Tests exported from the notebooks. {IN_QA}"
    )
    export_untested: Literal["list", "fail"] = Field(
        "list",
        description="What `nbrelease export --check` does with exported functions that no test "
        "calls.",
    )
    runbooks: Folder = Field(
        Path("runbooks"),
        description="Runbooks and their assets. Paths in the asset files are relative to the "
        "folder of the file.",
    )
    evidence: Folder = Field(
        Path("evidence"),
        description="Evidence packs. The pipelines in `.ado` name this folder: change it there "
        "too.",
    )
    language: Literal["en", "ja"] = Field("en", description="Language of the evidence pages.")


GROUPS: tuple[type[BaseModel], ...] = (
    WorkspaceSettings,
    AssetSettings,
    TrainingSettings,
    ReleaseSettings,
    FolderSettings,
)


class Environment(
    FolderSettings, ReleaseSettings, TrainingSettings, AssetSettings, WorkspaceSettings
):
    """The settings of one environment; paths are relative to the folder of settings.ini."""

    @property
    def approvals(self) -> list[str]:
        """The pipeline environments that require an approval."""
        return [name.strip() for name in self.approval_environments.split(",") if name.strip()]

    def arm_parameters(self) -> dict[str, Any]:
        """The parameters of ``infra/azuredeploy.json``, as an Azure Resource Manager document."""
        values = {
            "workspaceName": self.workspace_name,
            "location": self.location,
            "compute": self.compute,
            "computeSize": self.compute_size,
            "computeMaxInstances": self.compute_max_instances,
            "computeIdleSeconds": self.compute_idle_seconds,
            "onlineEndpoint": self.online_endpoint,
            "batchEndpoint": self.batch_endpoint,
        }
        return _arm(values)

    def arm_autoscale_parameters(self) -> dict[str, Any]:
        """The parameters of ``infra/autoscale.json`` except the deployment, set by each release."""
        return _arm(
            {
                "workspaceName": self.workspace_name,
                "location": self.location,
                "onlineEndpoint": self.online_endpoint,
                "minInstances": self.online_instance_count,
                "maxInstances": max(self.online_instance_count, self.online_max_instances),
            }
        )

    def parameters(self) -> dict[str, Any]:
        """The settings as values of runbook parameters, by name."""
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in self.model_dump().items()
        }


def _arm(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "$schema": ARM_PARAMETERS,
        "contentVersion": "1.0.0.0",
        "parameters": {name: {"value": value} for name, value in values.items()},
    }


def _invalid(key: str, message: str) -> PydanticCustomError:
    """An error of a check over several keys, reported for one of them."""
    return PydanticCustomError(INVALID, "{message}", {"key": key, "message": message})
