"""Plans of pipeline jobs: the steps, their order, and the sources of their inputs.

A plan is made before the job is accepted. Each step's job gets its name here, and each of its
outputs an address. So the inputs of later steps are known at submission, and an unknown reference
is refused then.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any

from azureml_local.assets.versions import Assets
from azureml_local.errors import AzureError, BadRequest, NotSupported
from azureml_local.jobs import inputs, validation
from azureml_local.jobs.completion import check_services
from azureml_local.jobs.control_flow import IF_ELSE, Branch, find_branches, if_else_nodes
from azureml_local.jobs.parallel_settings import command_fields, parallel_fields
from azureml_local.jobs.records import Job
from azureml_local.jobs.reuse import CompletedSteps, reuse_properties
from azureml_local.jobs.sweep import steps as sweep_steps
from azureml_local.jobs.sweep.validation import check_sweep
from azureml_local.state import Workspace, object_of, text_of

INPUT = re.compile(r"\$\{\{\s*parent\.inputs\.([\w.\-]+)\s*\}\}")
OUTPUT = re.compile(r"\$\{\{\s*parent\.outputs\.([\w.\-]+)\s*\}\}")
STEP_OUTPUT = re.compile(r"\$\{\{\s*parent\.jobs\.([\w\-]+)\.outputs\.([\w\-]+)\s*\}\}")
PARENT_REFERENCE = re.compile(r"\$\{\{\s*parent\..*?\}\}")
API_NAMES = {
    "job_input_type": "jobInputType",
    "job_output_type": "jobOutputType",
    "asset_name": "assetName",
    "asset_version": "assetVersion",
    "name": "assetName",
    "version": "assetVersion",
}
STEP_TYPES = ("command", IF_ELSE, "parallel", "pipeline", "sweep")
MAX_DEPTH = 8
"""The nesting of pipelines in pipelines."""

InputMap = dict[str, dict[str, Any]]
"""Inputs or outputs by name, in the form of the API: literals, or data with an address."""


@dataclass
class Step:
    """One step: its job, and the steps whose outputs it needs."""

    name: str
    job: str
    needs: set[str]
    properties: dict[str, Any]
    plan: Plan | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    """The address of each output."""
    is_deterministic: bool = True
    """Whether its job can be reused."""
    reuse_key: str = ""
    """The digest of its content; empty if it is not known before earlier steps have run."""
    reused_job: str = ""
    """The job whose outputs it reuses; empty if it runs."""
    conditions: list[tuple[dict[str, Any], bool]] = field(default_factory=list)
    """The literal inputs, and the values that they must have for the step to run."""


@dataclass
class Plan:
    """The steps of a pipeline in topological order."""

    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    continue_on_step_failure: bool = False
    conditional_steps: frozenset[str] = frozenset()
    """The steps in branches. They are not reused, because they may not run."""

    @classmethod
    def read(cls, workspace: Workspace, properties: dict[str, Any], *, reuse: bool = True) -> Plan:
        """The plan of a pipeline job.

        Args:
            workspace: the job's workspace.
            properties: the job's properties as the API has them.
            reuse: whether steps may reuse completed jobs.

        Raises:
            BadRequest: a reference is unknown, or the steps depend on each other in a cycle.
            NotFound: a step's component, code, environment or compute does not exist.
            NotSupported: azureml-local does not run steps of this type.
        """
        settings = object_of(properties, "settings")
        enabled = reuse and not _setting(settings, "force_rerun")
        completed = CompletedSteps(workspace, enabled)
        reader = _Reader(workspace, text_of(properties, "experimentName"), completed)
        jobs = object_of(properties, "jobs")
        pipeline_inputs = _api_form(object_of(properties, "inputs"))
        outputs = _api_form(object_of(properties, "outputs"))
        component = text_of(properties, "componentId")
        if component and not jobs:
            spec = Assets(workspace, "components").find_by_id(component).body
            spec = spec["componentSpec"]
            jobs = object_of(spec, "jobs")
            pipeline_inputs = _inputs({"inputs": pipeline_inputs}, spec, {}, {})
            outputs, _ = _outputs({"outputs": outputs}, spec, {})
        return reader.plan(jobs, pipeline_inputs, outputs, settings)


class _Reader:
    """Makes the plan of one pipeline job, and of the pipelines in it."""

    def __init__(
        self,
        workspace: Workspace,
        experiment: str,
        completed: CompletedSteps,
        depth: int = 0,
    ) -> None:
        self._workspace = workspace
        self._experiment = experiment
        self._completed = completed
        self._depth = depth

    def plan(
        self,
        jobs: dict[str, Any],
        pipeline_inputs: InputMap,
        outputs: InputMap,
        settings: dict[str, Any],
    ) -> Plan:
        """The plan of a pipeline with these steps, inputs and declared outputs."""
        if not jobs:
            raise BadRequest("jobs: a pipeline job must have a step", "UserError", target="jobs")
        if self._depth > MAX_DEPTH:
            raise BadRequest(
                f"jobs: pipelines are nested more than {MAX_DEPTH} levels deep", "UserError"
            )
        branches, ignored = find_branches(jobs), if_else_nodes(jobs)
        plan = Plan(
            continue_on_step_failure=bool(_setting(settings, "continue_on_step_failure")),
            conditional_steps=frozenset(branches),
        )
        step_outputs: dict[str, InputMap] = {}
        for name in _topological_order(jobs, branches):
            if name in ignored:
                continue
            try:
                step, outputs_of_step = self._step(
                    name, jobs[name], pipeline_inputs, step_outputs, outputs, settings, plan
                )
                if name in branches:
                    _add_conditions(step, branches[name], pipeline_inputs, step_outputs)
            except AzureError as error:
                error.message = f"step {name}: {error.message}"
                error.target = f"jobs.{name}"
                raise
            plan.steps.append(step)
            step_outputs[name] = outputs_of_step
        return plan

    def _step(
        self,
        name: str,
        node: dict[str, Any],
        pipeline_inputs: InputMap,
        step_outputs: dict[str, InputMap],
        outputs: InputMap,
        settings: dict[str, Any],
        plan: Plan,
    ) -> tuple[Step, InputMap]:
        component = sweep_steps.component_id(node)
        if not component:
            raise BadRequest("componentId: a step must have a component", "UserError")
        check_services(node)
        asset = Assets(self._workspace, "components").find_by_id(component)
        spec = sweep_steps.trial_spec(node, asset.body["componentSpec"])
        values = _inputs(node, spec, pipeline_inputs, step_outputs)
        declared_outputs, pipeline_outputs = _outputs(node, spec, outputs)
        job = str(uuid.uuid4())
        properties = {
            "displayName": text_of(node, "display_name") or name,
            "experimentName": self._experiment,
            "tags": {**object_of(spec, "tags"), **object_of(node, "tags")},
            "properties": {
                "azureml.pipelineStep": name,
                "azureml.moduleName": text_of(spec, "name", asset.name),
            },
            "componentId": component,
            "inputs": values,
            "outputs": declared_outputs,
        }
        needs = set(_required_steps(node))
        if spec["type"] == "pipeline":
            inner = _Reader(self._workspace, self._experiment, self._completed, self._depth + 1)
            inner_settings = {**settings, **object_of(node, "settings")}
            nested = inner.plan(object_of(spec, "jobs"), values, declared_outputs, inner_settings)
            step = Step(name, job, needs, {"jobType": "Pipeline", **properties}, nested)
            step.outputs = nested.outputs
        else:
            kind: dict[str, Any] = {"jobType": "Command"}
            check = validation.check_command
            if spec["type"] == "parallel":
                fields = _replace_values(parallel_fields(node, spec), "", pipeline_inputs)
                node, spec = command_fields(node, fields), command_fields(spec, fields)
                kind, check = {"jobType": "Parallel", "parallel": fields}, validation.check_parallel
            command = self._command(node, spec, settings, pipeline_inputs)
            step = Step(name, job, needs, {**kind, **properties, **command})
            for value in values.values():
                validation.check_input(self._workspace, value)
            if sweep_steps.is_sweep(node):
                step.properties |= sweep_steps.sweep_properties(
                    node, command, partial(_replace_inputs, pipeline_inputs=pipeline_inputs)
                )
                check_sweep(self._workspace, step.properties)
            else:
                check(self._workspace, step.properties)
            step.outputs = {
                key: inputs.resolve_output(Job(self._workspace, job), key, value).uri
                for key, value in declared_outputs.items()
            }
            if sweep_steps.is_sweep(node) or name in plan.conditional_steps:
                step.is_deterministic = False  # never reused
            else:
                self._reuse(step, spec, plan)
        plan.outputs.update(
            {pipeline_outputs[k]: uri for k, uri in step.outputs.items() if k in pipeline_outputs}
        )
        kinds = {
            key: text_of(value, "jobOutputType", "uri_folder")
            for key, value in declared_outputs.items()
        }
        return step, {
            key: {
                "jobInputType": "literal" if kinds[key] in inputs.PRIMITIVES else kinds[key],
                "uri": uri,
            }
            for key, uri in step.outputs.items()
        }

    def _reuse(self, step: Step, spec: dict[str, Any], plan: Plan) -> None:
        """Let a step reuse a completed job, or an equal step before it."""
        step.is_deterministic = spec.get("is_deterministic") is not False
        if not step.is_deterministic or not self._completed.enabled:
            return
        step.reuse_key = self._completed.key(step.properties)
        if not step.reuse_key:
            return
        equal = next((each for each in plan.steps if each.reuse_key == step.reuse_key), None)
        job = self._completed.find(step.reuse_key)
        if equal is not None:
            step.reused_job, step.outputs = equal.reused_job or equal.job, equal.outputs
            step.needs.add(equal.name)
        elif job is not None:
            step.reused_job, step.outputs = job.name, job.body.get("outputs") or {}
        else:
            return
        pipeline = job.body.get("root", "") if job else ""
        step.properties["properties"] |= reuse_properties(step.reused_job, pipeline)

    def _command(
        self,
        node: dict[str, Any],
        spec: dict[str, Any],
        settings: dict[str, Any],
        pipeline_inputs: InputMap,
    ) -> dict[str, Any]:
        """The properties of a command job: those of the component, overridden by the step."""
        variables = {
            **object_of(spec, "environment_variables"),
            **object_of(node, "environment_variables"),
        }
        compute = text_of(node, "computeId") or text_of(spec, "compute")
        compute = compute or _setting(settings, "default_compute") or ""
        limits = {**object_of(spec, "limits"), **object_of(node, "limits")}
        if isinstance(limits.get("timeout"), str):
            seconds = _replace_inputs("limits.timeout", limits["timeout"], pipeline_inputs)
            limits["timeout"] = float(seconds) if seconds.isdigit() else seconds
        return {
            "command": text_of(spec, "command"),
            "codeId": text_of(spec, "code") or None,
            "environmentId": text_of(node, "environment") or text_of(spec, "environment"),
            "computeId": _replace_inputs("compute", compute, pipeline_inputs) or None,
            "environmentVariables": {key: str(value) for key, value in variables.items()},
            "limits": limits,
            "resources": _replace_values(
                {**object_of(spec, "resources"), **object_of(node, "resources")},
                "resources",
                pipeline_inputs,
            ),
            "distribution": _replace_values(
                object_of(node, "distribution") or object_of(spec, "distribution"),
                "distribution",
                pipeline_inputs,
            ),
        }


def _add_conditions(
    step: Step, branches: list[Branch], pipeline_inputs: InputMap, step_outputs: dict[str, InputMap]
) -> None:
    """Add the conditions of the branches that a step is in: it runs only if all are met."""
    for branch in branches:
        value = _resolve_reference(
            "condition", {"value": branch.condition}, pipeline_inputs, step_outputs
        )
        if value is None or value.get("jobInputType", "literal") != "literal":
            raise BadRequest(
                f"condition: {branch.condition} must be a string, number or boolean", "UserError"
            )
        step.conditions.append((value, branch.expected))
        step.needs |= _steps_in(branch.condition)


def _topological_order(jobs: dict[str, Any], branches: dict[str, list[Branch]]) -> list[str]:
    """The names of the steps, each after those that it needs."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, node in jobs.items():
        if not isinstance(node, dict):
            raise BadRequest(f"step {name} must be an object (got {node!r})", target=f"jobs.{name}")
        kind = text_of(node, "type", "command")
        if kind not in STEP_TYPES:
            raise NotSupported(
                f"Jobs - Create or update: step {name} has type {kind}, which is not supported by "
                f"azureml-local; it runs steps of these types: {', '.join(STEP_TYPES)}"
            )
        needs = set(_required_steps(node))
        needs.update(*(_steps_in(branch.condition) for branch in branches.get(name, ())))
        for other in needs:
            if other not in jobs:
                raise BadRequest(
                    f"step {name} uses an output of step {other}, which does not exist",
                    "UserError",
                    target=f"jobs.{name}",
                )
        sorter.add(name, *needs)
    try:
        return list(sorter.static_order())
    except CycleError as error:
        cycle = " -> ".join(error.args[1])
        raise BadRequest(
            f"jobs: steps depend on each other in a cycle: {cycle}", "UserError"
        ) from None


def _required_steps(node: dict[str, Any]) -> Iterator[str]:
    """The names of the steps whose outputs a step uses."""
    for value in object_of(node, "inputs").values():
        text = value.get("value") if isinstance(value, dict) else value
        if isinstance(text, str):
            yield from _steps_in(text)


def _steps_in(text: str) -> set[str]:
    """The names of the steps whose outputs a text references."""
    return {match[1] for match in STEP_OUTPUT.finditer(text)}


def _inputs(
    node: dict[str, Any],
    spec: dict[str, Any],
    pipeline_inputs: InputMap,
    step_outputs: dict[str, InputMap],
) -> InputMap:
    """A step's inputs: its own values with resolved references, else the component's defaults."""
    declared = object_of(spec, "inputs")
    step_inputs: InputMap = {}
    for name, value in _api_form(object_of(node, "inputs")).items():
        if name not in declared:
            raise BadRequest(f"inputs.{name}: the component has no such input", "UserError")
        resolved = _resolve_reference(name, value, pipeline_inputs, step_outputs)
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
        is_data, value = kind in inputs.TYPES[1:], step_inputs[name]
        if is_data != (value["jobInputType"] != "literal"):
            got = f"data ({value['jobInputType']})" if not is_data else "a literal"
            raise BadRequest(f"inputs.{name}: has type {kind} (got {got})", "UserError")
        if is_data:
            mode = value.get("mode") or inputs.api_mode(text_of(declaration, "mode"))
            step_inputs[name] = {**value, "jobInputType": kind, **({"mode": mode} if mode else {})}
    return step_inputs


def _resolve_reference(
    name: str, value: dict[str, Any], pipeline_inputs: InputMap, step_outputs: dict[str, InputMap]
) -> dict[str, Any] | None:
    """An input with its reference resolved; None if the pipeline's input has no value."""
    text = value.get("value")
    if value.get("jobInputType", "literal") != "literal" or not isinstance(text, str):
        return value
    mode = {"mode": value["mode"]} if value.get("mode") else {}
    match = INPUT.fullmatch(text.strip())
    if match:
        pipeline_input = pipeline_inputs.get(match[1])
        return {**pipeline_input, **mode} if pipeline_input is not None else None
    match = STEP_OUTPUT.fullmatch(text.strip())
    if match:
        return {**_step_output(step_outputs, match[1], match[2]), **mode}

    text = _replace_inputs(f"inputs.{name}", text, pipeline_inputs)
    return {**value, "jobInputType": "literal", "value": text}


def _replace_inputs(field: str, text: str, pipeline_inputs: InputMap) -> str:
    """A text with the values of the pipeline inputs that it references."""

    def replace(match: re.Match[str]) -> str:
        pipeline_input = pipeline_inputs.get(match[1])
        pipeline_input = pipeline_input or {}
        is_literal = pipeline_input.get("jobInputType", "literal") == "literal"
        if not is_literal or "value" not in pipeline_input:
            raise BadRequest(f"{field}: {match[0]} is not a literal with a value", "UserError")
        return str(pipeline_input.get("value", ""))

    text = INPUT.sub(replace, text)
    unknown = PARENT_REFERENCE.search(text)
    if unknown:
        raise BadRequest(f"{field}: {unknown[0]} does not exist", "UserError")
    return text


def _replace_values(
    values: dict[str, Any], field: str, pipeline_inputs: InputMap
) -> dict[str, Any]:
    """An object with the values of the pipeline inputs that its texts reference."""
    return {
        key: _replace_inputs(f"{field}.{key}".strip("."), value, pipeline_inputs)
        if isinstance(value, str)
        else _replace_values(value, key, pipeline_inputs)
        if isinstance(value, dict)
        else value
        for key, value in values.items()
    }


def _step_output(step_outputs: dict[str, InputMap], step: str, output: str) -> dict[str, Any]:
    value = step_outputs[step].get(output)
    if value is None:
        raise BadRequest(f"step {step} has no output {output}", "UserError")
    return value


def _outputs(
    node: dict[str, Any], spec: dict[str, Any], outputs: InputMap
) -> tuple[InputMap, dict[str, str]]:
    """A step's outputs, and the pipeline's output for each that is bound to one."""
    declared, own_outputs = object_of(spec, "outputs"), _api_form(object_of(node, "outputs"))
    unknown = sorted(set(own_outputs) - set(declared))
    if unknown:
        raise BadRequest(f"outputs: the component has no output {', '.join(unknown)}", "UserError")
    resolved_outputs: InputMap = {}
    bindings: dict[str, str] = {}
    for name in declared:
        declaration, value = object_of(declared, name), own_outputs.get(name, {})
        fields = {"jobOutputType": text_of(declaration, "type", "uri_folder")}
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
        inputs.check_output(fields)
        resolved_outputs[name] = fields
    return resolved_outputs, bindings


def _api_form(values: dict[str, Any]) -> InputMap:
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


def _setting(settings: dict[str, Any], name: str) -> Any:
    """A setting of a pipeline by its snake case name, also if it is written in camel case."""
    first, *rest = name.split("_")
    return settings.get(name, settings.get(first + "".join(word.title() for word in rest)))
