"""Runs of loops: which iterations run next, and the outputs of the loop from theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from azureml_local.documents.jobs import InputMap, JobInput
from azureml_local.errors import BadRequest
from azureml_local.jobs import inputs
from azureml_local.jobs.branches import is_true
from azureml_local.jobs.loops import DO_WHILE, PARALLEL_FOR, DoWhile, Items
from azureml_local.jobs.plans import Step
from azureml_local.state import Workspace

PlanIteration = Callable[[str, InputMap], Step]
"""Plans an iteration from its label and its inputs, which replace those of the body."""


@dataclass
class DoWhileRun:
    """A do-while loop: one iteration after the other, with outputs of the one before as inputs."""

    workspace: Workspace
    settings: DoWhile
    plan_iteration: PlanIteration
    outputs: dict[str, inputs.Output]
    kind: str = field(default=DO_WHILE, init=False)
    max_concurrency: int | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)

    def first_iterations(self) -> list[Step]:
        """The first iteration.

        Raises:
            AzureError: it cannot run, or the second one could not.
        """
        first = self._plan({})
        self._check_mapping(first)
        return [first]

    def next_iterations(self, ended: list[Step]) -> list[Step]:
        """The next iteration, unless the condition is not true or the limit is reached."""
        values = ended[-1].outputs_as_inputs()
        if self._count == self.settings.max_iterations or not self._continues(values):
            return []
        return [self._plan(self._mapped_inputs(values))]

    def _check_mapping(self, first: Step) -> None:
        """Refuse a mapping or condition that the second iteration could not use."""
        values = first.outputs_as_inputs()
        needed = [*self.settings.mapping, *filter(None, [self.settings.condition])]
        missing = [name for name in needed if name not in values]
        if missing:
            raise BadRequest(f"no step of the body has the output {missing[0]}", "UserError")
        self.plan_iteration("2", self._mapped_inputs(values))

    def write_outputs(self, iterations: list[Step]) -> None:
        """Copy the outputs of the last iteration."""
        for key, output in self.outputs.items():
            output.copy_from(iterations[-1].outputs[key])

    def _plan(self, values: InputMap) -> Step:
        self._count += 1
        return self.plan_iteration(str(self._count), values)

    def _continues(self, values: InputMap) -> bool:
        condition = self.settings.condition
        if condition is None:
            return True
        texts = inputs.resolve_inputs(
            self.workspace,
            {condition: values[condition]},
            Path(),  # a literal has no copies
        )
        return is_true(texts[condition])

    def _mapped_inputs(self, values: InputMap) -> InputMap:
        return {
            target: values[output]
            for output, targets in self.settings.mapping.items()
            for target in targets
        }


@dataclass
class ParallelForRun:
    """A parallel-for loop: all iterations side by side, and their outputs in tables."""

    workspace: Workspace
    items: JobInput
    """The items as a literal input: their text, or the file that an earlier step writes."""
    parse: Callable[[str], Items]
    plan_iteration: PlanIteration
    outputs: dict[str, inputs.Output]
    max_concurrency: int | None
    kind: str = field(default=PARALLEL_FOR, init=False)

    def first_iterations(self) -> list[Step]:
        """All iterations if the items are known: an earlier step may write them.

        Raises:
            AzureError: the items are not valid, or an iteration cannot run.
        """
        return self.next_iterations([]) if "value" in self.items else []

    def next_iterations(self, ended: list[Step]) -> list[Step]:
        """All iterations, if none has ended."""
        if ended:
            return []
        text = inputs.resolve_inputs(self.workspace, {"items": self.items}, Path())
        items = self.parse(text["items"])
        return [self.plan_iteration(label, values) for label, values in items.items()]

    def write_outputs(self, iterations: list[Step]) -> None:
        """Write an MLTable for each output, with the addresses of the iterations' outputs."""
        import yaml

        for key, output in self.outputs.items():
            values = [step.outputs_as_inputs().get(key) for step in iterations]
            paths = [
                {"file" if value["jobInputType"] == "uri_file" else "folder": value["uri"]}
                for value in values
                if value is not None
            ]
            output.path.mkdir(parents=True, exist_ok=True)
            content = yaml.safe_dump({"type": "mltable", "paths": paths}, sort_keys=False)
            (output.path / "MLTable").write_text(content, encoding="utf-8")
            output.register()
