"""The graph of a pipeline: its steps and data inputs, and the outputs that are used as inputs.

An if-else node is a node between the step with its condition and the steps of its branches. A loop
is one node, which links to its own graph, and so does a step that is a pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError
from itertools import pairwise

from azureml_local.assets.versions import Assets
from azureml_local.documents.assets import COMPONENTS, ComponentSpec
from azureml_local.documents.jobs import JobResource, PipelineStep
from azureml_local.errors import AzureError
from azureml_local.jobs.branches import BLOCKS, find_branches, if_else_nodes
from azureml_local.jobs.loops import DATA_TYPES, DO_WHILE, LoopNode, find_loops
from azureml_local.jobs.references import INPUT, STEP_OUTPUT
from azureml_local.jobs.references import STEP as STEP_REFERENCE
from azureml_local.jobs.step_order import needed_steps, read_steps
from azureml_local.json_fields import object_of, text_of
from azureml_local.state import Workspace
from azureml_local.studio.graph import Box, Edge, layout_graph
from azureml_local.studio.names import AssetNames

MAX_NODES = 200
"""Larger graphs are not drawn; the table of steps has all of them."""
MAX_TITLE, MAX_DETAIL = 23, 28
IF_ELSE, DATA, STEP = "if/else", "data", "step"


@dataclass
class Node:
    """A node: a step, an if-else node or a data input.

    Attributes:
        title: its display name.
        kind: ``step``, ``pipeline``, ``sweep``, a kind of loop, ``if/else`` or ``data``.
        status: of its job; empty without one.
        detail: the second line of a node without a job, such as the data asset of an input.
        path: of its page, below that of the workspace.
        uses: the names of the nodes that it depends on.
    """

    title: str
    kind: str
    status: str = ""
    detail: str = ""
    path: str = ""
    uses: list[str] = field(default_factory=list)

    @property
    def short_title(self) -> str:
        """The display name, cut to the width of a node."""
        return _cut(self.title, MAX_TITLE)

    @property
    def short_detail(self) -> str:
        """The second line, cut to the width of a node."""
        return _cut(self.detail, MAX_DETAIL)

    @property
    def text(self) -> str:
        """What a reader of the screen reads for the node: name, kind, status and inputs."""
        what = [] if self.kind == STEP else [self.kind]
        uses = [f"uses {', '.join(self.uses)}"] if self.uses else []
        return ", ".join([self.title, *what, *filter(None, [self.status, self.detail]), *uses])


@dataclass(frozen=True)
class Line:
    """An edge as it is drawn: its path, its tooltip, and the label of a branch near its end."""

    path: str
    text: str
    branch: str = ""
    x: float = 0
    y: float = 0


@dataclass(frozen=True)
class PipelineGraph:
    """A graph with the places of its nodes and edges."""

    nodes: list[tuple[Node, Box]]
    lines: list[Line]
    width: float
    height: float

    @property
    def text(self) -> str:
        """What the drawing shows, in one sentence."""
        steps = sum(1 for node, _ in self.nodes if node.kind not in (DATA, IF_ELSE))
        inputs = sum(1 for node, _ in self.nodes if node.kind == DATA)
        data = f", {inputs} data inputs" if inputs > 1 else ", 1 data input" if inputs else ""
        return f"Graph of {steps} step{'s' if steps != 1 else ''}{data}"


@dataclass
class _Drawing:
    """The nodes by their keys, and the tooltips of the edges between them."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[Edge, list[str]] = field(default_factory=dict)
    branches: dict[Edge, str] = field(default_factory=dict)

    def connect(self, source: str, target: str, text: str) -> None:
        """Add an edge, or a further tooltip to it; a node that does not exist has no edges."""
        if source in self.nodes and target in self.nodes and source != target:
            texts = self.edges.setdefault((source, target), [])
            if text not in texts:
                texts.append(text)

    def finish(self) -> PipelineGraph | None:
        """The graph with its layout; None if it is too large or has a cycle."""
        if not self.nodes or len(self.nodes) > MAX_NODES:
            return None
        try:
            layout = layout_graph(list(self.nodes), self.edges)
        except CycleError:
            return None
        for source, target in self.edges:
            self.nodes[target].uses.append(self.nodes[source].title)
        lines = [
            Line(
                layout.paths[edge],
                "; ".join(texts),
                self.branches.get(edge, ""),
                *layout.middles[edge],
            )
            for edge, texts in self.edges.items()
        ]
        placed = [(node, layout.boxes[key]) for key, node in self.nodes.items()]
        return PipelineGraph(placed, lines, layout.width, layout.height)


def pipeline_graph(
    workspace: Workspace, job: JobResource, children: list[JobResource]
) -> PipelineGraph | None:
    """The graph of a pipeline job; None for other jobs, and if it cannot be drawn.

    Args:
        workspace: the job's workspace.
        job: the job.
        children: the jobs of its steps.
    """
    properties = job.body["properties"]
    if properties.get("jobType") != "Pipeline":
        return None
    if job.body.get("loop"):
        return _loop_graph(job, children)
    try:
        jobs = object_of(properties, "jobs")
        component = text_of(properties, "componentId")
        if component and not jobs:
            asset = Assets(workspace, COMPONENTS).find_by_id(component)
            jobs = object_of(asset.body["componentSpec"], "jobs")
        return _steps_graph(workspace, {"jobs": jobs, "inputs": properties.get("inputs")}, children)
    except AzureError:  # a component that was deleted
        return None


def component_graph(workspace: Workspace, spec: ComponentSpec) -> PipelineGraph | None:
    """The graph of a pipeline component; None for other components, and if it cannot be drawn."""
    try:
        return _steps_graph(workspace, spec, [])
    except AzureError:
        return None


def _loop_graph(job: JobResource, iterations: list[JobResource]) -> PipelineGraph | None:
    """The iterations of a loop: one after the other, or side by side."""
    drawing = _Drawing()
    for child in iterations:
        drawing.nodes[child.name] = _job_node(child, STEP)
    names = list(drawing.nodes)
    if job.body["loop"] == DO_WHILE:
        for before, after in pairwise(names):
            drawing.connect(before, after, "next iteration")
    return drawing.finish()


def _steps_graph(
    workspace: Workspace, pipeline: Mapping[str, object], children: list[JobResource]
) -> PipelineGraph | None:
    """The graph of the ``jobs`` and ``inputs`` of a pipeline; None without steps."""
    jobs, inputs = read_steps(object_of(pipeline, "jobs")), object_of(pipeline, "inputs")
    if not jobs:  # the job of a batch endpoint has none
        return None
    branches, loops = find_branches(jobs), find_loops(jobs)
    needs = needed_steps(jobs, branches, loops)
    drawing, names = _Drawing(), AssetNames(workspace)
    for name, value in inputs.items():
        if isinstance(value, dict) and _is_data(value):
            asset = names(value.get("uri") or "")
            detail = asset.title.rstrip("/").rpartition("/")[2] if value.get("uri") else "data"
            drawing.nodes[_input_key(name)] = Node(name, DATA, detail=detail, path=asset.path)
    by_step = {
        (child.body["properties"].get("properties") or {}).get("azureml.pipelineStep"): child
        for child in children
    }
    loops_by_step = {loop.step: loop for loop in loops}
    for step in needs:
        loop = loops_by_step.get(step)
        node = jobs[loop.name if loop else step]
        kind = loop.kind if loop else _step_kind(node)
        child = by_step.get(loop.name if loop else step)
        title = text_of(node, "display_name") or (loop.name if loop else step)
        path = names(node.get("componentId")).path
        drawing.nodes[step] = _job_node(child, kind) if child else Node(title, kind, path=path)
    for name in if_else_nodes(jobs):
        condition = str(jobs[name].get("condition"))
        drawing.nodes[name] = Node("if", IF_ELSE, detail=_condition_text(condition))
        _connect_text(drawing, name, condition, "condition")
    for step in needs:
        loop = loops_by_step.get(step)
        node = jobs[loop.body if loop else step]
        _connect_step(drawing, names, step, node, loop)
    for name in if_else_nodes(jobs):
        _connect_branches(drawing, jobs, name)
    return drawing.finish()


def _connect_step(
    drawing: _Drawing, names: AssetNames, step: str, node: PipelineStep, loop: LoopNode | None
) -> None:
    """Add the edges to a step: from the outputs and inputs that its own inputs reference."""
    for name, value in object_of(node, "inputs").items():
        text = value.get("value") if isinstance(value, dict) else value
        if isinstance(text, str):
            _connect_text(drawing, step, text, name)
        uri = value.get("uri") if isinstance(value, dict) else None
        if uri:
            asset = names(uri)
            key, title = f"data {uri}", asset.title.rstrip("/").rpartition("/")[2]
            drawing.nodes.setdefault(key, Node(title, DATA, detail="data", path=asset.path))
            drawing.connect(key, step, f"{title} as input {name}")
    if loop is not None:
        _connect_text(drawing, step, str(loop.node.get("items") or ""), "items")


def _connect_text(drawing: _Drawing, target: str, text: str, name: str) -> None:
    """Add the edges of the references in a text, which is the value of an input."""
    for match in STEP_OUTPUT.finditer(text):
        drawing.connect(match[1], target, f"output {match[2]} of {match[1]} as {name}")
    for match in INPUT.finditer(text):
        drawing.connect(_input_key(match[1]), target, f"input {match[1]} as {name}")


def _connect_branches(drawing: _Drawing, jobs: dict[str, PipelineStep], name: str) -> None:
    """Add the edges from an if-else node to the steps in its blocks."""
    node = jobs[name]
    for block, expected in BLOCKS.items():
        references = node.get(block) or []
        for reference in references if isinstance(references, list) else [references]:
            match = STEP_REFERENCE.fullmatch(str(reference).strip())
            if match is not None:
                word = "true" if expected else "false"
                drawing.connect(name, match[1], f"if {drawing.nodes[name].detail} is {word}")
                drawing.branches[name, match[1]] = word


def _condition_text(condition: str) -> str:
    """A condition without the marks of a reference: ``decide.flag``."""
    match = STEP_OUTPUT.fullmatch(condition.strip())
    text = f"{match[1]}.{match[2]}" if match else condition
    match = INPUT.fullmatch(condition.strip())
    return match[1] if match else text


def _job_node(job: JobResource, kind: str) -> Node:
    properties = job.body["properties"]
    kind = str(job.body.get("loop") or kind)
    reused = (properties.get("properties") or {}).get("azureml.isreused")
    status = str(job.body["status"])
    nested = kind == "pipeline" or job.body.get("loop")
    return Node(
        str(properties.get("displayName") or job.name),
        kind,
        status,
        detail="reused" if str(reused).lower() == "true" else "",
        path=f"jobs/{job.name}{'#graph' if nested else ''}",
    )


def _step_kind(node: PipelineStep) -> str:
    kind = text_of(node, "type", "command")
    return STEP if kind == "command" else kind


def _is_data(value: Mapping[str, object]) -> bool:
    """Whether an input of a job or component is data, not a literal."""
    kind = str(value.get("jobInputType") or value.get("type") or "")
    return bool(value.get("uri")) or kind in DATA_TYPES


def _input_key(name: str) -> str:
    return f"input {name}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}\N{HORIZONTAL ELLIPSIS}"
