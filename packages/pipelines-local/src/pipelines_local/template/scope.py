"""What an expression in a file can see while it is expanded: parameters, variables, loops."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from decimal import Decimal

from pipelines_local.errors import ExpressionError, Refused
from pipelines_local.expressions import Array, Context, Object, Value, evaluate, parse, to_text
from pipelines_local.expressions.slots import COMPILE
from pipelines_local.expressions.values import Unconvertible, parse_number
from pipelines_local.template.text import only_expression, parts
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence

_PLAIN_NUMBER = re.compile(
    r"[-+]?(\d{1,28}(\.\d{0,28})?|\.\d{1,28})([eE][-+]?\d{1,2})?\Z", re.ASCII
)


@dataclass(frozen=True)
class Scope:
    """The names that are visible at one place of one file.

    Attributes:
        parameters: those of the file, typed.
        variables: those declared so far in the places around it.
        loops: the variables of ``each``.
    """

    parameters: Map[str, Value] = field(default_factory=dict)
    variables: Map[str, Value] = field(default_factory=dict)
    loops: Map[str, Value] = field(default_factory=dict)

    def with_loop(self, name: str, value: Value) -> Scope:
        """The scope inside of a loop."""
        return Scope(self.parameters, self.variables, {**self.loops, name.lower(): value})

    def check_loop(self, name: str, where: Scalar) -> None:
        """Check the name of an ``each`` variable: it hides nothing.

        Raises:
            Refused: it means something else there.
        """
        if name.lower() in (COMPILE.names | COMPILE.functions | set(self.loops)):
            raise Refused(f"the name {name!r} means something else here already", where.at)

    def with_variables(self, variables: Map[str, Value]) -> Scope:
        """The scope with further variables; they hide those of the same name in any case."""
        hidden = {name.lower() for name in variables}
        kept = {name: v for name, v in self.variables.items() if name.lower() not in hidden}
        return Scope(self.parameters, {**kept, **variables}, self.loops)

    def evaluate(self, expression: str, where: Scalar) -> Value:
        """The value of an expression inside of ``${{ }}``.

        Raises:
            Refused: it is wrong, or names a parameter that the file does not declare.
        """
        parameters = Declared(self.parameters, ignore_case=True)
        names: dict[str, Value] = {
            "parameters": parameters,
            "variables": Object(self.variables, ignore_case=True),
            **self.loops,
        }
        try:
            tree = parse(expression, COMPILE.with_names(*self.loops))
            return evaluate(tree, Context(names))
        except ExpressionError as error:
            raise Refused(f"in '{_short(expression)}': {error}", where.at) from None
        except Undeclared as error:
            raise Refused(
                f"in '{_short(expression)}': the parameter {error.args[0]!r} is not declared"
                f"{_declared(self.parameters)}",
                where.at,
            ) from None

    def text(self, scalar: Scalar) -> Scalar:
        """A text with its expressions replaced.

        Raises:
            Refused: an expression is wrong, or has no text.
        """
        if "${{" not in scalar.text:
            return scalar
        done = []
        for part in parts(scalar):
            if not part.is_expression:
                done.append(part.text)
                continue
            try:
                done.append(to_text(self.evaluate(part.text, scalar)))
            except Unconvertible as error:
                raise Refused(f"in '{_short(part.text)}': {error}", scalar.at) from None
        return Scalar("".join(done), scalar.at, quoted=True)

    def node(self, scalar: Scalar) -> Node:
        """What a text becomes: a whole ``${{ }}`` may give a list or a mapping."""
        inside = only_expression(scalar)
        if inside is None:
            return self.text(scalar)
        return to_node(self.evaluate(inside, scalar), scalar)


class Declared(Object):
    """Parameters: an undeclared one is an error, not nothing."""

    def get(self, key: str) -> Value:
        """The value of a declared parameter."""
        if key.lower() not in self._folded:
            raise Undeclared(key)
        return super().get(key)

    def has(self, key: str) -> bool:
        """Always: :meth:`get` tells of one that is not there."""
        return True


class Undeclared(Exception):
    """A parameter that the file does not declare."""


def to_node(value: Value, where: Scalar) -> Node:
    """A value in the document; what came from there has its old place, else that of ``where``."""
    if isinstance(value, (Array, Object)):
        if isinstance(value.origin, (Sequence, Mapping)):
            return value.origin
        if isinstance(value, Array):
            return Sequence(tuple(to_node(item, where) for item in value.items), where.at)
        return Mapping(
            tuple((Scalar(k, where.at), to_node(v, where)) for k, v in value.entries.items()),
            where.at,
        )
    return Scalar(to_text(value), where.at, quoted=value is not None)


def typed(node: Node) -> Value:
    """The value of an object parameter: unlike elsewhere, numbers and booleans are such.

    What is put back into the document is written as Azure writes it: ``True``, ``3.1`` for 3.10.
    """
    if isinstance(node, Scalar):
        return _typed_scalar(node)
    if isinstance(node, Sequence):
        items = tuple(typed(item) for item in node.items)
        done = zip(items, node.items, strict=True)
        origin = Sequence(tuple(_written(value, old) for value, old in done), node.at)
        return Array(items, origin=origin)
    entries = {key.text: typed(item) for key, item in node.entries}
    pairs = tuple((key, _written(entries[key.text], old)) for key, old in node.entries)
    return Object(entries, origin=Mapping(pairs, node.at))


def _typed_scalar(node: Scalar) -> Value:
    if not node.quoted:
        if node.text.lower() in ("true", "false"):
            return node.text.lower() == "true"
        if _PLAIN_NUMBER.match(node.text):
            number = parse_number(f"{Decimal(node.text):f}")
            return node.text if number is None else number
    return node.text


def _written(value: Value, old: Node) -> Node:
    """The node of a value of :func:`typed`, at its old place."""
    if isinstance(value, (Array, Object)):
        return value.origin  # type: ignore[no-any-return]
    assert isinstance(old, Scalar)  # noqa: S101 - a scalar's value is none
    return old if isinstance(value, str) else Scalar(to_text(value), old.at, quoted=True)


def to_value(node: Node) -> Value:
    """A part of the document as a value; texts stay texts."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return Array(tuple(to_value(item) for item in node.items), origin=node)
    return Object({key.text: to_value(item) for key, item in node.entries}, origin=node)


def _short(expression: str) -> str:
    text = " ".join(expression.split())
    return text if len(text) <= 80 else text[:77] + "..."


def _declared(parameters: Map[str, Value]) -> str:
    return f" (declared: {', '.join(sorted(parameters))})" if parameters else " in this file"
