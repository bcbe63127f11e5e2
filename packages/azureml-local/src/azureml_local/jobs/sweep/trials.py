"""The trials of a sweep: their jobs, and the values of the primary metric that they logged."""

from __future__ import annotations

import json
import math
import re

from azureml_local.documents.jobs import JobOutput, JobProperties, JobResources, SweepTrial
from azureml_local.errors import Conflict
from azureml_local.jobs.records import Job
from azureml_local.jobs.sweep.sampling import Parameters
from azureml_local.jobs.sweep.settings import SweepSettings
from azureml_local.json_fields import as_document, object_of, text_of, texts_of, with_fields
from azureml_local.mlflow.tracking import Tracking
from azureml_local.state import Workspace

PARAMETER = re.compile(r"\$\{\{\s*search_space\.([\w.\-]+)\s*\}\}")
VARIABLE = "AZUREML_SWEEP_"
"""The prefix of the environment variables with the values of the hyperparameters."""
COPIED = ("experimentName", "computeId", "inputs", "componentId")
"""The properties of a sweep that its trials have too."""
OUTPUT_FIELDS = ("jobOutputType", "mode")


def trial_name(sweep: str, number: int) -> str:
    """The name of a trial's job."""
    return f"{sweep}_{number}"


def trial_number(name: str) -> int:
    """The number of a trial, from the name of its job."""
    return int(name.rpartition("_")[2])


def check_unused(trial: Job) -> None:
    """Refuse the name of a trial that another job has.

    Raises:
        Conflict: the job exists.
    """
    if trial.exists:
        raise Conflict(
            f"job {trial.name} exists, but a trial of the sweep has this name; "
            "use another name for the sweep",
            "UserError",
            target="name",
        )


def trial_properties(
    properties: JobProperties, settings: SweepSettings, name: str, parameters: Parameters
) -> JobProperties:
    """The properties of a trial's command job.

    As on Azure, the command reads hyperparameters from environment variables. A hyperparameter that
    the search space does not have stays in the command, where the shell refuses it. Each trial has
    outputs of its own; those of the best trial are copied to the outputs of the sweep.

    Args:
        properties: the sweep's properties.
        settings: its settings.
        name: the trial.
        parameters: the values of its hyperparameters.
    """
    trial = as_document(SweepTrial, object_of(properties, "trial"))
    outputs: dict[str, JobOutput] = {
        key: as_document(JobOutput, {k: v for k, v in value.items() if k in OUTPUT_FIELDS and v})
        for key, value in (properties.get("outputs") or {}).items()
        if value is not None
    }

    def variable(match: re.Match[str]) -> str:
        return f"${{{VARIABLE}{match[1]}}}" if match[1] in settings.space else match[0]

    command: JobProperties = {
        "jobType": "Command",
        "displayName": name,
        "tags": {"hyperparameters": json.dumps(parameters)},
        "properties": {},
        "command": PARAMETER.sub(variable, text_of(trial, "command")),
        "codeId": trial.get("codeId"),
        "environmentId": text_of(trial, "environmentId"),
        "environmentVariables": {
            **texts_of(trial, "environmentVariables"),
            **{f"{VARIABLE}{key}": str(value) for key, value in parameters.items()},
        },
        "resources": as_document(
            JobResources, object_of(trial, "resources") or object_of(properties, "resources")
        ),
        "distribution": trial.get("distribution"),
        "limits": {"timeout": settings.trial_timeout},
        "outputs": outputs,
    }
    copied = {key: value for key, value in properties.items() if key in COPIED}
    return with_fields(command, {key: value for key, value in copied.items() if value is not None})


async def read_history(
    tracking: Tracking, workspace: Workspace, run: str, metric: str
) -> list[float]:
    """The finite values of a metric that a run logged, in the order of time and step.

    Raises:
        AzureError: the MLflow server cannot start.
        httpx.HTTPError: it does not answer, or answers with an error.
    """
    client = await tracking.client(workspace)
    response = await client.get(
        "/api/2.0/mlflow/metrics/get-history", params={"run_id": run, "metric_key": metric}
    )
    if response.status_code == 404:  # the trial ended before it had a run
        return []
    response.raise_for_status()
    logged = response.json().get("metrics", [])
    logged.sort(key=lambda each: (each["timestamp"], each.get("step", 0)))
    return [value for each in logged if math.isfinite(value := float(each["value"]))]
