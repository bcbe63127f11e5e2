"""The order of the steps of a pipeline: each after those whose outputs it uses.

If-else nodes are not in the order, and a loop is there instead of its body.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from azureml_local.documents.jobs import PipelineStep
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs.branches import IF_ELSE, Branch
from azureml_local.jobs.loops import LOOPS, PARALLEL_FOR, LoopNode
from azureml_local.jobs.references import required_steps, steps_in
from azureml_local.json_fields import JsonObject, as_document, text_of

STEP_TYPES = ("command", IF_ELSE, *LOOPS, "parallel", "pipeline", "sweep")


def read_steps(nodes: JsonObject) -> dict[str, PipelineStep]:
    """The steps of a pipeline, which are objects of types that azureml-local runs.

    Raises:
        BadRequest: one is not an object.
        NotSupported: one has another type.
    """
    steps: dict[str, PipelineStep] = {}
    for name, node in nodes.items():
        if not isinstance(node, dict):
            raise BadRequest(f"step {name} must be an object (got {node!r})", target=f"jobs.{name}")
        kind = text_of(node, "type", "command")
        if kind not in STEP_TYPES:
            raise NotSupported(
                f"Jobs - Create or update: step {name} has type {kind}, which is not supported by "
                f"azureml-local; it runs steps of these types: {', '.join(STEP_TYPES)}"
            )
        steps[name] = as_document(PipelineStep, node)
    return steps


def needed_steps(
    jobs: dict[str, PipelineStep], branches: dict[str, list[Branch]], loops: list[LoopNode]
) -> dict[str, set[str]]:
    """The steps that each step needs, without if-else nodes; a loop needs those of its body.

    Raises:
        BadRequest: a step uses an output of the body of a parallel-for loop.
    """
    by_name = {loop.name: loop for loop in loops}
    bodies = {loop.body: loop for loop in loops}
    needs: dict[str, set[str]] = {}
    for name, node in jobs.items():
        if name in by_name:
            loop = by_name[name]
            items = steps_in(text_of(node, "items")) if loop.kind == PARALLEL_FOR else set()
            needs[loop.step] = {*required_steps(jobs[loop.body]), *items}
        elif name not in bodies and node.get("type") != IF_ELSE:
            conditions = (steps_in(branch.condition) for branch in branches.get(name, ()))
            needs[name] = {*required_steps(node)}.union(*conditions)
    for name, others in needs.items():
        for other in sorted(others & bodies.keys() - needs.keys()):
            raise BadRequest(
                f"step {name} uses an output of {other}, which is the body of a loop; use the "
                f"output of {bodies[other].name}",
                "UserError",
                target=f"jobs.{name}",
            )
    return needs


def sort_steps(needs: dict[str, set[str]]) -> list[str]:
    """The names of the steps, each after those that it needs.

    Raises:
        BadRequest: a step does not exist, or the steps depend on each other in a cycle.
    """
    for name, others in needs.items():
        for other in sorted(others - needs.keys()):
            raise BadRequest(
                f"step {name} uses an output of step {other}, which does not exist or has no "
                "outputs",
                "UserError",
                target=f"jobs.{name}",
            )
    sorter = TopologicalSorter(needs)
    try:
        return list(sorter.static_order())
    except CycleError as error:
        cycle = " -> ".join(error.args[1])
        raise BadRequest(
            f"jobs: steps depend on each other in a cycle: {cycle}", "UserError"
        ) from None
