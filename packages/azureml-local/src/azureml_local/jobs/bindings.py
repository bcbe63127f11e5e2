"""The inputs and outputs of a step, with those of its component and of the pipeline."""

from __future__ import annotations

from typing import Any

from azureml_local.errors import BadRequest
from azureml_local.jobs import inputs
from azureml_local.jobs.documents import InputMap
from azureml_local.jobs.references import OUTPUT, resolve_reference
from azureml_local.json_fields import object_of, text_of

PATH = "path"
"""The SDK's legacy type of a component's data: any type as input, a folder as output."""
API_NAMES = {
    "job_input_type": "jobInputType",
    "job_output_type": "jobOutputType",
    "asset_name": "assetName",
    "asset_version": "assetVersion",
    "name": "assetName",
    "version": "assetVersion",
}


def bind_inputs(
    node: dict[str, Any],
    spec: dict[str, Any],
    pipeline_inputs: InputMap,
    step_outputs: dict[str, InputMap],
) -> InputMap:
    """A step's inputs: its own values with resolved references, else the component's defaults.

    Raises:
        BadRequest: an input is unknown, missing or of another type.
    """
    declared = object_of(spec, "inputs")
    step_inputs: InputMap = {}
    for name, value in api_form(object_of(node, "inputs")).items():
        if name not in declared:
            raise BadRequest(f"inputs.{name}: the component has no such input", "UserError")
        resolved = resolve_reference(name, value, pipeline_inputs, step_outputs)
        if resolved is not None:
            step_inputs[name] = resolved
    for name in declared:
        declaration = object_of(declared, name)
        if name not in step_inputs:
            if declaration.get("default") is not None:
                step_inputs[name] = {
                    "jobInputType": "literal",
                    "value": str(declaration["default"]),
                }
            elif declaration.get("optional") in (True, "true", "True"):
                continue
            else:
                raise BadRequest(f"inputs.{name}: required, and has no value", "UserError")
        kind = text_of(declaration, "type", "string")
        is_data, value = kind in (PATH, *inputs.TYPES[1:]), step_inputs[name]
        if is_data != (value["jobInputType"] != "literal"):
            actual = f"data ({value['jobInputType']})" if not is_data else "a literal"
            raise BadRequest(f"inputs.{name}: has type {kind} (got {actual})", "UserError")
        if is_data:
            mode = value.get("mode") or inputs.api_mode(text_of(declaration, "mode"))
            if kind == PATH:
                kind = value["jobInputType"]
            elif (value["jobInputType"], kind) == ("uri_file", "uri_folder"):
                kind = "uri_file"  # as in Microsoft's example 1c_pipeline_with_hyperparameter_sweep
            step_inputs[name] = {**value, "jobInputType": kind, **({"mode": mode} if mode else {})}
    return step_inputs


def bind_outputs(
    node: dict[str, Any], spec: dict[str, Any], outputs: InputMap
) -> tuple[InputMap, dict[str, str]]:
    """A step's outputs, and the pipeline's output for each that is bound to one.

    Raises:
        BadRequest: an output is unknown, or its type or mode.
    """
    declared, own_outputs = object_of(spec, "outputs"), api_form(object_of(node, "outputs"))
    unknown = sorted(set(own_outputs) - set(declared))
    if unknown:
        raise BadRequest(f"outputs: the component has no output {', '.join(unknown)}", "UserError")
    resolved_outputs: InputMap = {}
    bindings: dict[str, str] = {}
    for name in declared:
        declaration, value = object_of(declared, name), own_outputs.get(name, {})
        kind = text_of(declaration, "type", "uri_folder")
        fields = {"jobOutputType": "uri_folder" if kind == PATH else kind}
        mode = inputs.api_mode(text_of(declaration, "mode"))
        if mode:
            fields["mode"] = mode
        match = OUTPUT.fullmatch(str(value.get("value", "")).strip())
        if match:
            bindings[name] = target = str(match[1])
            fields.update(
                {k: v for k, v in outputs.get(target, {}).items() if k != "jobOutputType"}
            )
        copied = ("jobOutputType", "mode", "uri", "assetName", "assetVersion", "description")
        fields.update({key: value[key] for key in copied if value.get(key)})
        named = outputs.get(target, {}) if match else {}
        if named.get("assetName"):  # the data asset of the pipeline's output, not the step's
            fields["assetName"] = named["assetName"]
            fields.pop("assetVersion", None)
            if named.get("assetVersion"):
                fields["assetVersion"] = named["assetVersion"]
        inputs.check_output(fields)
        resolved_outputs[name] = fields
    return resolved_outputs, bindings


def api_form(values: dict[str, Any]) -> InputMap:
    """Inputs or outputs in the form of the API: in steps the SDK writes ``job_input_type``.

    Raises:
        BadRequest: one of them is not an object.
    """
    converted: InputMap = {}
    for name, value in values.items():
        if not isinstance(value, dict):
            raise BadRequest(f"{name} must be an object (got {value!r})", "UserError", target=name)
        converted[name] = {
            API_NAMES.get(str(k), str(k)): v for k, v in value.items() if v is not None
        }
    return converted
