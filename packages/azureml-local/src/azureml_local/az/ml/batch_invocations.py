"""``az ml batch-endpoint invoke``: inputs, outputs and settings from options and a file.

A file has the keys ``inputs`` and ``outputs``, as in the examples of Azure ML, and settings of the
job such as ``mini_batch_size``. ``--set`` changes its values; options replace them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from azureml_local.az.errors import AzError
from azureml_local.az.ml.clients import to_json
from azureml_local.az.ml.generic_update import parse_overrides
from azureml_local.az.program import Arguments
from azureml_local.json_fields import Json, JsonObject

_INPUT_TYPES = ("uri_folder", "uri_file")
_DATA_TYPES = (*_INPUT_TYPES, "mltable", "mlflow_model", "custom_model", "triton_model")
_LITERAL_TYPES = ("string", "number", "integer", "boolean")
_OUTPUT = "score"
"""The output of a model deployment."""


def invoke(client: Any, arguments: Arguments) -> Any:
    """Invoke a batch endpoint and return its job."""
    from azure.ai.ml import Input, Output

    values = _read_values(arguments)
    inputs, outputs = _pop_data(values, "inputs"), _pop_data(values, "outputs")
    options: dict[str, object] = {
        "params_override": [{name: value} for name, value in values.items()]
    }
    if arguments.input:
        if inputs:
            raise AzError("usage error: --input TEXT | --inputs JSON")
        options["input"] = Input(path=arguments.input, type=arguments.input_type or "uri_folder")
    elif inputs:
        options["inputs"] = _create_entities(
            Input, "inputs", inputs, (*_DATA_TYPES, *_LITERAL_TYPES)
        )
    if arguments.output_path:
        outputs[_OUTPUT] = {"type": "uri_folder", "path": arguments.output_path}
    if outputs:
        options["outputs"] = _create_entities(Output, "outputs", outputs, _DATA_TYPES)
    for name in ("job_name", "experiment_name"):
        if getattr(arguments, name):
            options[name] = getattr(arguments, name)
    job = client.batch_endpoints.invoke(
        endpoint_name=arguments.name, deployment_name=arguments.deployment_name, **options
    )
    return to_json(job)


def _read_values(arguments: Arguments) -> JsonObject:
    """The values of the file, of ``--set`` and of the options.

    Raises:
        AzError: an option or the file is not valid.
    """
    if arguments.input_type not in (None, *_INPUT_TYPES):
        raise AzError(f"--input-type: Supported values: {', '.join(_INPUT_TYPES)}.")
    values = _read_file(arguments.file) if arguments.file else {}
    for pair in parse_overrides(arguments.set):
        for path, text in pair.items():
            _set_value(values, path, text)
    for name in ("inputs", "outputs"):
        if text := getattr(arguments, name):
            values[name] = _parse_object(f"--{name}", text)
    if arguments.mini_batch_size is not None:
        values["mini_batch_size"] = arguments.mini_batch_size
    if arguments.instance_count is not None:
        _set_value(values, "compute.instance_count", arguments.instance_count)
    return values


def _read_file(name: str) -> JsonObject:
    import yaml

    try:
        values = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise AzError(f"{name}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AzError(f"{name}: not valid YAML: {error}".replace("\n", " ")) from None
    if not isinstance(values, dict):
        raise AzError(f"{name}: must be an object with inputs and outputs")
    return values


def _parse_object(option: str, text: str) -> JsonObject:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise AzError(f"{option}: not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise AzError(f"{option}: must be a JSON object")
    return value


def _set_value(values: JsonObject, path: str, value: Json) -> None:
    """Set a property by its path, ``inputs.data.path``; missing objects are created."""
    *parents, last = path.split(".")
    for name in parents:
        child = values.setdefault(name, {})
        if not isinstance(child, dict):
            raise AzError(f"Couldn't set '{path}': {name} is not an object.")
        values = child
    values[last] = value


def _pop_data(values: JsonObject, name: str) -> JsonObject:
    data = values.pop(name, None) or {}
    if not isinstance(data, dict):
        raise AzError(f"{name}: must be an object")
    return data


def _create_entities(
    entity: Any, name: str, data: JsonObject, types: tuple[str, ...]
) -> dict[str, object]:
    """Inputs or outputs of the SDK from their properties."""
    entities: dict[str, object] = {}
    for key, properties in data.items():
        if not isinstance(properties, dict) or not {"path", "default", "type"} & set(properties):
            raise AzError(f"{name}.{key}: must be an object with type and path or default")
        if properties.get("type", types[0]) not in types:
            raise AzError(f"{name}.{key}.type: must be one of {', '.join(types)}")
        try:
            entities[key] = entity(**properties)
        except TypeError as error:
            raise AzError(f"{name}.{key}: {error}") from None
    return entities
