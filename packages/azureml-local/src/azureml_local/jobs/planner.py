"""Makes the plans of pipeline jobs: the jobs of steps, and the sources of their inputs.

Whatever cannot run is refused here, before the job is accepted: an unknown reference, an asset that
does not exist, a step that azureml-local does not support.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from functools import partial

from azureml_local.assets.versions import Assets
from azureml_local.documents.assets import COMPONENTS, AssetResource, ComponentSpec
from azureml_local.documents.jobs import (
    InputMap,
    JobProperties,
    OutputMap,
    ParallelFields,
    PipelineSettings,
    PipelineStep,
)
from azureml_local.errors import AzureError, BadRequest
from azureml_local.jobs import inputs, validation
from azureml_local.jobs.bindings import api_inputs, api_outputs, bind_inputs, bind_outputs
from azureml_local.jobs.branches import Branch, find_branches
from azureml_local.jobs.completion import check_services
from azureml_local.jobs.loop_runs import DoWhileRun, ParallelForRun, PlanIteration
from azureml_local.jobs.loops import (
    DO_WHILE,
    PARALLEL_FOR,
    DoWhile,
    LoopNode,
    aggregate_outputs,
    check_nesting,
    check_outputs_of_iteration,
    find_items,
    find_loops,
    parse_items,
    read_max_concurrency,
)
from azureml_local.jobs.parallel_settings import command_fields, parallel_fields
from azureml_local.jobs.plans import Plan, Step
from azureml_local.jobs.records import Job
from azureml_local.jobs.references import (
    AGGREGATED_STRING,
    input_replacer,
    replace_texts,
    resolve_reference,
)
from azureml_local.jobs.reuse import CompletedSteps, reuse_properties
from azureml_local.jobs.step_commands import command_properties, find_setting
from azureml_local.jobs.step_order import needed_steps, read_steps, sort_steps
from azureml_local.jobs.sweep import steps as sweep_steps
from azureml_local.jobs.sweep.validation import check_sweep
from azureml_local.json_fields import (
    JsonObject,
    as_document,
    object_of,
    text_of,
    texts_of,
    with_fields,
)
from azureml_local.state import Workspace

MAX_DEPTH = 8
"""The nesting of pipelines in pipelines."""


def make_plan(
    workspace: Workspace, properties: JobProperties, *, interpreter: str = "", reuse: bool = True
) -> Plan:
    """The plan of a pipeline job.

    Args:
        workspace: the job's workspace.
        properties: the job's properties as the API has them.
        interpreter: how jobs get their interpreter; only steps that ran with it are reused.
        reuse: whether steps may reuse completed jobs.

    Raises:
        BadRequest: a reference is unknown, or the steps depend on each other in a cycle.
        NotFound: a step's component, code, environment or compute does not exist.
        NotSupported: azureml-local does not run steps of this type.
    """
    settings = as_document(PipelineSettings, object_of(properties, "settings"))
    enabled = reuse and not find_setting(settings, "force_rerun")
    completed = CompletedSteps(workspace, interpreter, enabled)
    planner = _Planner(workspace, text_of(properties, "experimentName"), completed)
    jobs = object_of(properties, "jobs")
    pipeline_inputs = api_inputs(object_of(properties, "inputs"))
    outputs = api_outputs(object_of(properties, "outputs"))
    component = text_of(properties, "componentId")
    if component and not jobs:
        spec = Assets(workspace, COMPONENTS).find_by_id(component).body["componentSpec"]
        jobs = object_of(spec, "jobs")
        node = as_document(PipelineStep, {"inputs": pipeline_inputs, "outputs": outputs})
        pipeline_inputs = bind_inputs(node, spec, {}, {})
        outputs, _ = bind_outputs(node, spec, {})
    return planner.plan(jobs, pipeline_inputs, outputs, settings)


@dataclass
class _Pipeline:
    """A pipeline that is being planned: what its steps can use, and its plan up to now."""

    inputs: InputMap
    outputs: OutputMap
    settings: PipelineSettings
    plan: Plan
    step_outputs: dict[str, InputMap] = field(default_factory=dict)


@dataclass(frozen=True)
class _Planner:
    """Makes the plan of one pipeline job, and of the pipelines and loops in it."""

    workspace: Workspace
    experiment: str
    completed: CompletedSteps
    depth: int = 0
    in_loop: bool = False

    def plan(
        self,
        nodes: JsonObject,
        pipeline_inputs: InputMap,
        outputs: OutputMap,
        settings: PipelineSettings,
    ) -> Plan:
        """The plan of a pipeline with these steps, inputs and declared outputs."""
        if not nodes:
            raise BadRequest("jobs: a pipeline job must have a step", "UserError", target="jobs")
        if self.depth > MAX_DEPTH:
            raise BadRequest(
                f"jobs: pipelines are nested more than {MAX_DEPTH} levels deep", "UserError"
            )
        jobs = read_steps(nodes)
        branches, loops = find_branches(jobs), find_loops(jobs)
        check_nesting(loops, in_loop=self.in_loop, steps_in_branches=branches)
        plan = Plan(
            continue_on_step_failure=bool(find_setting(settings, "continue_on_step_failure")),
            conditional_steps=frozenset(branches),
        )
        pipeline = _Pipeline(pipeline_inputs, outputs, settings, plan)
        needs = needed_steps(jobs, branches, loops)
        loops_by_step = {loop.step: loop for loop in loops}
        for name in sort_steps(needs):
            loop = loops_by_step.get(name)
            try:
                if loop is not None:
                    step = self._loop_step(loop, jobs[loop.body], pipeline)
                else:
                    step = self._step(name, jobs[name], pipeline)
                if name in branches:
                    _add_conditions(step, branches[name], pipeline)
            except AzureError as error:
                node = loop.name if loop is not None else name
                error.message = f"step {node}: {error.message}"
                error.target = f"jobs.{node}"
                raise
            step.needs |= needs[name]
            plan.steps.append(step)
            pipeline.step_outputs.setdefault(name, step.outputs_as_inputs())
        return plan

    def _step(self, name: str, node: PipelineStep, pipeline: _Pipeline) -> Step:
        """The plan of a step; its outputs are added to those of the pipeline."""
        check_services(node)
        asset = self._component(node)
        spec = sweep_steps.trial_spec(node, asset.body["componentSpec"])
        values = bind_inputs(node, spec, pipeline.inputs, pipeline.step_outputs)
        declared_outputs, pipeline_outputs = bind_outputs(node, spec, pipeline.outputs)
        if self.in_loop:
            check_outputs_of_iteration(declared_outputs)
        properties: JobProperties = {
            "displayName": text_of(node, "display_name") or name,
            "experimentName": self.experiment,
            "tags": {**texts_of(spec, "tags"), **texts_of(node, "tags")},
            "properties": {
                "azureml.pipelineStep": name,
                "azureml.moduleName": text_of(spec, "name", asset.name),
            },
            "componentId": sweep_steps.component_id(node),
            "inputs": values,
            "outputs": declared_outputs,
        }
        step = Step(name, str(uuid.uuid4()), set(), properties)
        if spec["type"] == "pipeline":
            settings = with_fields(pipeline.settings, object_of(node, "settings"))
            step.properties["jobType"] = "Pipeline"
            step.plan = replace(self, depth=self.depth + 1).plan(
                object_of(spec, "jobs"), values, declared_outputs, settings
            )
            step.outputs = step.plan.outputs
        else:
            self._plan_job(step, node, spec, pipeline)
        _add_pipeline_outputs(step, pipeline_outputs, pipeline.plan)
        return step

    def _component(self, node: PipelineStep) -> AssetResource:
        """The component of a step."""
        component = sweep_steps.component_id(node)
        if not component:
            raise BadRequest("componentId: a step must have a component", "UserError")
        return Assets(self.workspace, COMPONENTS).find_by_id(component)

    def _plan_job(
        self, step: Step, node: PipelineStep, spec: ComponentSpec, pipeline: _Pipeline
    ) -> None:
        """Complete a step that is a command, parallel or sweep job, and check the job."""
        replacer = input_replacer(pipeline.inputs)
        step.properties["jobType"], check = "Command", validation.check_command
        if spec["type"] == "parallel":
            fields = replace_texts("", parallel_fields(node, spec), replacer)
            node, spec = command_fields(node, fields), command_fields(spec, fields)
            settings = as_document(ParallelFields, fields)
            step.properties |= {"jobType": "Parallel", "parallel": settings}
            check = validation.check_parallel
        command = command_properties(node, spec, pipeline.settings, replacer)
        step.properties |= command
        for value in step.properties["inputs"].values():
            validation.check_input(self.workspace, value)
        if sweep_steps.is_sweep(node):
            step.properties |= sweep_steps.sweep_properties(node, command, replacer)
            check_sweep(self.workspace, step.properties)
        else:
            check(self.workspace, step.properties)
        step.outputs = {key: output.uri for key, output in self._locate_outputs(step).items()}
        never_reused = self.in_loop or step.name in pipeline.plan.conditional_steps
        if sweep_steps.is_sweep(node) or never_reused:
            step.is_deterministic = False
        else:
            self._reuse(step, spec, pipeline.plan)

    def _locate_outputs(self, step: Step) -> dict[str, inputs.Output]:
        """The locations of the outputs of a step's job."""
        return inputs.resolve_outputs(Job(self.workspace, step.job), step.properties["outputs"])

    def _reuse(self, step: Step, spec: ComponentSpec, plan: Plan) -> None:
        """Let a step reuse a completed job, or an equal step before it."""
        step.is_deterministic = spec.get("is_deterministic") is not False
        if not step.is_deterministic or not self.completed.enabled:
            return
        step.reuse_key = self.completed.key(step.properties)
        if not step.reuse_key:
            return
        equal = next((each for each in plan.steps if each.reuse_key == step.reuse_key), None)
        job = self.completed.find(step.reuse_key)
        if equal is not None:
            step.reused_job, step.outputs = equal.reused_job or equal.job, equal.outputs
            step.needs.add(equal.name)
        elif job is not None:
            step.reused_job, step.outputs = job.name, job.body.get("outputs") or {}
        else:
            return
        root = job.body.get("root", "") if job else ""
        step.properties["properties"] |= reuse_properties(step.reused_job, root)

    def _loop_step(self, loop: LoopNode, body: PipelineStep, pipeline: _Pipeline) -> Step:
        """The plan of a loop: a job of its own, whose children are the iterations."""
        spec = self._component(body).body["componentSpec"]
        planner = replace(self, depth=self.depth + 1, in_loop=True)

        def plan_iteration(label: str, values: InputMap) -> Step:
            node = with_fields(body, {"inputs": {**object_of(body, "inputs"), **values}})
            step = planner._step(loop.body, node, replace(pipeline, plan=Plan()))
            step.name = step.properties["displayName"] = f"{loop.body}_{label}"
            return step

        node, outputs = body, spec
        if loop.kind == PARALLEL_FOR:
            node, outputs = loop.node, {"outputs": aggregate_outputs(loop, body, spec)}
        declared_outputs, pipeline_outputs = bind_outputs(node, outputs, pipeline.outputs)
        properties: JobProperties = {
            "jobType": "Pipeline",
            "displayName": loop.name,
            "experimentName": self.experiment,
            "tags": {},
            "properties": {"azureml.pipelineStep": loop.name},
            "inputs": {},
            "outputs": declared_outputs,
        }
        step = Step(loop.step, str(uuid.uuid4()), set(), properties)
        located = self._locate_outputs(step)
        run = self._loop_run(loop, spec, located, plan_iteration, pipeline)
        first = run.first_iterations()
        if first:  # a pipeline may not write all outputs of its component
            run.outputs = {k: v for k, v in run.outputs.items() if k in first[0].outputs}
        step.outputs = {key: output.uri for key, output in run.outputs.items()}
        step.plan = Plan(first, step.outputs, pipeline.plan.continue_on_step_failure, loop=run)
        if loop.kind == PARALLEL_FOR:
            strings = {key for key, each in located.items() if each.kind in inputs.PRIMITIVES}
            pipeline.step_outputs[loop.step] = {
                **{key: {"jobInputType": AGGREGATED_STRING} for key in strings},
                **step.outputs_as_inputs(),
            }
        _add_pipeline_outputs(step, pipeline_outputs, pipeline.plan)
        return step

    def _loop_run(
        self,
        loop: LoopNode,
        spec: ComponentSpec,
        outputs: dict[str, inputs.Output],
        plan_iteration: PlanIteration,
        pipeline: _Pipeline,
    ) -> DoWhileRun | ParallelForRun:
        """The run of a loop with the component and outputs of its body."""
        if loop.kind == DO_WHILE:
            settings = DoWhile.parse(loop, spec)
            return DoWhileRun(self.workspace, settings, plan_iteration, outputs)
        return ParallelForRun(
            self.workspace,
            find_items(loop, pipeline.inputs, pipeline.step_outputs),
            partial(parse_items, loop, spec=spec),
            plan_iteration,
            {key: each for key, each in outputs.items() if each.kind not in inputs.PRIMITIVES},
            read_max_concurrency(loop),
        )


def _add_pipeline_outputs(step: Step, names: dict[str, str], plan: Plan) -> None:
    """Add a step's outputs to those of the pipeline that they are bound to."""
    plan.outputs.update({names[key]: uri for key, uri in step.outputs.items() if key in names})


def _add_conditions(step: Step, branches: list[Branch], pipeline: _Pipeline) -> None:
    """Add the conditions of the branches that a step is in: it runs only if all are met."""
    for branch in branches:
        value = resolve_reference(
            "condition", {"value": branch.condition}, pipeline.inputs, pipeline.step_outputs
        )
        if value is None or value.get("jobInputType", "literal") != "literal":
            raise BadRequest(
                f"condition: {branch.condition} must be a string, number or boolean", "UserError"
            )
        step.conditions.append((value, branch.expected))
