"""The settings of a batch deployment: defaults, bounds and overrides of an invocation."""

from __future__ import annotations

import os
from dataclasses import dataclass

from azureml_local.documents.endpoints import DeploymentProperties
from azureml_local.durations import parse_duration
from azureml_local.errors import BadRequest
from azureml_local.json_fields import JsonObject, camel_case, object_of, text_of, without_nulls

APPEND_ROW, SUMMARY_ONLY = "appendrow", "summaryonly"


@dataclass(frozen=True)
class Settings:
    """A batch deployment's settings.

    Attributes:
        mini_batch_size: files in one call of ``run``.
        concurrency: processes on each instance.
        instances: of the cluster.
        error_threshold: files that may fail; -1: all of them.
        max_retries: of a failed mini-batch.
        seconds: the timeout of a mini-batch.
        append_row: whether the results of ``run`` are written to one file.
        file_name: of that file.
    """

    mini_batch_size: int = 10
    concurrency: int = 1
    instances: int = 1
    error_threshold: int = -1
    max_retries: int = 3
    seconds: float = 30.0
    append_row: bool = True
    file_name: str = "predictions.csv"

    @property
    def processes(self) -> int:
        """How many processes score: never more than this machine has processors."""
        return max(1, min(self.concurrency * self.instances, os.cpu_count() or 1))


def parse_settings(properties: DeploymentProperties, call: JsonObject | None = None) -> Settings:
    """The settings of a deployment.

    Args:
        properties: of the deployment, as it was created.
        call: the properties of an invocation, which override the settings.

    Raises:
        BadRequest: Azure does not accept a value.
    """
    call = call or {}
    own = {**without_nulls(properties), **without_nulls(call)}
    retry = {
        **object_of(properties, "retrySettings"),
        **{camel_case(k): v for k, v in object_of(call, "retrySettings").items()},
    }
    resources = {**object_of(properties, "resources"), **object_of(call, "compute")}
    action = text_of(own, "outputAction", APPEND_ROW).lower()
    if action not in (APPEND_ROW, SUMMARY_ONLY):
        raise BadRequest(f"{action!r} is not an outputAction", "UserError", target="outputAction")
    name = text_of(own, "outputFileName") or Settings.file_name
    if "/" in name or "\\" in name or name.startswith("."):
        raise BadRequest(f"{name!r} is not a file name", "UserError", target="outputFileName")
    return Settings(
        mini_batch_size=_parse_integer("miniBatchSize", own.get("miniBatchSize", 10), 1),
        concurrency=_parse_integer(
            "maxConcurrencyPerInstance", own.get("maxConcurrencyPerInstance", 1), 1
        ),
        instances=_parse_integer("instanceCount", resources.get("instanceCount", 1), 1),
        error_threshold=_parse_integer("errorThreshold", own.get("errorThreshold", -1), -1),
        max_retries=_parse_integer("maxRetries", retry.get("maxRetries", 3), 0),
        seconds=parse_duration(retry.get("timeout", "PT30S"), "timeout").total_seconds(),
        append_row=action == APPEND_ROW,
        file_name=name,
    )


def _parse_integer(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
        raise BadRequest(
            f"{name} must be an integer of at least {least}, not {value!r}",
            "UserError",
            target=name,
        )
    return value
