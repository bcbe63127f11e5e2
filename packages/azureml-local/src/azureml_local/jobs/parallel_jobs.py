"""Parallel steps of pipelines: a driver divides the input, and workers run the entry script."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

from azureml_local import interpreters, public_files
from azureml_local.documents.scoring import ScoringSpec
from azureml_local.jobs import inputs
from azureml_local.jobs.distribution import instance_count
from azureml_local.jobs.parallel_settings import ParallelSettings
from azureml_local.jobs.records import Job

DRIVER = "azureml_local.batch.parallel_driver"
OUTPUT_FILE = "parallel_run_step.txt"
"""The file for all results in an output that is a folder."""
SHUTDOWN_SECONDS = 60
"""How long `shutdown()` of the entry script may take."""


def driver_command(
    job: Job, input_values: dict[str, str], output_paths: dict[str, str], bin_folder: Path
) -> tuple[list[str], Path]:
    """The command of a parallel step's driver, and the folder in which it runs.

    Args:
        job: the step's job.
        input_values: the value or the path of each input.
        output_paths: the path of each output.
        bin_folder: of the step's interpreter.

    Raises:
        AzureError: the input does not exist.
    """
    workspace, properties, code = job.workspace, job.properties, job.folder("jobs")
    settings = ParallelSettings.parse(properties["parallel"])
    source = properties["inputs"][settings.input_data]
    location = inputs.locate_input(workspace, source["uri"])  # also with mode direct
    if location.startswith(public_files.SCHEMES):
        location = str(
            workspace.state.public_files.locate(location, f"inputs.{settings.input_data}")
        )
    folder = code.with_name(f"{code.name}.parallel")
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / OUTPUT_FILE
    if settings.append_row_to:
        line = inputs.render_command(settings.append_row_to, input_values, output_paths)
        output = Path(shlex.split(line)[0])
        output = output / OUTPUT_FILE if output.is_dir() else output
    arguments = inputs.render_command(settings.program_arguments, input_values, output_paths)
    instances = instance_count(properties)
    spec: ScoringSpec = {
        "input": location,
        "is_mltable": source["jobInputType"] == "mltable",
        "mini_batch_size": settings.mini_batch_size,
        "partition_keys": settings.partition_keys,
        "processes": max(1, min(settings.concurrency * instances, os.cpu_count() or 1)),
        "error_threshold": settings.error_threshold,
        "mini_batch_error_threshold": settings.mini_batch_error_threshold,
        "allowed_failed_percent": settings.allowed_failed_percent,
        "max_retries": settings.max_retries,
        "seconds": settings.seconds,
        "append_row": bool(settings.append_row_to),
        "output": str(output),
        "code": str(code),
        "entry_script": settings.entry_script,
        "arguments": shlex.split(arguments),
        "logging_level": settings.logging_level,
        "end_seconds": SHUTDOWN_SECONDS,
        "environment": {"AZUREML_NODE_COUNT": str(instances)},
    }
    if bin_folder != interpreters.SERVER_BIN:
        interpreter = interpreters.Interpreter(
            bin_folder.parent, interpreters.modules_folder(workspace.state.data / "interpreters")
        )
        spec["python"] = interpreter.python
        spec["environment"] = interpreter.add_variables(
            {**(properties.get("environmentVariables") or {}), **spec["environment"]}
        )
    file = folder / "spec.json"
    file.write_text(json.dumps(spec), encoding="utf-8")
    return [sys.executable, "-m", DRIVER, str(file)], folder
