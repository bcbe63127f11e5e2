"""Evaluate the tree of an expression."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from pipelines_local.errors import EvaluationError
from pipelines_local.expressions import functions
from pipelines_local.expressions.parser import Call, Expression, Filter, Index, Literal, Name
from pipelines_local.expressions.slots import STATUS
from pipelines_local.expressions.values import (
    Array,
    ConversionError,
    Object,
    Value,
    equal,
    is_true,
    to_number,
    to_text,
)

Counter = Callable[[str, int], int]
"""The next number of a counter: prefix, seed."""


class Status(Protocol):
    """Answers the status functions for one step, job or stage."""

    def check(self, function: str, names: tuple[str, ...]) -> bool:
        """Return the value of a status function (name in lower case)."""


@dataclass(frozen=True)
class Context:
    """The names and functions that an expression can use.

    Attributes:
        names: values by name in lower case.
        status: evaluates ``succeeded()`` and the other status functions.
        counter: evaluates ``counter()``.
    """

    names: Mapping[str, Value] = field(default_factory=dict)
    status: Status | None = None
    counter: Counter | None = None


def evaluate(tree: Expression, context: Context) -> Value:
    """Evaluate an expression.

    Raises:
        EvaluationError: a value cannot be converted, or a format is wrong.
    """
    match tree:
        case Literal():
            return tree.value
        case Name():
            return context.names.get(tree.name)
        case Index():
            return _index(evaluate(tree.base, context), evaluate(tree.key, context))
        case Filter():
            return _filter(evaluate(tree.base, context))
        case Call():
            try:
                return _call(tree, context)
            except (ConversionError, functions.FunctionError) as error:
                raise EvaluationError(f"{tree.function}(): {error}", tree.at) from None


def _call(tree: Call, context: Context) -> Value:
    name = tree.function
    if name in ("and", "or"):
        return _evaluate_until(tree, context, stop=name == "or")
    if name in ("in", "notin"):
        left, *rest = tree.arguments
        value = evaluate(left, context)
        is_member = any(equal(value, evaluate(item, context)) for item in rest)
        return is_member is (name == "in")
    if name == "coalesce":
        return _coalesce(tree, context)
    arguments = [evaluate(argument, context) for argument in tree.arguments]
    if name in STATUS:
        return _status(context, name, arguments)
    if name == "counter":
        return _count(context, arguments)
    return functions.FUNCTIONS[name](*arguments)


def _evaluate_until(tree: Call, context: Context, *, stop: bool) -> bool:
    """Evaluate ``and`` or ``or``; stops at the first argument that decides the result."""
    for argument in tree.arguments:
        if is_true(evaluate(argument, context)) is stop:
            return stop
    return not stop


def _coalesce(tree: Call, context: Context) -> Value:
    """Return the first value that is not empty; later arguments are not evaluated."""
    for argument in tree.arguments:
        value = evaluate(argument, context)
        if value is not None and value != "":
            return value
    return None


def _status(context: Context, name: str, arguments: list[Value]) -> bool:
    if context.status is None:
        raise functions.FunctionError("status functions are not available here")
    return context.status.check(name, tuple(to_text(argument) for argument in arguments))


def _count(context: Context, arguments: list[Value]) -> Value:
    if context.counter is None:
        raise functions.FunctionError("counters are not available here")
    seed = to_number(arguments[1])
    return Decimal(context.counter(to_text(arguments[0]), int(seed)))


def _index(base: Value, key: Value) -> Value:
    if isinstance(base, Array) and base.filtered:
        items = [item for element in base.items for item in _lookup(element, key)]
        return Array(tuple(items), filtered=True)
    return next(_lookup(base, key), None)


def _lookup(base: Value, key: Value) -> Iterator[Value]:
    """Yield the value of ``key``, or nothing; a missing key is not an error."""
    try:
        if isinstance(base, Object):
            if base.has(to_text(key)):
                yield base.get(to_text(key))
        elif isinstance(base, Array) and key != "":
            number = math.floor(to_number(key))
            if 0 <= number < len(base.items):
                yield base.items[number]
    except ConversionError:
        return


def _filter(base: Value) -> Value:
    if isinstance(base, Array):
        if base.filtered:
            inner = [_filter(item) for item in base.items]
            items = [item for part in inner if isinstance(part, Array) for item in part.items]
            return Array(tuple(items), filtered=True)
        return Array(base.items, filtered=True)
    if isinstance(base, Object):
        return Array(tuple(base.entries.values()), filtered=True)
    return Array((), filtered=True)
