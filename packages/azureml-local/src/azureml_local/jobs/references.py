"""References in the settings of steps: to inputs of the pipeline, and to outputs of other steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from azureml_local.documents.jobs import InputMap, JobInput, PipelineStep
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.json_fields import Json, JsonObject, object_of

INPUT = re.compile(r"\$\{\{\s*parent\.inputs\.([\w.\-]+)\s*\}\}")
OUTPUT = re.compile(r"\$\{\{\s*parent\.outputs\.([\w.\-]+)\s*\}\}")
STEP = re.compile(r"\$\{\{\s*parent\.jobs\.([\w\-]+)\s*\}\}")
STEP_OUTPUT = re.compile(r"\$\{\{\s*parent\.jobs\.([\w\-]+)\.outputs\.([\w\-]+)\s*\}\}")
PARENT_REFERENCE = re.compile(r"\$\{\{\s*parent\..*?\}\}")

AGGREGATED_STRING = "aggregated string"
"""The type of an output of a parallel-for loop that is not data: Azure's form is not known."""


def required_steps(node: PipelineStep) -> Iterator[str]:
    """The names of the steps whose outputs a step uses."""
    for value in object_of(node, "inputs").values():
        text = value.get("value") if isinstance(value, dict) else value
        if isinstance(text, str):
            yield from steps_in(text)


def steps_in(text: str) -> set[str]:
    """The names of the steps whose outputs a text references."""
    return {match[1] for match in STEP_OUTPUT.finditer(text)}


def resolve_reference(
    name: str, value: JobInput, pipeline_inputs: InputMap, step_outputs: dict[str, InputMap]
) -> JobInput | None:
    """An input with its reference resolved; None if the pipeline's input has no value.

    Raises:
        BadRequest: it references an input or output that does not exist.
    """
    text = value.get("value")
    if value.get("jobInputType", "literal") != "literal" or not isinstance(text, str):
        return value
    mode: JobInput = {"mode": value["mode"]} if value.get("mode") else {}
    match = INPUT.fullmatch(text.strip())
    if match:
        pipeline_input = pipeline_inputs.get(match[1])
        return {**pipeline_input, **mode} if pipeline_input is not None else None
    match = STEP_OUTPUT.fullmatch(text.strip())
    if match:
        return {**_step_output(step_outputs, match[1], match[2]), **mode}

    text = replace_inputs(f"inputs.{name}", text, pipeline_inputs)
    return {**value, "jobInputType": "literal", "value": text}


def _step_output(step_outputs: dict[str, InputMap], step: str, output: str) -> JobInput:
    value = step_outputs[step].get(output)
    if value is None:
        raise BadRequest(f"step {step} has no output {output}", "UserError")
    if value["jobInputType"] == AGGREGATED_STRING:
        raise NotSupported(
            f"step {step}: output {output} has the values of all iterations as a string, which is "
            "not supported by azureml-local as an input; write them to files"
        )
    return value


def replace_inputs(field: str, text: str, pipeline_inputs: InputMap) -> str:
    """A text with the values of the pipeline inputs that it references.

    Raises:
        BadRequest: one of them is not a literal with a value, or does not exist.
    """

    def replace(match: re.Match[str]) -> str:
        pipeline_input: JobInput = pipeline_inputs.get(match[1]) or {}
        is_literal = pipeline_input.get("jobInputType", "literal") == "literal"
        if not is_literal or "value" not in pipeline_input:
            raise BadRequest(f"{field}: {match[0]} is not a literal with a value", "UserError")
        return str(pipeline_input.get("value", ""))

    text = INPUT.sub(replace, text)
    unknown = PARENT_REFERENCE.search(text)
    if unknown:
        raise BadRequest(f"{field}: {unknown[0]} does not exist", "UserError")
    return text


def input_replacer(pipeline_inputs: InputMap) -> Callable[[str, str], str]:
    """The function that replaces references in a text; its first argument is the field's name."""
    return partial(replace_inputs, pipeline_inputs=pipeline_inputs)


def replace_texts(
    field: str, settings: JsonObject, replace: Callable[[str, str], str]
) -> JsonObject:
    """Settings with each of their texts replaced: ``replace(name of the field, text)``."""

    def replaced(field: str, value: Json) -> Json:
        if isinstance(value, dict):
            return replace_texts(field, value, replace)
        if isinstance(value, list):
            return [replaced(field, each) for each in value]
        return replace(field, value) if isinstance(value, str) else value

    return {key: replaced(f"{field}.{key}".strip("."), each) for key, each in settings.items()}
