"""settings.ini, read once into typed objects.

``[DEFAULT]`` holds what all environments share, one section an environment the rest, ``%(name)s``
refers to another key (nbdev's habit). A key can be overridden for one run by the environment
variable ``NBRELEASE_SET_<KEY>``: that is how a pipeline's queue-time variables and ``make rehearse
TRAINING_DATA=…`` get here. An unknown key, a missing value or a wrong type is an error that names
the file, the section, the key and the nearest valid one.
"""

from __future__ import annotations

import configparser
import difflib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nbrelease.errors import SettingsError

FILE = "settings.ini"
PREFIX = "NBRELEASE_SET_"
LOCAL_SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
"""A subscription id for which the Azure ML SDK sends no telemetry (its own list of test ids)."""

NAMES_OF_WORKSPACE = ("subscription_id", "resource_group", "workspace_name")
ARM_PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]
EndpointName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$")]
ComputeName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]$")]
Positive = Annotated[int, Field(ge=1)]


class Environment(BaseModel):
    """One environment's settings; paths are relative to the folder of settings.ini."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # where things are in the project
    notebooks: Path = Path("notebooks")
    exported: Path = Path("exported")
    exported_tests: Path = Path("tests/exported")
    export_untested: Literal["list", "fail"] = "list"
    runbooks: Path = Path("runbooks")
    evidence: Path = Path("evidence")
    language: Literal["en", "ja"] = "en"

    # the workspace
    workspace: Literal["local", "azure"]
    subscription_id: str = ""
    resource_group: str = ""
    workspace_name: str = ""
    local_data: Path = Path(".azureml-local")
    local_port: Annotated[int, Field(ge=0, le=65535)] = 0
    service_connection: Name
    kernel_name: str = ""
    cell_timeout_seconds: Annotated[int, Field(ge=0)] = 3600
    warm_kernels: bool = True

    # the assets
    project: Name
    experiment_name: Name
    environment_name: Name
    data_name: Name
    model_name: Name
    location: Annotated[str, Field(pattern=r"^[a-z0-9]+$")] = "westeurope"
    compute: ComputeName
    compute_size: Name = "Standard_DS3_v2"
    compute_max_instances: Positive = 2
    compute_idle_seconds: Annotated[int, Field(ge=120)] = 300
    batch_endpoint: EndpointName
    batch_instance_count: Positive = 1
    batch_mini_batch_size: Positive = 10
    online_endpoint: EndpointName
    online_instance_type: Name
    online_instance_count: Positive = 1
    online_ready_seconds: Positive = 1800
    online_max_instances: Annotated[int, Field(ge=0)] = 0
    online_hourly_price: Annotated[float, Field(ge=0)] = 0
    compute_hourly_price: Annotated[float, Field(ge=0)] = 0

    # the training
    training_data: str
    label_column: str
    estimator: str
    test_size: Annotated[float, Field(gt=0, lt=1)]
    regularization_rate: Annotated[float, Field(gt=0)]
    random_state: int

    # the release
    promotion: Literal["code", "model"] = "code"
    promote_from: Name = "dev"
    champion_gate: Literal["stop", "report"] = "stop"
    traffic_steps: Annotated[str, Field(pattern=r"^\d{1,3}( *, *\d{1,3})*$")] = "100"
    observe_seconds: Annotated[float, Field(ge=0)] = 60
    mirror_percent: Annotated[int, Field(ge=0, le=50)] = 0
    monitor_hours: Annotated[float, Field(gt=0)] = 24
    keep_previous_days: Annotated[int, Field(ge=0)] = 14
    approval_environments: str = ""
    approver_is_not_author: bool = False

    @model_validator(mode="after")
    def _azure_names_its_workspace(self) -> Environment:
        missing = [key for key in NAMES_OF_WORKSPACE if not getattr(self, key)]
        if self.workspace == "azure" and missing:
            raise ValueError(f"workspace = azure needs {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _scales_upwards(self) -> Environment:
        most, count = self.online_max_instances, self.online_instance_count
        if 0 < most < count:
            raise ValueError(f"online_max_instances = {most}: less than the {count} to begin with")
        return self

    @model_validator(mode="after")
    def _traffic_rises_to_all(self) -> Environment:
        steps = [int(step) for step in self.traffic_steps.split(",")]
        if steps != sorted(set(steps)) or steps[0] < 1 or steps[-1] != 100:
            raise ValueError(f"traffic_steps = {self.traffic_steps}: has to rise to 100")
        return self

    @property
    def approvals(self) -> list[str]:
        """The pipeline's environments that nothing goes to without somebody's yes."""
        return [name.strip() for name in self.approval_environments.split(",") if name.strip()]

    def arm_parameters(self) -> dict[str, Any]:
        """What ``infra/azuredeploy.json`` takes, as an Azure Resource Manager parameters file."""
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
        """What ``infra/autoscale.json`` takes, but for the deployment: that differs by release."""
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
        """The settings that a runbook can have injected, by its parameter's name."""
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


class Settings:
    """The whole file; an environment is checked when it is asked for."""

    def __init__(
        self,
        path: Path,
        overrides: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> None:
        """Read ``path``.

        Args:
            path: the file.
            overrides: key to value for this run, over every section; by default those of the
                environment variables ``NBRELEASE_SET_<KEY>``.
            given: the same, from the command line (``--set``); they come first.

        Raises:
            SettingsError: it is not there or cannot be parsed.
        """
        self.path = path
        self.root = path.parent
        self._given = given or {}
        found = _from_environment() if overrides is None else overrides
        self.overrides = {**found, **self._given}
        self._parser = configparser.ConfigParser()
        try:
            with path.open(encoding="utf-8") as file:
                self._parser.read_file(file, source=path.name)
        except FileNotFoundError:
            raise SettingsError(
                f"{path}: no such file; run nbrelease in the folder that holds {FILE}"
            ) from None
        except (configparser.Error, UnicodeDecodeError) as error:
            raise SettingsError(f"{path.name}: {' '.join(str(error).split())}") from None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The environments, in the file's order."""
        return tuple(self._parser.sections())

    def environment(self, name: str) -> Environment:
        """The typed settings of one environment.

        Raises:
            SettingsError: there is no such section, or a key or value in it is wrong.
        """
        if name not in self.names:
            raise SettingsError(
                f"{self.path.name}: no section [{name}]; "
                f"{_nearest(name, self.names, 'the environments are')}"
            )
        values = self._values(name)
        fields = Environment.model_fields
        for key in values:
            if key not in fields:
                where = self.where(name, key)
                raise SettingsError(f"{where}: no such key; {_nearest(key, tuple(fields))}")
        if values.get("workspace") == "local":
            values.setdefault("subscription_id", LOCAL_SUBSCRIPTION)
            values.setdefault("resource_group", "local")
            values.setdefault("workspace_name", name)
        try:
            return Environment.model_validate(values)
        except ValidationError as error:
            raise SettingsError(self._explain(name, error, values)) from None

    def source(self, name: str) -> dict[str, str]:
        """Where the model of an environment comes from that trains none: parameters of 02_train.

        Returns:
            The other environment's workspace and endpoint, as ``from_*``; empty where
            ``promotion`` is ``code``.

        Raises:
            SettingsError: ``promote_from`` is no other section of the file.
        """
        env = self.environment(name)
        if env.promotion == "code":
            return {}
        others = tuple(each for each in self.names if each != name)
        if env.promote_from not in others:
            raise SettingsError(
                f"{self.where(name, 'promote_from')} = {env.promote_from}: no other environment; "
                f"{_nearest(env.promote_from, others, 'there are')}"
            )
        other = self.environment(env.promote_from).parameters()
        keys = (*NAMES_OF_WORKSPACE, "online_endpoint", "model_name")
        return {f"from_{key}": other[key] for key in keys}

    def _values(self, name: str) -> dict[str, str]:
        section = self._parser[name]
        try:
            # Interpolation is done a key at a time, with the overrides in place of the file's words
            found = {
                key: self._parser.get(name, key, vars=self.overrides)
                for key in [*section, *self.overrides]
            }
        except configparser.Error as error:
            raise SettingsError(f"{self.path.name}: {' '.join(str(error).split())}") from None
        return {key: value for key, value in found.items() if value != ""}

    def where(self, name: str, key: str) -> str:
        """Where the value of an environment's key comes from, for a message."""
        if key in self._given:
            return f"--set {key}"
        if key in self.overrides:
            return f"{PREFIX}{key.upper()} in the environment"
        shared = self._parser.defaults().get(key)
        inherited = shared is not None and self._parser.get(name, key, raw=True) == shared
        return f"{self.path.name}:[{'DEFAULT' if inherited else name}] {key}"

    def _explain(self, name: str, error: ValidationError, values: Mapping[str, str]) -> str:
        first = error.errors()[0]
        if not first["loc"]:
            message = first["msg"].removeprefix("Value error, ")
            return f"{self.path.name}:[{name}]: {message}"
        key = str(first["loc"][0])
        if first["type"] == "missing":
            return f"{self.path.name}:[{name}] {key}: missing; add a line «{key} = …»"
        message = first["msg"][0].lower() + first["msg"][1:]
        return f"{self.where(name, key)} = {values[key]}: {message}"


def load(root: Path | None = None) -> Settings:
    """The settings of the project that ``root`` (the current folder by default) lies in.

    The nearest settings.ini upwards counts, so that verbs work in subfolders and notebooks.

    Raises:
        SettingsError: there is none, or it cannot be read.
    """
    start = (root or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return Settings(folder / FILE)
    raise SettingsError(f"no {FILE} in {start} or above; run nbrelease in a project's folder")


def _from_environment() -> dict[str, str]:
    return {
        name[len(PREFIX) :].lower(): value
        for name, value in os.environ.items()
        if name.startswith(PREFIX)
    }


def _nearest(word: str, valid: tuple[str, ...], otherwise: str = "the keys are") -> str:
    close = difflib.get_close_matches(word, valid, n=1)
    return f"did you mean {close[0]}?" if close else f"{otherwise} {', '.join(valid)}"
