"""Branches of pipelines: the blocks of if-else nodes.

An if-else node is not a job. Its blocks name steps. When the steps before have ended, a step runs
only if the condition has the value of its block. Other steps of the pipeline do not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from azureml_local.documents.jobs import PipelineStep
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs.loops import LOOPS
from azureml_local.jobs.references import STEP

IF_ELSE = "if_else"
CONTROL_FLOW = (IF_ELSE, *LOOPS)
BLOCKS = {"true_block": True, "false_block": False}


@dataclass(frozen=True)
class Branch:
    """A branch of an if-else node: its condition, as a text or reference, and the block's value."""

    condition: str
    expected: bool


def find_branches(jobs: dict[str, PipelineStep]) -> dict[str, list[Branch]]:
    """The branches that each step is in.

    Raises:
        BadRequest: a block names a step that does not exist, or a node has no condition.
        NotSupported: a block names another control flow node.
    """
    branches: dict[str, list[Branch]] = {}
    for name in if_else_nodes(jobs):
        node = jobs[name]
        if not isinstance(node.get("condition"), str | bool):
            raise BadRequest(
                f"step {name}: condition must be a boolean or a reference to an output or input",
                "UserError",
                target=f"jobs.{name}",
            )
        for block, expected in BLOCKS.items():
            references = node.get(block) or []
            for reference in references if isinstance(references, list) else [references]:
                match = STEP.fullmatch(str(reference).strip())
                if match is None or match[1] not in jobs:
                    raise BadRequest(
                        f"step {name}: {block} {reference!r} is not a step of this pipeline",
                        "UserError",
                        target=f"jobs.{name}",
                    )
                if jobs[match[1]].get("type") in CONTROL_FLOW:
                    raise NotSupported(
                        f"step {name}: {block} has the control flow node {match[1]}, which is not "
                        "supported by azureml-local",
                        target=f"jobs.{name}",
                    )
                branch = Branch(str(node["condition"]), expected)
                branches.setdefault(match[1], []).append(branch)
    return branches


def if_else_nodes(jobs: dict[str, PipelineStep]) -> list[str]:
    """The names of the if-else nodes."""
    return [name for name, node in jobs.items() if node.get("type") == IF_ELSE]


def is_true(text: str) -> bool:
    """Whether the text of a condition is true."""
    return text.strip().lower() == "true"
