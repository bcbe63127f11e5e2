"""What a call of a batch endpoint says, in the words that jobs have for it."""

from __future__ import annotations

from typing import Any

from azureml_local.errors import BadRequest
from azureml_local.state import object_of, text_of

TYPES = {
    "urifile": "uri_file",
    "urifolder": "uri_folder",
    "mltable": "mltable",
    "mlflowmodel": "mlflow_model",
    "custommodel": "custom_model",
    "tritonmodel": "triton_model",
    "literal": "literal",
}


def component_of(properties: dict[str, Any]) -> str:
    """The pipeline component of a deployment; empty where it is a model's."""
    configuration = object_of(properties, "deploymentConfiguration")
    return text_of(object_of(configuration, "componentId"), "assetId")


def typed(field: str, given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Inputs or outputs of a call, which writes their types in other words than jobs do.

    Raises:
        BadRequest: one is no object, or of a type that there is not.
    """
    found = {}
    for name, each in given.items():
        if not isinstance(each, dict):
            raise BadRequest(f"{name} must be an object, not {each!r}", target=name)
        kind = text_of(each, field, "literal" if field == "jobInputType" else "UriFolder")
        word = TYPES.get(kind.lower().replace("_", ""))
        if word is None:
            raise BadRequest(f"{kind!r} is no type of data", "UserError", target=name)
        found[name] = {**{k: v for k, v in each.items() if v is not None}, field: word}
    return found


def declared_inputs(
    declared: dict[str, Any], given: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """A pipeline's inputs: what the call gives, else the component's defaults.

    Raises:
        BadRequest: the component has no such input, or one that it needs is not given.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise BadRequest(f"the component has no input {', '.join(unknown)}", "UserError")
    found = {}
    for name, about in declared.items():
        if name in given:
            found[name] = given[name]
        elif about.get("default") is not None:
            found[name] = {"jobInputType": "literal", "value": str(about["default"])}
        elif about.get("optional") not in (True, "true", "True"):
            raise BadRequest(f"the input {name} is required and has no value", "UserError")
    return found


def declared_outputs(
    declared: dict[str, Any], given: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """A pipeline's outputs: where the call wants them, else where they go by default.

    Raises:
        BadRequest: the component has no such output.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise BadRequest(f"the component has no output {', '.join(unknown)}", "UserError")
    return {
        name: given.get(name) or {"jobOutputType": text_of(about, "type", "uri_folder")}
        for name, about in declared.items()
    }
