"""Plans of pipeline jobs: the steps in their order, with their jobs and the addresses of outputs.

A plan is made before the job is accepted. Each step's job gets its name here, and each of its
outputs an address. So the inputs of later steps are known at submission.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from azureml_local.documents.jobs import InputMap, JobInput, JobProperties
from azureml_local.jobs.inputs import PRIMITIVES
from azureml_local.json_fields import text_of


class Loop(Protocol):
    """A loop of a pipeline: its iterations, and its outputs from theirs."""

    kind: str
    """The type of its node: ``do_while`` or ``parallel_for``."""
    max_concurrency: int | None
    """How many iterations run at the same time; None for all."""

    def next_iterations(self, ended: list[Step]) -> list[Step]:
        """The iterations that run next, after those that have ended; empty at the end.

        Raises:
            AzureError: a condition or the items have no valid value.
        """

    def write_outputs(self, iterations: list[Step]) -> None:
        """Write the outputs of the loop, which has completed.

        Raises:
            AzureError: an output cannot be registered.
        """


@dataclass
class Step:
    """One step: its job, and the steps whose outputs it needs."""

    name: str
    job: str
    needs: set[str]
    properties: JobProperties
    plan: Plan | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    """The address of each output."""
    is_deterministic: bool = True
    """Whether its job can be reused."""
    reuse_key: str = ""
    """The digest of its content; empty if it is not known before earlier steps have run."""
    reused_job: str = ""
    """The job whose outputs it reuses; empty if it runs."""
    conditions: list[tuple[JobInput, bool]] = field(default_factory=list)
    """The literal inputs, and the values that they must have for the step to run."""

    def outputs_as_inputs(self) -> InputMap:
        """Its outputs in the form of the inputs of other steps."""
        declared = self.properties["outputs"]
        kinds = {key: text_of(declared[key], "jobOutputType", "uri_folder") for key in self.outputs}
        return {
            key: {"jobInputType": "literal" if kinds[key] in PRIMITIVES else kinds[key], "uri": uri}
            for key, uri in self.outputs.items()
        }


@dataclass
class Plan:
    """The steps of a pipeline in topological order, or the first iterations of a loop."""

    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    continue_on_step_failure: bool = False
    conditional_steps: frozenset[str] = frozenset()
    """The steps in branches. They are not reused, because they may not run."""
    loop: Loop | None = None
