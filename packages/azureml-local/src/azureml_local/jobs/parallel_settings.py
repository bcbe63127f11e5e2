"""The settings of parallel steps: those of the component, overridden by the step.

Defaults are those of Microsoft's "How to use parallel job in pipeline". The thresholds for items
and for the percentage of mini-batches can also be arguments of the entry script.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from azureml_local.documents.assets import ComponentSpec
from azureml_local.documents.jobs import PipelineStep
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs import inputs
from azureml_local.json_fields import (
    Document,
    JsonObject,
    object_of,
    text_of,
    with_fields,
    without_nulls,
)

FIELDS = (
    "task",
    "input_data",
    "mini_batch_size",
    "partition_keys",
    "max_concurrency_per_instance",
    "error_threshold",
    "mini_batch_error_threshold",
    "retry_settings",
    "logging_level",
)
TASKS = ("run_function", "function")
LEVELS = ("DEBUG", "INFO", "WARNING")
INPUT = re.compile(r"\$\{\{\s*inputs\.([\w\-]+)\s*\}\}")
SIZE = re.compile(r"(\d+)([kmg]b)?", re.IGNORECASE)
UNITS = {"": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30}
ARGUMENTS = ("error_threshold", "allowed_failed_percent")
"""The thresholds that can be arguments of the entry script."""
MAX_SECONDS = 259_200


@dataclass(frozen=True)
class ParallelSettings:
    """How a parallel step divides its data and counts failures.

    Attributes:
        entry_script: the script's path in the code.
        program_arguments: its arguments, with expressions.
        append_row_to: the file for all results, with an expression; empty: none.
        input_data: the name of the input that is divided.
        mini_batch_size: files, or bytes of a table; 0: Azure's default.
        partition_keys: the columns whose values divide the data, instead of the size.
        concurrency: processes on each instance.
        error_threshold: files or rows that may fail; -1: all of them.
        mini_batch_error_threshold: mini-batches that may fail; -1: all of them.
        allowed_failed_percent: the percentage of mini-batches that may fail.
        max_retries: of a failed mini-batch.
        seconds: the timeout of a mini-batch.
        logging_level: of the entry script's logger.
    """

    entry_script: str
    program_arguments: str
    append_row_to: str
    input_data: str
    mini_batch_size: int
    partition_keys: tuple[str, ...]
    concurrency: int
    error_threshold: int
    mini_batch_error_threshold: int
    allowed_failed_percent: int
    max_retries: int
    seconds: float
    logging_level: str

    @classmethod
    def parse(cls, fields: Mapping[str, object]) -> ParallelSettings:
        """Read the settings of a step.

        Raises:
            BadRequest: a field is not valid.
            NotSupported: azureml-local does not support the type of task.
        """
        task, retry = object_of(fields, "task"), object_of(fields, "retry_settings")
        kind = text_of(task, "type", TASKS[0])
        if kind not in TASKS:
            raise NotSupported(
                f"Jobs - Create or update: parallel task {kind} is not supported by azureml-local; "
                f"use {TASKS[0]}"
            )
        script = text_of(task, "entry_script")
        if not script:
            raise BadRequest("task.entry_script: required, and has no value", "UserError")
        match = INPUT.fullmatch(text_of(fields, "input_data").strip())
        if match is None:
            raise BadRequest("input_data: must be ${{inputs.NAME}}", "UserError")
        level = text_of(fields, "logging_level", "INFO").upper()
        level = "WARNING" if level == "WARN" else level
        if level not in LEVELS:
            raise BadRequest(
                f"logging_level: must be one of {', '.join(LEVELS)} (got {level})", "UserError"
            )
        arguments = text_of(task, "program_arguments")
        append_row_to = text_of(task, "append_row_to")
        _split(append_row_to, "task.append_row_to")
        limits = _argument_limits(arguments)
        error_threshold = limits.get("error_threshold", fields.get("error_threshold", -1))
        cores = os.cpu_count() or 1
        return cls(
            entry_script=script,
            program_arguments=arguments,
            append_row_to=append_row_to,
            input_data=match[1],
            mini_batch_size=_size(fields.get("mini_batch_size") or 0),
            partition_keys=_keys(fields.get("partition_keys")),
            concurrency=_integer(fields, "max_concurrency_per_instance", cores, 1),
            error_threshold=_integer({"error_threshold": error_threshold}, "error_threshold", -1),
            mini_batch_error_threshold=_integer(fields, "mini_batch_error_threshold", -1),
            allowed_failed_percent=_integer(limits, "allowed_failed_percent", 100, 0, 100),
            max_retries=_integer(retry, "max_retries", 2, 0),
            seconds=float(_integer(retry, "timeout", 60, 1, MAX_SECONDS)),
            logging_level=level,
        )

    def check_expressions(self, step_inputs: JsonObject, outputs: JsonObject) -> None:
        """Refuse expressions with an input or output that the step does not have.

        Raises:
            BadRequest: there is one, or the divided input is not data.
        """
        names = dict.fromkeys(step_inputs, "x"), dict.fromkeys(outputs, "x")
        for text in (self.program_arguments, self.append_row_to):
            inputs.render_command(text, *names)
        kind = object_of(step_inputs, self.input_data).get("jobInputType")
        if kind not in ("uri_folder", "uri_file", "mltable"):
            raise BadRequest(
                f"input_data: input {self.input_data} must be a folder, a file or an mltable "
                f"(got {kind or 'no such input'})",
                "UserError",
            )


def parallel_fields(node: PipelineStep, spec: ComponentSpec) -> JsonObject:
    """The settings of a step as it has them, else those of its component."""
    settings = {**without_nulls(spec), **without_nulls(node)}
    return {name: value for name, value in settings.items() if name in FIELDS}


def command_fields(values: Document, fields: JsonObject) -> Document:
    """A step or a component with the environment and code of its task where commands have them."""
    task = object_of(fields, "task")
    return with_fields(values, {name: task.get(name) for name in ("environment", "code")})


def _argument_limits(arguments: str) -> dict[str, str]:
    """The thresholds in the arguments of the entry script."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ARGUMENTS:
        parser.add_argument(f"--{name}")
    try:
        options, _ = parser.parse_known_args(_split(arguments, "task.program_arguments"))
    except argparse.ArgumentError as error:
        raise BadRequest(f"task.program_arguments: {error}", "UserError") from None
    return {name: value for name, value in vars(options).items() if value is not None}


def _split(text: str, field: str) -> list[str]:
    """The words of a command line, with ``x`` for each expression."""
    try:
        return shlex.split(inputs.EXPRESSION.sub("x", text))
    except ValueError as error:  # such as a quote without its end
        raise BadRequest(f"{field}: {error} (got {text!r})", "UserError") from None


def _size(value: object) -> int:
    match = SIZE.fullmatch(str(value))
    if match is None:
        raise BadRequest(
            f"mini_batch_size: must be a number, or one with kb, mb or gb (got {value!r})",
            "UserError",
        )
    return int(match[1]) * UNITS[(match[2] or "").lower()]


def _keys(value: object) -> tuple[str, ...]:
    """The partition keys; the SDK sends them as a text in JSON."""
    try:
        keys = json.loads(value) if isinstance(value, str) else value or []
    except ValueError:
        keys = None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise BadRequest(f"partition_keys: must be a list of names (got {value!r})", "UserError")
    return tuple(keys)


def _integer(
    fields: Mapping[str, object],
    name: str,
    default: int,
    minimum: int = -1,
    maximum: int = 2**31 - 1,
) -> int:
    value = fields.get(name, default)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,10}", value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise BadRequest(
            f"{name}: must be an integer from {minimum} to {maximum} (got {value!r})", "UserError"
        )
    return value
