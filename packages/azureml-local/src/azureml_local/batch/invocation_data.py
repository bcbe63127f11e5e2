"""The inputs and outputs of a batch invocation, converted to the types of jobs."""

from __future__ import annotations

from azureml_local.documents.assets import ComponentSpec
from azureml_local.documents.endpoints import DeploymentProperties
from azureml_local.documents.jobs import InputMap, JobInput, JobOutput, OutputMap
from azureml_local.errors import BadRequest
from azureml_local.json_fields import JsonObject, as_document, object_of, text_of

TYPES = {
    "urifile": "uri_file",
    "urifolder": "uri_folder",
    "mltable": "mltable",
    "mlflowmodel": "mlflow_model",
    "custommodel": "custom_model",
    "tritonmodel": "triton_model",
    "literal": "literal",
}


def component_of(properties: DeploymentProperties) -> str:
    """The pipeline component of a deployment; empty for a model deployment."""
    configuration = object_of(properties, "deploymentConfiguration")
    return text_of(object_of(configuration, "componentId"), "assetId")


def parse_inputs(values: JsonObject) -> InputMap:
    """An invocation's inputs with the types of jobs.

    Raises:
        BadRequest: one is not an object, or its type is unknown.
    """
    parsed = _parse_types("jobInputType", "literal", values)
    return {name: as_document(JobInput, each) for name, each in parsed.items()}


def parse_outputs(values: JsonObject) -> OutputMap:
    """An invocation's outputs with the types of jobs.

    Raises:
        BadRequest: one is not an object, or its type is unknown.
    """
    parsed = _parse_types("jobOutputType", "UriFolder", values)
    return {name: as_document(JobOutput, each) for name, each in parsed.items()}


def _parse_types(field: str, default: str, values: JsonObject) -> dict[str, JsonObject]:
    resolved: dict[str, JsonObject] = {}
    for name, each in values.items():
        if not isinstance(each, dict):
            raise BadRequest(f"{name} must be an object, not {each!r}", target=name)
        kind = text_of(each, field, default)
        name_of_type = TYPES.get(kind.lower().replace("_", ""))
        if name_of_type is None:
            raise BadRequest(f"{kind!r} is not a data type", "UserError", target=name)
        resolved[name] = {**{k: v for k, v in each.items() if v is not None}, field: name_of_type}
    return resolved


def resolve_inputs(spec: ComponentSpec, values: InputMap) -> InputMap:
    """A pipeline's inputs: those of the invocation, else the component's defaults.

    Raises:
        BadRequest: the component has no such input, or a required one is missing.
    """
    declared = object_of(spec, "inputs")
    unknown = sorted(set(values) - set(declared))
    if unknown:
        raise BadRequest(f"the component has no input {', '.join(unknown)}", "UserError")
    resolved: InputMap = {}
    for name in declared:
        about = object_of(declared, name)
        if name in values:
            resolved[name] = values[name]
        elif about.get("default") is not None:
            resolved[name] = {"jobInputType": "literal", "value": str(about["default"])}
        elif about.get("optional") not in (True, "true", "True"):
            raise BadRequest(f"the input {name} is required and has no value", "UserError")
    return resolved


def resolve_outputs(spec: ComponentSpec, values: OutputMap) -> OutputMap:
    """A pipeline's outputs: the places of the invocation, else the defaults.

    Raises:
        BadRequest: the component has no such output.
    """
    declared = object_of(spec, "outputs")
    unknown = sorted(set(values) - set(declared))
    if unknown:
        raise BadRequest(f"the component has no output {', '.join(unknown)}", "UserError")
    return {
        name: values.get(name)
        or {"jobOutputType": text_of(object_of(declared, name), "type", "uri_folder")}
        for name in declared
    }
