"""Values of outputs that a job writes to the properties of its run, as ``mldesigner`` does."""

from __future__ import annotations

import json

from azureml_local.errors import BadRequest
from azureml_local.jobs.inputs import PRIMITIVES
from azureml_local.jobs.records import Job
from azureml_local.json_fields import JsonObject, object_of, text_of

CONTROL = "azureml.pipeline.control"
"""The property with all values in JSON; with ``.NAME``, the value of one output."""


def write_control_outputs(job: Job, run_properties: JsonObject) -> None:
    """Write the values of outputs in new properties of a run to the files of these outputs.

    Raises:
        BadRequest: the values are not an object in JSON.
    """
    values = {
        key.removeprefix(f"{CONTROL}."): value
        for key, value in run_properties.items()
        if key.startswith(f"{CONTROL}.")
    }
    if CONTROL in run_properties:
        try:
            values |= dict(json.loads(str(run_properties[CONTROL])))
        except (TypeError, ValueError) as error:
            raise BadRequest(f"{CONTROL}: must be an object in JSON: {error}") from None
    declared, addresses = object_of(job.properties, "outputs"), job.body.get("outputs") or {}
    for name, value in values.items():
        if text_of(object_of(declared, name), "jobOutputType") in PRIMITIVES and name in addresses:
            path = job.workspace.local_path(addresses[name])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(value), encoding="utf-8")
