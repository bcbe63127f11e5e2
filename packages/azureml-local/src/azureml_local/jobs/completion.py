"""The fields that the service adds to a submitted job: the modes of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping

from azureml_local.documents.jobs import JobProperties
from azureml_local.errors import NotSupported
from azureml_local.jobs import inputs
from azureml_local.json_fields import Json, as_document, object_of, without_nulls

OWN_SERVICES = ("Tracking", "Studio")
"""The services that each job has; clients send them back with a copy of a job."""


def complete_job(properties: Mapping[str, object]) -> JobProperties:
    """A job's properties with the default mode of each input and output that has none."""
    job_inputs, outputs = object_of(properties, "inputs"), object_of(properties, "outputs")
    completed = {
        "inputs": {name: _with_input_mode(value) for name, value in job_inputs.items()},
        "outputs": {
            name: {"mode": inputs.OUTPUT_MODES[0], **object_of(outputs, name)} for name in outputs
        },
    }
    fields = {field: values for field, values in completed.items() if values}
    return as_document(JobProperties, {**properties, **fields})


def _with_input_mode(value: Json) -> Json:
    if not isinstance(value, dict) or value.get("jobInputType", "literal") == "literal":
        return value
    default = inputs.EVAL_MOUNT if value["jobInputType"] == "mltable" else inputs.MOUNT
    return {"mode": default, **without_nulls(value)}


def check_services(properties: Mapping[str, object]) -> None:
    """Refuse interactive services of a job or step, such as JupyterLab or SSH.

    Raises:
        NotSupported: there is one.
    """
    for name in object_of(properties, "services"):
        if name not in OWN_SERVICES:
            raise NotSupported(
                f"Jobs - Create or update: service {name} is not supported by azureml-local; "
                "remove the job's services"
            )
