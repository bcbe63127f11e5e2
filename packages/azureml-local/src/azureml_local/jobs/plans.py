"""What a pipeline job will do, known whole before it is accepted: its steps and what feeds what.

Every step gets the name of its job here, and with it the address of each of its outputs. So the
inputs of later steps are addresses from the beginning, and a reference to something that is not
there is refused at once instead of in the middle of the night.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from azureml_local import assets
from azureml_local.errors import AzureError, BadRequest, NotSupported
from azureml_local.jobs import inputs, validation
from azureml_local.state import State, Workspace, object_of, text_of

INPUT = re.compile(r"\$\{\{\s*parent\.inputs\.([\w.\-]+)\s*\}\}")
OUTPUT = re.compile(r"\$\{\{\s*parent\.outputs\.([\w.\-]+)\s*\}\}")
STEP_OUTPUT = re.compile(r"\$\{\{\s*parent\.jobs\.([\w\-]+)\.outputs\.([\w\-]+)\s*\}\}")
OF_PARENT = re.compile(r"\$\{\{\s*parent\..*?\}\}")
CAMEL = {
    "job_input_type": "jobInputType",
    "job_output_type": "jobOutputType",
    "asset_name": "assetName",
    "asset_version": "assetVersion",
}
DEEPEST = 8
"""Pipelines in pipelines; one that holds itself cannot be written, a chain of many can."""

Given = dict[str, dict[str, Any]]
"""Inputs by name, each in the form of the API: a literal, or data with its address."""


@dataclass
class Step:
    """One step: the job that it becomes, and the steps whose outputs it needs."""

    name: str
    job: str
    needs: set[str]
    properties: dict[str, Any]
    plan: Plan | None = None


@dataclass
class Plan:
    """The steps of a pipeline in an order in which they can run."""

    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    keep_going: bool = False

    @classmethod
    def read(cls, state: State, workspace: Workspace, properties: dict[str, Any]) -> Plan:
        """The plan of a pipeline job.

        Args:
            state: the server's state.
            workspace: the job's workspace.
            properties: the job's properties as the API has them.

        Raises:
            BadRequest: a step refers to what there is not, or the steps wait for each other.
            NotFound: a step's component, code, environment or compute is not there.
            NotSupported: a step is of a kind that is not run here.
        """
        reader = _Reader(state, workspace, text_of(properties, "experimentName"))
        return reader.plan(
            object_of(properties, "jobs"),
            _camel(object_of(properties, "inputs")),
            _camel(object_of(properties, "outputs")),
            object_of(properties, "settings"),
        )


class _Reader:
    """Reads the plan of one pipeline job, and of the pipelines in it."""

    def __init__(self, state: State, workspace: Workspace, experiment: str, depth: int = 0) -> None:
        self._state = state
        self._workspace = workspace
        self._experiment = experiment
        self._depth = depth

    def plan(
        self, jobs: dict[str, Any], given: Given, outputs: Given, settings: dict[str, Any]
    ) -> Plan:
        """The plan of a pipeline with these steps, inputs and declared outputs."""
        if not jobs:
            raise BadRequest("a pipeline job needs a step", "UserError", target="jobs")
        if self._depth > DEEPEST:
            raise BadRequest(f"pipelines are nested deeper than {DEEPEST}", "UserError")
        plan = Plan(keep_going=bool(_setting(settings, "continue_on_step_failure")))
        made: dict[str, Given] = {}
        for name in _order(jobs):
            try:
                step, of_step = self._step(name, jobs[name], given, made, outputs, settings, plan)
            except AzureError as error:
                error.message = f"step {name}: {error.message}"
                error.target = f"jobs.{name}"
                raise
            plan.steps.append(step)
            made[name] = of_step
        return plan

    def _step(
        self,
        name: str,
        node: dict[str, Any],
        given: Given,
        made: dict[str, Given],
        outputs: Given,
        settings: dict[str, Any],
        plan: Plan,
    ) -> tuple[Step, Given]:
        component = text_of(node, "componentId")
        if not component:
            raise BadRequest("it has no component", "UserError")
        spec = assets.find_by_id(self._state, self._workspace, "components", component).body
        spec = spec["componentSpec"]
        values = _inputs(node, spec, given, made)
        wanted, bound = _outputs(node, spec, outputs)
        job = str(uuid.uuid4())
        common = {
            "displayName": text_of(node, "display_name") or name,
            "experimentName": self._experiment,
            "tags": {**object_of(spec, "tags"), **object_of(node, "tags")},
            "properties": {"azureml.pipelineStep": name},
            "componentId": component,
            "inputs": values,
            "outputs": wanted,
        }
        needs = set(_references(node))
        if spec["type"] == "pipeline":
            inner = _Reader(self._state, self._workspace, self._experiment, self._depth + 1)
            own = {**settings, **object_of(node, "settings")}
            nested = inner.plan(object_of(spec, "jobs"), values, wanted, own)
            step = Step(name, job, needs, {"jobType": "Pipeline", **common}, nested)
            addresses = nested.outputs
        else:
            command = self._command(node, spec, settings)
            step = Step(name, job, needs, {"jobType": "Command", **common, **command})
            for each in values.values():
                validation.check_input(self._state, self._workspace, each)
            validation.check_command(self._state, self._workspace, step.properties)
            addresses = {
                key: inputs.resolve_output(self._state, self._workspace, job, key, value).uri
                for key, value in wanted.items()
            }
        plan.outputs.update({bound[k]: uri for k, uri in addresses.items() if k in bound})
        kinds = {key: text_of(each, "jobOutputType", "uri_folder") for key, each in wanted.items()}
        return step, {
            key: {"jobInputType": kinds[key], "uri": uri} for key, uri in addresses.items()
        }

    def _command(
        self, node: dict[str, Any], spec: dict[str, Any], settings: dict[str, Any]
    ) -> dict[str, Any]:
        """What makes a command job of a component: its own, and what the step says instead."""
        variables = {
            **object_of(spec, "environment_variables"),
            **object_of(node, "environment_variables"),
        }
        compute = text_of(node, "computeId") or text_of(spec, "compute")
        return {
            "command": text_of(spec, "command"),
            "codeId": text_of(spec, "code") or None,
            "environmentId": text_of(node, "environment") or text_of(spec, "environment"),
            "computeId": compute or _setting(settings, "default_compute") or None,
            "environmentVariables": {key: str(value) for key, value in variables.items()},
            "limits": {**object_of(spec, "limits"), **object_of(node, "limits")},
            "resources": {**object_of(spec, "resources"), **object_of(node, "resources")},
            "distribution": node.get("distribution") or spec.get("distribution"),
        }


def _order(jobs: dict[str, Any]) -> list[str]:
    """The steps' names, those that others need first."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, node in jobs.items():
        if not isinstance(node, dict):
            raise BadRequest(f"step {name} must be an object, not {node!r}", target=f"jobs.{name}")
        kind = text_of(node, "type", "command")
        if kind not in ("command", "pipeline"):
            raise NotSupported(
                f"Jobs - Create or update: azureml-local has command and pipeline steps; "
                f"step {name} is of type {kind}"
            )
        needs = list(_references(node))
        for other in needs:
            if other not in jobs:
                raise BadRequest(
                    f"step {name} needs an output of step {other}, which there is not",
                    "UserError",
                    target=f"jobs.{name}",
                )
        sorter.add(name, *needs)
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise BadRequest(f"steps wait for each other: {circle}", "UserError") from None


def _references(node: dict[str, Any]) -> Iterator[str]:
    """The steps whose outputs a step takes."""
    for value in object_of(node, "inputs").values():
        text = value.get("value") if isinstance(value, dict) else value
        if isinstance(text, str):
            yield from (match[1] for match in STEP_OUTPUT.finditer(text))


def _inputs(
    node: dict[str, Any], spec: dict[str, Any], given: Given, made: dict[str, Given]
) -> Given:
    """A step's inputs: what it says, with its references followed, else the component's default."""
    declared = object_of(spec, "inputs")
    found: Given = {}
    for name, value in _camel(object_of(node, "inputs")).items():
        if name not in declared:
            raise BadRequest(f"its component has no input {name}", "UserError")
        bound = _followed(name, value, given, made)
        if bound is not None:
            found[name] = bound
    for name, about in declared.items():
        wanted = object_of(declared, name)
        if name not in found:
            if wanted.get("default") is not None:
                found[name] = {"jobInputType": "literal", "value": str(wanted["default"])}
            elif about.get("optional") in (True, "true", "True"):
                continue
            else:
                raise BadRequest(f"its input {name} is required and has no value", "UserError")
        kind = text_of(wanted, "type", "string")
        data, value = kind in inputs.TYPES[1:], found[name]
        if data != (value["jobInputType"] != "literal"):
            said = "a value, no data" if data else f"data ({value['jobInputType']}), no value"
            raise BadRequest(
                f"its input {name} is of type {kind}, but is given {said}", "UserError"
            )
        if data:
            mode = value.get("mode") or inputs.api_mode(text_of(wanted, "mode"))
            found[name] = {**value, "jobInputType": kind, **({"mode": mode} if mode else {})}
    return found


def _followed(
    name: str, value: dict[str, Any], given: Given, made: dict[str, Given]
) -> dict[str, Any] | None:
    """An input with its reference followed; None where it leads to an input without value."""
    text = value.get("value")
    if value.get("jobInputType", "literal") != "literal" or not isinstance(text, str):
        return value
    own = {"mode": value["mode"]} if value.get("mode") else {}
    whole = INPUT.fullmatch(text.strip())
    if whole:
        found = given.get(whole[1])
        return {**found, **own} if found is not None else None
    whole = STEP_OUTPUT.fullmatch(text.strip())
    if whole:
        return {**_output_of(made, whole[1], whole[2]), **own}

    def replace(match: re.Match[str]) -> str:
        found = given.get(match[1])
        if found is None or found.get("jobInputType", "literal") != "literal":
            raise BadRequest(f"its input {name} puts {match[0]} into a text", "UserError")
        return str(found.get("value", ""))

    text = INPUT.sub(replace, text)
    left = OF_PARENT.search(text)
    if left:
        raise BadRequest(f"its input {name} names {left[0]}, which there is not", "UserError")
    return {**value, "jobInputType": "literal", "value": text}


def _output_of(made: dict[str, Given], step: str, output: str) -> dict[str, Any]:
    found = made[step].get(output)
    if found is None:
        raise BadRequest(f"step {step} has no output {output}", "UserError")
    return found


def _outputs(
    node: dict[str, Any], spec: dict[str, Any], outputs: Given
) -> tuple[Given, dict[str, str]]:
    """A step's outputs, and which of them are outputs of the pipeline: ``{own: pipeline's}``."""
    declared, said = object_of(spec, "outputs"), _camel(object_of(node, "outputs"))
    unknown = sorted(set(said) - set(declared))
    if unknown:
        raise BadRequest(f"its component has no output {', '.join(unknown)}", "UserError")
    found: Given = {}
    bound: dict[str, str] = {}
    for name in declared:
        about, own = object_of(declared, name), said.get(name, {})
        fields = {"jobOutputType": text_of(about, "type", "uri_folder")}
        mode = inputs.api_mode(text_of(about, "mode"))
        if mode:
            fields["mode"] = mode
        match = OUTPUT.fullmatch(str(own.get("value", "")).strip())
        if match:
            bound[name] = target = str(match[1])
            fields.update(
                {k: v for k, v in outputs.get(target, {}).items() if k != "jobOutputType"}
            )
        kept = ("jobOutputType", "mode", "uri", "assetName", "assetVersion", "description")
        fields.update({key: own[key] for key in kept if own.get(key)})
        inputs.check_output(fields)
        found[name] = fields
    return found, bound


def _camel(given: dict[str, Any]) -> Given:
    """Inputs or outputs in the form of the API: in a step's own the SDK writes ``job_input_type``.

    Raises:
        BadRequest: one of them is no object.
    """
    found: Given = {}
    for name, value in given.items():
        if not isinstance(value, dict):
            raise BadRequest(f"{name} must be an object, not {value!r}", "UserError", target=name)
        found[name] = {CAMEL.get(str(k), str(k)): v for k, v in value.items() if v is not None}
    return found


def _setting(settings: dict[str, Any], name: str) -> Any:
    """One of a pipeline's settings, which come in snake case or in camel case."""
    first, *rest = name.split("_")
    return settings.get(name, settings.get(first + "".join(word.title() for word in rest)))
