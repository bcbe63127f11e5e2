"""Works out the tree of an expression against what is known at that moment."""

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
        """The answer of a status function (name in lower case)."""


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
    if name == "coalesce":
        return _first_given(tree, context)
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


def _first_given(tree: Call, context: Context) -> Value:
    """Coalesce: what stands behind the first value that is there is not looked at."""
    for argument in tree.arguments:
        value = evaluate(argument, context)
        if value is not None and value != "":
            return value
    return None


def _status(context: Context, name: str, arguments: list[Value]) -> bool:
    if context.status is None:
        raise functions.Failed("no run whose status could be asked")
    return context.status.check(name, tuple(to_text(argument) for argument in arguments))


def _count(context: Context, arguments: list[Value]) -> Value:
    if context.counter is None:
        raise functions.Failed("no counters here")
    seed = to_number(arguments[1])
    return Decimal(context.counter(to_text(arguments[0]), int(seed)))


def _index(base: Value, key: Value) -> Value:
    if isinstance(base, Array) and base.filtered:
        found = [item for one in base.items for item in _found(one, key)]
        return Array(tuple(found), filtered=True)
    return next(_found(base, key), None)


def _found(base: Value, key: Value) -> Iterator[Value]:
    """What ``base`` has under ``key``: one value, or none. A miss is never an error."""
    try:
        if isinstance(base, Object):
            if base.has(to_text(key)):
                yield base.get(to_text(key))
        elif isinstance(base, Array) and key != "":
            number = math.floor(to_number(key))
            if 0 <= number < len(base.items):
                yield base.items[number]
    except Unconvertible:
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
