"""Evaluate single expressions outside a run, for ``pipelines-local eval``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipelines_local.errors import EvaluationError, ExpressionError, UsageError
from pipelines_local.expressions import (
    SLOTS,
    Context,
    Object,
    Value,
    evaluate,
    from_python,
    parse,
    to_python,
    to_text,
)
from pipelines_local.expressions.values import ConversionError
from pipelines_local.results import Result
from pipelines_local.run.status import DependencyStatus, StepStatus
from pipelines_local.template.scope import DeclaredParameters, UndeclaredParameter

RESULTS = ("Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Rejected")
_WRAPPERS = (("${{", "}}"), ("$[", "]"))


@dataclass
class Evaluator:
    """Evaluates expressions one after another; all of them share the counters."""

    counters: dict[str, int] = field(default_factory=dict)

    def evaluate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Evaluate an expression.

        Args:
            request: ``expression``, ``slot``, ``context``, ``jobStatus``, ``results``.

        Returns:
            ``{"value", "text"}`` or ``{"error": {"phase", "message", "at"}}``.

        Raises:
            UsageError: the request is invalid.
        """
        expression = request.get("expression")
        if not isinstance(expression, str):
            raise UsageError("eval-request", "'expression' is missing")
        slot = SLOTS.get(str(request.get("slot", "compile")))
        if slot is None:
            raise UsageError("eval-slot", f"'slot' must be one of: {', '.join(SLOTS)}")
        names = _names(request.get("context") or {})
        status = _status(slot.name, request)
        slot = slot.with_names(*(name for name in names if name not in _CONTEXT_NAMES))
        try:
            tree = parse(_strip_wrapper(expression), slot)
            value = evaluate(tree, Context(names, status, self._count))
        except ExpressionError as error:
            return _error(error)
        except UndeclaredParameter as error:
            return _error(EvaluationError(f"undeclared parameter {error.args[0]!r}", 1))
        try:
            text: str | None = to_text(value)
        except ConversionError:
            text = None
        return {"value": to_python(value), "text": text}

    def _count(self, prefix: str, seed: int) -> int:
        self.counters[prefix] = self.counters[prefix] + 1 if prefix in self.counters else seed
        return self.counters[prefix]


_CONTEXT_NAMES = (
    "variables",
    "parameters",
    "dependencies",
    "stagedependencies",
    "pipeline",
    "resources",
)


def _error(error: ExpressionError) -> dict[str, Any]:
    return {"error": {"phase": error.phase, "message": error.message, "at": error.at}}


def _strip_wrapper(expression: str) -> str:
    text = expression.strip()
    for start, end in _WRAPPERS:
        if text.startswith(start) and text.endswith(end):
            return text[len(start) : -len(end)]
    return expression


def _names(context: Any) -> dict[str, Value]:
    if not isinstance(context, Mapping):
        raise UsageError("eval-request", "'context' must be an object")
    names: dict[str, Value] = {
        "parameters": DeclaredParameters({}, ignore_case=True),
        "pipeline": _pipeline({}),
    }
    for name, data in context.items():
        key = str(name).lower()
        if key in _CONTEXT_NAMES and not isinstance(data, Mapping):
            raise UsageError("eval-request", f"'context.{name}' must be an object")
        if key == "parameters":
            values = {k: from_python(v) for k, v in data.items()}
            names[key] = DeclaredParameters(values, ignore_case=True)
        elif key == "variables":
            names[key] = Object({k: _variable(v) for k, v in data.items()}, ignore_case=True)
        elif key == "pipeline":
            names[key] = _pipeline(data)
        else:
            names[key] = from_python(data, ignore_case=key in _CONTEXT_NAMES)
    return names


def _variable(data: Any) -> str:
    """Convert the value of a variable to a string."""
    try:
        return to_text(from_python(data))
    except ConversionError:
        raise UsageError("eval-request", "the value of a variable must be a string") from None


def _pipeline(data: Mapping[str, Any]) -> Value:
    known = {str(key).lower(): value for key, value in data.items()}
    try:
        start = datetime.fromisoformat(str(known["starttime"]))
    except KeyError:
        start = datetime.now(UTC)
    except ValueError:
        message = "'context.pipeline.startTime' must be an ISO date"
        raise UsageError("eval-request", message) from None
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    return from_python({**data, "startTime": start}, ignore_case=True)


def _status(slot: str, request: Mapping[str, Any]) -> StepStatus | DependencyStatus:
    job = str(request.get("jobStatus") or "Succeeded")
    results = request.get("results")
    if results is None:  # the dependencies have results too
        results = _results(request.get("context") or {})
    if job not in RESULTS or not isinstance(results, Mapping):
        message = "'jobStatus' must be a result, 'results' an object of results by name"
        raise UsageError("eval-request", message)
    if slot == "step-condition":
        return StepStatus(_result(job), job == "Canceled")
    results = {str(name).lower(): _result(result) for name, result in results.items()}
    return DependencyStatus(results, frozenset(results), job == "Canceled")


def _results(context: Mapping[str, Any]) -> dict[str, Any]:
    known = {str(name).lower(): value for name, value in context.items()}
    dependencies = known.get("dependencies", {})
    return {
        name: value["result"] for name, value in dependencies.items()
        if isinstance(value, Mapping) and "result" in value
    }  # fmt: skip


def _result(text: Any) -> Result:
    for known in RESULTS:
        if str(text).lower() == known.lower():
            return known  # type: ignore[return-value]
    raise UsageError("eval-request", f"unknown result {text!r} (results: {', '.join(RESULTS)})")
