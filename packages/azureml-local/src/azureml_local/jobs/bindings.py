"""The inputs and outputs of a step, with those of its component and of the pipeline."""

from __future__ import annotations

from azureml_local.documents.assets import ComponentSpec
from azureml_local.documents.jobs import InputMap, JobInput, JobOutput, OutputMap, PipelineStep
from azureml_local.errors import BadRequest
from azureml_local.jobs import inputs
from azureml_local.jobs.references import OUTPUT, resolve_reference
from azureml_local.json_fields import JsonObject, as_document, object_of, text_of, with_fields

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
COPIED = ("jobOutputType", "mode", "uri", "assetName", "assetVersion", "description")
"""The fields of a step's output that replace those of the pipeline's output."""


def bind_inputs(
    node: PipelineStep,
    spec: ComponentSpec,
    pipeline_inputs: InputMap,
    step_outputs: dict[str, InputMap],
) -> InputMap:
    """A step's inputs: its own values with resolved references, else the component's defaults.

    Raises:
        BadRequest: an input is unknown, missing or of another type.
    """
    declared = object_of(spec, "inputs")
    step_inputs: InputMap = {}
    for name, value in api_inputs(object_of(node, "inputs")).items():
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
            step_inputs[name] = {**value, "jobInputType": kind}
            if mode:
                step_inputs[name]["mode"] = mode
    return step_inputs


def bind_outputs(
    node: PipelineStep, spec: ComponentSpec, outputs: OutputMap
) -> tuple[OutputMap, dict[str, str]]:
    """A step's outputs, and the pipeline's output for each that is bound to one.

    Raises:
        BadRequest: an output is unknown, or its type or mode.
    """
    declared, own_outputs = object_of(spec, "outputs"), api_outputs(object_of(node, "outputs"))
    unknown = sorted(set(own_outputs) - set(declared))
    if unknown:
        raise BadRequest(f"outputs: the component has no output {', '.join(unknown)}", "UserError")
    resolved_outputs: OutputMap = {}
    bindings: dict[str, str] = {}
    for name in declared:
        declaration, value = object_of(declared, name), own_outputs.get(name, {})
        kind = text_of(declaration, "type", "uri_folder")
        fields: JobOutput = {"jobOutputType": "uri_folder" if kind == PATH else kind}
        mode = inputs.api_mode(text_of(declaration, "mode"))
        if mode:
            fields["mode"] = mode
        named: JobOutput = {}  # the pipeline's output
        match = OUTPUT.fullmatch(str(value.get("value", "")).strip())
        if match:
            bindings[name] = str(match[1])
            named = outputs.get(match[1], {})
            fields = {**fields, **named, "jobOutputType": fields["jobOutputType"]}
        own = {key: each for key, each in value.items() if key in COPIED and each}
        fields = with_fields(fields, own)
        if named.get("assetName"):  # the data asset of the pipeline's output, not the step's
            fields["assetName"] = named["assetName"]
            fields.pop("assetVersion", None)
            if named.get("assetVersion"):
                fields["assetVersion"] = named["assetVersion"]
        inputs.check_output(fields)
        resolved_outputs[name] = fields
    return resolved_outputs, bindings


def api_inputs(values: JsonObject) -> InputMap:
    """Inputs in the form of the API.

    Raises:
        BadRequest: one of them is not an object.
    """
    return {key: as_document(JobInput, each) for key, each in _api_form(values).items()}


def api_outputs(values: JsonObject) -> OutputMap:
    """Outputs in the form of the API.

    Raises:
        BadRequest: one of them is not an object.
    """
    return {key: as_document(JobOutput, each) for key, each in _api_form(values).items()}


def _api_form(values: JsonObject) -> dict[str, JsonObject]:
    """Inputs or outputs in the form of the API: in steps the SDK writes ``job_input_type``.

    Raises:
        BadRequest: one of them is not an object.
    """
    converted: dict[str, JsonObject] = {}
    for name, value in values.items():
        if not isinstance(value, dict):
            raise BadRequest(f"{name} must be an object (got {value!r})", "UserError", target=name)
        converted[name] = {API_NAMES.get(k, k): v for k, v in value.items() if v is not None}
    return converted
