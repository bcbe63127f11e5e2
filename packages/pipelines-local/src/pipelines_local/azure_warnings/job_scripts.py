"""The scripts of one job, as far as they are known before the run."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines_local.azure_warnings.az_calls import AzCall, find_az_calls
from pipelines_local.errors import Diagnostic, ExpressionError
from pipelines_local.expressions import Context, Expression, evaluate, is_true
from pipelines_local.expressions.parser import Call, Filter, Index, Literal, Name
from pipelines_local.model import Job, Pipeline, Stage, Step
from pipelines_local.run.masker import Masker
from pipelines_local.run.status import StepStatus
from pipelines_local.run.variables import Variables

_TASKS = ("AzureCLI@", "Bash@", "CmdLine@")
_FILES = ("scriptpath", "filepath")
_INLINE = ("inlinescript", "script")


@dataclass(frozen=True)
class JobScripts:
    """A job with its place in the pipeline.

    Attributes:
        root: the repository.
        values: variables of the caller and predefined ones.
    """

    pipeline: Pipeline
    stage: Stage
    job: Job
    root: Path
    values: Mapping[str, str]

    @functools.cached_property
    def variables(self) -> Variables:
        """The variables of the job with constant values."""
        variables = Variables(Masker())
        for name, value in self.values.items():
            variables.set(name, value)
        for owner in (self.pipeline, self.stage, self.job):
            for variable in owner.variables:
                if variable.is_constant:
                    variables.set(variable.name, variable.value)
        return variables

    @functools.cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps that can run: enabled, and their condition is not known to be false."""
        return tuple(step for step in self.job.steps if step.enabled and self._can_run(step))

    def _can_run(self, step: Step) -> bool:
        if step.condition is None:
            return True
        known = {entry.name.lower() for entry in self.variables}
        names = list(_variable_names(step.condition.tree))
        if not names or not known.issuperset(names):
            return True  # an earlier step can set a variable
        context = Context({"variables": self.variables.as_object()}, StepStatus("Succeeded", False))
        try:
            return is_true(evaluate(step.condition.tree, context))
        except ExpressionError:
            return True

    @property
    def is_hosted(self) -> bool:
        """Whether the job runs on an image of Microsoft."""
        return self.job.image.lower().startswith("ubuntu-")

    def script(self, step: Step) -> str | None:
        """Return the script of a step with expanded macros.

        Returns:
            Empty for a task without a script; None for a file that is not in the repository.
        """
        if not step.task.startswith(_TASKS):
            return ""
        for key in _INLINE:
            if step.inputs.get(key):
                return self.variables.expand(step.inputs[key])
        for key in _FILES:
            if step.inputs.get(key):
                path = self.find_file(step, step.inputs[key])
                return path.read_text(encoding="utf-8", errors="replace") if path else None
        return ""

    def az_calls(self, step: Step) -> list[AzCall]:
        """Return the calls of ``az`` in the script of a step."""
        return list(find_az_calls(self.script(step) or ""))

    def find_file(self, step: Step, name: str) -> Path | None:
        """Return a file of the repository that a step names; None if it is not there."""
        folder = self.variables.expand(step.inputs.get("workingdirectory", ""))
        for base in (folder, ""):
            text = self.variables.expand(f"{base}/{name}" if base else name)
            for macro in ("Build.SourcesDirectory", "System.DefaultWorkingDirectory"):
                text = text.replace(f"$({macro})", "").replace(f"${{{macro}}}", "")
            path = self.root / text.lstrip("/")
            if name and "$" not in text and path.is_file():
                return path
        return None


def _variable_names(tree: Expression) -> Iterator[str]:
    """Yield the lower-case names of the variables in an expression; empty for a computed name."""
    match tree:
        case Index(base=Name(name=root), key=Literal(value=name)) if root.lower() == "variables":
            yield str(name).lower()
        case Index():
            yield from (*_variable_names(tree.base), *_variable_names(tree.key), "")
        case Call():
            for argument in tree.arguments:
                yield from _variable_names(argument)
        case Filter():
            yield ""
        case _:
            return


def warning(code: str, step: Step, message: str, fix: str, source: str) -> Diagnostic:
    """Return a warning at a step."""
    return Diagnostic(code, f"on Azure: {message}", step.at, "warning", fix, source)
