"""How a batch deployment runs: Azure's settings, their defaults, what one call says instead."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from azureml_local.errors import BadRequest
from azureml_local.jobs.validation import DURATION
from azureml_local.state import object_of, text_of

CONCURRENCY = "maxConcurrencyPerInstance"
APPEND_ROW, SUMMARY_ONLY = "appendrow", "summaryonly"


@dataclass(frozen=True)
class Settings:
    """A batch deployment's settings.

    Attributes:
        mini_batch_size: files in one call of ``run``.
        concurrency: processes on each instance.
        instances: of the cluster.
        error_threshold: files that may fail; -1: all of them.
        max_retries: of a mini-batch that failed.
        seconds: for one mini-batch.
        append_row: whether what ``run`` gives back is written to one file.
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


def settings(properties: dict[str, Any], call: dict[str, Any] | None = None) -> Settings:
    """The settings of a deployment.

    Args:
        properties: of the deployment, as it was created.
        call: of one invocation, whose settings come first.

    Raises:
        BadRequest: a value is none that Azure takes.
    """
    call = call or {}
    own = {**object_of({"given": properties}, "given"), **object_of({"given": call}, "given")}
    retry = {
        **object_of(properties, "retrySettings"),
        **{_camel(k): v for k, v in object_of(call, "retrySettings").items()},
    }
    resources = {**object_of(properties, "resources"), **object_of(call, "compute")}
    action = text_of(own, "outputAction", APPEND_ROW).lower()
    if action not in (APPEND_ROW, SUMMARY_ONLY):
        raise BadRequest(f"{action!r} is no outputAction", "UserError", target="outputAction")
    name = text_of(own, "outputFileName") or Settings.file_name
    if "/" in name or "\\" in name or name.startswith("."):
        raise BadRequest(f"{name!r} is no name of a file", "UserError", target="outputFileName")
    return Settings(
        mini_batch_size=_number("miniBatchSize", own.get("miniBatchSize", 10), 1),
        concurrency=_number(
            "maxConcurrencyPerInstance", own.get("maxConcurrencyPerInstance", 1), 1
        ),
        instances=_number("instanceCount", resources.get("instanceCount", 1), 1),
        error_threshold=_number("errorThreshold", own.get("errorThreshold", -1), -1),
        max_retries=_number("maxRetries", retry.get("maxRetries", 3), 0),
        seconds=_seconds(retry.get("timeout", "PT30S")),
        append_row=action == APPEND_ROW,
        file_name=name,
    )


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _number(name: str, given: Any, least: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given < 2**31:
        raise BadRequest(
            f"{name} must be a whole number from {least} on, not {given!r}",
            "UserError",
            target=name,
        )
    return given


def _seconds(given: Any) -> float:
    match = DURATION.match(given) if isinstance(given, str) else None
    if match is None or not any(match.groups()):
        raise BadRequest(
            f"timeout {given!r} is no duration like PT30S", "UserError", target="timeout"
        )
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
