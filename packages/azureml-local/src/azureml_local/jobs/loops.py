"""Loops of pipelines: the settings of do-while and parallel-for nodes.

A loop names another step as its body, which does not run by itself. Other steps use the outputs of
a do-while loop by the name of its body, and those of a parallel-for loop by the loop's own name.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from azureml_local.documents.assets import ComponentSpec, Port
from azureml_local.documents.jobs import InputMap, JobInput, OutputMap, PipelineStep
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs.bindings import api_inputs
from azureml_local.jobs.inputs import MODEL_TYPES, PRIMITIVES
from azureml_local.jobs.references import (
    INPUT,
    OUTPUT,
    STEP,
    STEP_OUTPUT,
    resolve_reference,
)
from azureml_local.json_fields import Json, JsonObject, object_of, text_of

DO_WHILE, PARALLEL_FOR = "do_while", "parallel_for"
LOOPS = (DO_WHILE, PARALLEL_FOR)
BODIES = ("command", "pipeline")
"""The types of steps that can be the body of a loop."""
MAX_ITERATIONS = 1000
DATA_TYPES = ("uri_file", "uri_folder", "mltable", "path", *MODEL_TYPES)

Items = dict[str, InputMap]
"""The inputs of each iteration, by the label of the iteration."""


@dataclass(frozen=True)
class LoopNode:
    """A loop: its name, its type, and the step that is its body."""

    name: str
    kind: str
    body: str
    node: PipelineStep

    @property
    def step(self) -> str:
        """The name by which other steps use its outputs."""
        return self.body if self.kind == DO_WHILE else self.name


def find_loops(jobs: dict[str, PipelineStep]) -> list[LoopNode]:
    """The loops of a pipeline.

    Raises:
        BadRequest: a body does not exist, has another type, or is the body of two loops.
    """
    loops: dict[str, LoopNode] = {}
    for name, node in jobs.items():
        kind = node.get("type", "")
        if kind not in LOOPS:
            continue
        match = STEP.fullmatch(text_of(node, "body").strip())
        body = jobs.get(match[1]) if match else None
        if match is None or body is None:
            raise _invalid_body(name, f"{node.get('body')!r} is not a step of this pipeline")
        if text_of(body, "type", "command") not in BODIES:
            raise _invalid_body(name, f"{match[1]} must be a command or pipeline step")
        if match[1] in loops:
            other = loops[match[1]].name
            raise _invalid_body(name, f"{match[1]} is the body of {other}, use another step")
        loops[match[1]] = LoopNode(name, kind, match[1], node)
    return list(loops.values())


def check_nesting(
    loops: list[LoopNode], *, in_loop: bool, steps_in_branches: Collection[str]
) -> None:
    """Refuse loops in bodies of loops and in branches: whether Azure runs them is not known.

    Args:
        loops: the loops of a pipeline.
        in_loop: whether the pipeline is in the body of a loop.
        steps_in_branches: the steps in blocks of if-else nodes.

    Raises:
        NotSupported: there is such a loop.
    """
    for loop in loops:
        place = "the body of a loop" if in_loop else "a block of an if_else node"
        if in_loop or loop.body in steps_in_branches:
            raise NotSupported(
                f"step {loop.name}: a loop in {place} is not supported by azureml-local",
                target=f"jobs.{loop.name}",
            )


def check_outputs_of_iteration(outputs: OutputMap) -> None:
    """Refuse an output that all iterations of a loop would write to the same place.

    What Azure does with one is not known.

    Raises:
        NotSupported: there is such an output.
    """
    for name, value in outputs.items():
        if value.get("uri") or value.get("assetName"):
            raise NotSupported(
                f"outputs.{name}: a path or a name in the body of a loop is not supported by "
                "azureml-local"
            )


@dataclass(frozen=True)
class DoWhile:
    """The settings of a do-while loop.

    Attributes:
        condition: the output of the body that is true if there is a next iteration; None: always.
        mapping: for each output of an iteration, the inputs of the next one that get it.
        max_iterations: the loop ends after as many iterations.
    """

    condition: str | None
    mapping: dict[str, list[str]]
    max_iterations: int

    @classmethod
    def parse(cls, loop: LoopNode, spec: ComponentSpec) -> DoWhile:
        """The settings of a node.

        Raises:
            BadRequest: a setting is missing or not valid.
        """
        node, outputs = loop.node, object_of(spec, "outputs")
        condition = node.get("condition")
        if condition is not None:
            condition = _port(loop, "condition", condition, "outputs", outputs)
            if text_of(object_of(outputs, condition), "type") not in PRIMITIVES:
                raise _invalid(f"condition: {condition} must be a boolean output of {loop.body}")
        if not isinstance(node.get("mapping"), dict) or not node["mapping"]:
            raise _invalid("mapping: required, from outputs to inputs of the body")
        mapping: dict[str, list[str]] = {}
        for source, targets in node["mapping"].items():
            name = _port(loop, "mapping", source, "outputs", outputs)
            mapping[name] = [
                _port(loop, "mapping", each, "inputs", object_of(spec, "inputs"))
                for each in (targets if isinstance(targets, list) else [targets])
            ]
        mapped = [target for targets in mapping.values() for target in targets]
        twice = sorted({target for target in mapped if mapped.count(target) > 1})
        if twice:
            raise _invalid(f"mapping: input {twice[0]} is linked to several outputs")
        count = object_of(node, "limits").get("max_iteration_count")
        if type(count) is not int or not 1 <= count <= MAX_ITERATIONS:
            raise _invalid(
                "limits.max_iteration_count: must be an integer from 1 to "
                f"{MAX_ITERATIONS} (got {count!r})",
            )
        return cls(condition, mapping, count)


def _port(loop: LoopNode, field: str, value: object, kind: str, ports: JsonObject) -> str:
    """The name of an input or output of the body, which may be in a reference to it."""
    name = str(value)
    if name.strip().startswith("${{"):
        start, _, name = name.strip().removesuffix("}}").strip().rpartition(f".{kind}.")
        if start.removeprefix("${{").strip() != f"parent.jobs.{loop.body}":
            raise _invalid(f"{field}: {value} is not one of the {kind} of {loop.body}")
    if not isinstance(value, str) or name not in ports:
        raise _invalid(
            f"{field}: {value} is not one of the {kind} of {loop.body} "
            f"({', '.join(ports) or 'none'})",
        )
    return name


def read_max_concurrency(loop: LoopNode) -> int | None:
    """How many iterations of a parallel-for loop run at the same time; None for all.

    Raises:
        BadRequest: it is not a positive integer.
    """
    value = loop.node.get("max_concurrency")
    if value is not None and (type(value) is not int or value < 1):
        raise _invalid(f"max_concurrency: must be a positive integer (got {value!r})")
    return value


def find_items(
    loop: LoopNode, pipeline_inputs: InputMap, step_outputs: dict[str, InputMap]
) -> JobInput:
    """The items of a parallel-for loop as a literal input: their text, or a file with it.

    Raises:
        BadRequest: they are missing, or data.
    """
    text = text_of(loop.node, "items")
    value: JobInput | None = {"jobInputType": "literal", "value": text}
    if INPUT.fullmatch(text.strip()) or STEP_OUTPUT.fullmatch(text.strip()):
        value = resolve_reference("items", {"value": text}, pipeline_inputs, step_outputs)
    if not text or value is None or value.get("jobInputType", "literal") != "literal":
        raise _invalid("items: must be JSON, or a string input or output with it")
    return value


def parse_items(loop: LoopNode, text: str, spec: ComponentSpec) -> Items:
    """The items of a parallel-for loop: inputs of the body, as the API has them in steps.

    Args:
        loop: the loop.
        text: a list or dictionary of items in JSON.
        spec: the component of the body.

    Raises:
        BadRequest: it is not valid, empty, or its items do not have the same inputs of the body.
    """
    try:
        items: Json = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise _invalid(f"items: not valid JSON: {error}") from None
    if isinstance(items, list):
        items = {str(number): item for number, item in enumerate(items, 1)}
    if not isinstance(items, dict) or not items:
        raise _invalid("items: must be a list or dictionary with at least one item")
    inputs_by_label: Items = {}
    for label, item in items.items():
        if not isinstance(item, dict):
            raise _invalid(f"items: {label} must be a dictionary (got {item!r})")
        first = next(iter(inputs_by_label.values()), item)
        if item.keys() != first.keys():
            raise _invalid(f"items: {label} has the inputs {list(item)}, not {list(first)}")
        unknown = sorted(item.keys() - object_of(spec, "inputs").keys())
        if unknown:
            raise _invalid(f"items: {loop.body} has no input {', '.join(unknown)}")
        values: JsonObject = {name: _item_input(name, value) for name, value in item.items()}
        inputs_by_label[label] = api_inputs(values)
    return inputs_by_label


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _item_input(name: str, value: Json) -> JsonObject:
    """The value of an input in an item."""
    if isinstance(value, dict) and value.get("job_input_type"):
        return value
    if not isinstance(value, str | bool | int | float) or STEP_OUTPUT.search(str(value)):
        raise _invalid(
            f"items: {name} must be a string, number, boolean, data with an address, or an input "
            f"of the pipeline (got {value!r})",
        )
    return {"jobInputType": "literal", "value": str(value)}


def aggregate_outputs(loop: LoopNode, body: PipelineStep, spec: ComponentSpec) -> dict[str, Port]:
    """The outputs of a parallel-for loop: MLTables of data, and strings of other values.

    Args:
        loop: the loop.
        body: its body, whose outputs cannot be outputs of the pipeline.
        spec: the component of the body.

    Raises:
        BadRequest: an output of the body is bound to one of the pipeline.
        NotSupported: an output has another type.
    """
    for name, value in object_of(body, "outputs").items():
        if isinstance(value, dict) and OUTPUT.search(str(value.get("value", ""))):
            raise _invalid(
                f"body: output {name} of {loop.body} is an output of the pipeline; use the output "
                f"of {loop.name}",
            )
    outputs: dict[str, Port] = {}
    declared = object_of(spec, "outputs")
    for name in declared:
        kind = text_of(object_of(declared, name), "type", "uri_folder")
        if kind not in (*DATA_TYPES, *PRIMITIVES):
            raise NotSupported(f"outputs.{name}: type {kind} has no list type in parallel_for")
        outputs[name] = {"type": "mltable" if kind in DATA_TYPES else "string"}
    return outputs


def _invalid(message: str) -> BadRequest:
    return BadRequest(message, "UserError")


def _invalid_body(name: str, message: str) -> BadRequest:
    return BadRequest(f"step {name}: body: {message}", "UserError", target=f"jobs.{name}")
