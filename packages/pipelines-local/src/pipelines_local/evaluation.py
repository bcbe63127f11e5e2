"""Evaluates single expressions outside of a run: what ``pipelines-local eval`` answers."""

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
    of_python,
    parse,
    to_python,
    to_text,
)
from pipelines_local.expressions.values import Unconvertible
from pipelines_local.results import Result
from pipelines_local.run.status import GraphStatus, StepStatus
from pipelines_local.template.scope import Declared, Undeclared

RESULTS = ("Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Rejected")
_WRAPPERS = (("${{", "}}"), ("$[", "]"))


@dataclass
class Evaluator:
    """Answers one question after the other; counters go on from one to the next."""

    counters: dict[str, int] = field(default_factory=dict)

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The value of an expression.

        Args:
            question: ``expression``, ``slot``, ``context``, ``jobStatus``, ``results``.

        Returns:
            ``{"value", "text"}`` or ``{"error": {"phase", "message", "at"}}``.

        Raises:
            UsageError: the question itself is wrong.
        """
        expression = question.get("expression")
        if not isinstance(expression, str):
            raise UsageError("a question needs an 'expression'")
        slot = SLOTS.get(str(question.get("slot", "compile")))
        if slot is None:
            raise UsageError(f"'slot' is one of: {', '.join(SLOTS)}")
        names = _names(question.get("context") or {})
        status = _status(slot.name, question)
        slot = slot.with_names(*(name for name in names if name not in _FIXED))
        try:
            tree = parse(_unwrapped(expression), slot)
            value = evaluate(tree, Context(names, status, self._count))
        except ExpressionError as error:
            return _error(error)
        except Undeclared as error:
            return _error(EvaluationError(f"the parameter {error.args[0]!r} is not declared", 1))
        try:
            text: str | None = to_text(value)
        except Unconvertible:
            text = None
        return {"value": to_python(value), "text": text}

    def _count(self, prefix: str, seed: int) -> int:
        self.counters[prefix] = self.counters[prefix] + 1 if prefix in self.counters else seed
        return self.counters[prefix]


_FIXED = ("variables", "parameters", "dependencies", "stagedependencies", "pipeline", "resources")


def _error(error: ExpressionError) -> dict[str, Any]:
    return {"error": {"phase": error.phase, "message": error.message, "at": error.at}}


def _unwrapped(expression: str) -> str:
    text = expression.strip()
    for start, end in _WRAPPERS:
        if text.startswith(start) and text.endswith(end):
            return text[len(start) : -len(end)]
    return expression


def _names(context: Any) -> dict[str, Value]:
    if not isinstance(context, Mapping):
        raise UsageError("'context' has to be an object")
    names: dict[str, Value] = {
        "parameters": Declared({}, ignore_case=True),
        "pipeline": _pipeline({}),
    }
    for name, data in context.items():
        key = str(name).lower()
        if key in _FIXED and not isinstance(data, Mapping):
            raise UsageError(f"'context.{name}' has to be an object")
        if key == "parameters":
            values = {k: of_python(v) for k, v in data.items()}
            names[key] = Declared(values, ignore_case=True)
        elif key == "variables":
            names[key] = Object({k: _variable(v) for k, v in data.items()}, ignore_case=True)
        elif key == "pipeline":
            names[key] = _pipeline(data)
        else:
            names[key] = of_python(data, ignore_case=key in _FIXED)
    return names


def _variable(data: Any) -> str:
    """Variables are texts, whatever was given."""
    try:
        return to_text(of_python(data))
    except Unconvertible:
        raise UsageError("a variable has to be a text") from None


def _pipeline(data: Mapping[str, Any]) -> Value:
    known = {str(key).lower(): value for key, value in data.items()}
    try:
        start = datetime.fromisoformat(str(known["starttime"]))
    except KeyError:
        start = datetime.now(UTC)
    except ValueError:
        raise UsageError("'context.pipeline.startTime' has to be an ISO date") from None
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    return of_python({**data, "startTime": start}, ignore_case=True)


def _status(slot: str, question: Mapping[str, Any]) -> StepStatus | GraphStatus:
    job = str(question.get("jobStatus") or "Succeeded")
    given = question.get("results")
    if given is None:  # the dependencies tell it too
        given = _results(question.get("context") or {})
    if job not in RESULTS or not isinstance(given, Mapping):
        raise UsageError("'jobStatus' is a result, 'results' an object of results by name")
    if slot == "step-condition":
        return StepStatus(_result(job), job == "Canceled")
    results = {str(name).lower(): _result(result) for name, result in given.items()}
    return GraphStatus(results, frozenset(results), job == "Canceled")


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
    raise UsageError(f"{text!r} is no result; results: {', '.join(RESULTS)}")
