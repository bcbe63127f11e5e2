"""Works out the tree of an expression against what is known at that moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from pipelines_local.errors import EvaluationError
from pipelines_local.expressions import functions
from pipelines_local.expressions.parser import Call, Expression, Filter, Index, Literal, Name
from pipelines_local.expressions.slots import STATUS
from pipelines_local.expressions.values import (
    Array,
    Object,
    Unconvertible,
    Value,
    equal,
    is_true,
    to_number,
    to_text,
)

Counter = Callable[[str, int], int]
"""The next number of a counter: prefix, seed."""


class Status(Protocol):
    """How far the run came, as the status functions see it from one place."""

    def check(self, function: str, names: tuple[str, ...]) -> bool:
        """The answer of a status function (name in lower case).

        Raises:
            KeyError: one of ``names`` is no dependency.
        """


@dataclass(frozen=True)
class Context:
    """What an expression can see.

    Attributes:
        names: values by name in lower case.
        status: answers ``succeeded()`` and its like.
        counter: answers ``counter()``.
    """

    names: Mapping[str, Value] = field(default_factory=dict)
    status: Status | None = None
    counter: Counter | None = None


def evaluate(tree: Expression, context: Context) -> Value:
    """The value of an expression.

    Raises:
        EvaluationError: a value cannot be converted, a format is wrong.
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
            except (Unconvertible, functions.Failed) as error:
                raise EvaluationError(f"{tree.function}(): {error}", tree.at) from None


def _call(tree: Call, context: Context) -> Value:
    name = tree.function
    if name in ("and", "or"):
        return _until(tree, context, stop=name == "or")
    if name in ("in", "notin"):
        left, *rest = tree.arguments
        value = evaluate(left, context)
        found = any(equal(value, evaluate(item, context)) for item in rest)
        return found is (name == "in")
    arguments = [evaluate(argument, context) for argument in tree.arguments]
    if name in STATUS:
        return _status(context, name, arguments)
    if name == "counter":
        return _count(context, arguments)
    return functions.TABLE[name](*arguments)


def _until(tree: Call, context: Context, *, stop: bool) -> bool:
    """And, or: the rest is not looked at once the answer is known."""
    for argument in tree.arguments:
        if is_true(evaluate(argument, context)) is stop:
            return stop
    return not stop


def _status(context: Context, name: str, arguments: list[Value]) -> bool:
    if context.status is None:
        raise functions.Failed("no run whose status could be asked")
    try:
        return context.status.check(name, tuple(to_text(argument) for argument in arguments))
    except KeyError as error:
        raise functions.Failed(f"{error.args[0]!r} is not among the dependencies") from None


def _count(context: Context, arguments: list[Value]) -> Value:
    if context.counter is None:
        raise functions.Failed("no counters here")
    seed = to_number(arguments[1])
    return Decimal(context.counter(to_text(arguments[0]), int(seed)))


def _index(base: Value, key: Value) -> Value:
    if isinstance(base, Array) and base.filtered:
        found = [_index(item, key) for item in base.items]
        return Array(tuple(item for item in found if item is not None), filtered=True)
    try:
        if isinstance(base, Object):
            return base.get(to_text(key))
        if isinstance(base, Array):
            number = int(to_number(key))
            return base.items[number] if 0 <= number < len(base.items) else None
    except Unconvertible:
        return None
    return None


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
