"""The inputs and outputs of a batch invocation, converted to the types of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azureml_local.errors import BadRequest
from azureml_local.jobs.documents import InputMap
from azureml_local.json_fields import object_of, text_of

TYPES = {
    "urifile": "uri_file",
    "urifolder": "uri_folder",
    "mltable": "mltable",
    "mlflowmodel": "mlflow_model",
    "custommodel": "custom_model",
    "tritonmodel": "triton_model",
    "literal": "literal",
}


def component_of(properties: Mapping[str, Any]) -> str:
    """The pipeline component of a deployment; empty for a model deployment."""
    configuration = object_of(properties, "deploymentConfiguration")
    return text_of(object_of(configuration, "componentId"), "assetId")


def parse_types(field: str, values: dict[str, Any]) -> InputMap:
    """Convert the types of an invocation's inputs or outputs to those of jobs.

    Raises:
        BadRequest: one is not an object, or its type is unknown.
    """
    resolved = {}
    for name, each in values.items():
        if not isinstance(each, dict):
            raise BadRequest(f"{name} must be an object, not {each!r}", target=name)
        kind = text_of(each, field, "literal" if field == "jobInputType" else "UriFolder")
        name_of_type = TYPES.get(kind.lower().replace("_", ""))
        if name_of_type is None:
            raise BadRequest(f"{kind!r} is not a data type", "UserError", target=name)
        resolved[name] = {**{k: v for k, v in each.items() if v is not None}, field: name_of_type}
    return resolved


def resolve_inputs(declared: dict[str, Any], values: InputMap) -> InputMap:
    """A pipeline's inputs: those of the invocation, else the component's defaults.

    Raises:
        BadRequest: the component has no such input, or a required one is missing.
    """
    unknown = sorted(set(values) - set(declared))
    if unknown:
        raise BadRequest(f"the component has no input {', '.join(unknown)}", "UserError")
    resolved = {}
    for name, about in declared.items():
        if name in values:
            resolved[name] = values[name]
        elif about.get("default") is not None:
            resolved[name] = {"jobInputType": "literal", "value": str(about["default"])}
        elif about.get("optional") not in (True, "true", "True"):
            raise BadRequest(f"the input {name} is required and has no value", "UserError")
    return resolved


def resolve_outputs(declared: dict[str, Any], values: InputMap) -> InputMap:
    """A pipeline's outputs: the places of the invocation, else the defaults.

    Raises:
        BadRequest: the component has no such output.
    """
    unknown = sorted(set(values) - set(declared))
    if unknown:
        raise BadRequest(f"the component has no output {', '.join(unknown)}", "UserError")
    return {
        name: values.get(name) or {"jobOutputType": text_of(about, "type", "uri_folder")}
        for name, about in declared.items()
    }
