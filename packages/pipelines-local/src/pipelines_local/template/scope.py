"""Visible names of a template expression: parameters, variables, loop variables."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from decimal import Decimal

from pipelines_local.errors import ExpressionError, InvalidPipeline
from pipelines_local.expressions import Array, Context, Object, Value, evaluate, parse, to_text
from pipelines_local.expressions.slots import COMPILE
from pipelines_local.expressions.values import ConversionError, parse_number
from pipelines_local.template.text import only_expression, split_parts
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence

_PLAIN_NUMBER = re.compile(
    r"[-+]?(\d{1,28}(\.\d{0,28})?|\.\d{1,28})([eE][-+]?\d{1,2})?\Z", re.ASCII
)


@dataclass(frozen=True)
class Scope:
    """The names that are visible at one place of one file.

    Attributes:
        parameters: typed values of the parameters of the file.
        variables: variables of the enclosing nodes.
        loops: the variables of ``each``.
    """

    parameters: Map[str, Value] = field(default_factory=dict)
    variables: Map[str, Value] = field(default_factory=dict)
    loops: Map[str, Value] = field(default_factory=dict)

    def with_loop(self, name: str, value: Value) -> Scope:
        """Return the scope of one iteration of a loop."""
        return Scope(self.parameters, self.variables, {**self.loops, name.lower(): value})

    def check_loop_variable(self, name: str, key: Scalar) -> None:
        """Check that the variable of ``each`` hides no other name.

        Raises:
            InvalidPipeline: the name is used already.
        """
        if name.lower() in (COMPILE.names | COMPILE.functions | set(self.loops)):
            raise InvalidPipeline(
                "reserved-name", f"the loop variable {name!r} hides another name", key.at
            )

    def with_variables(self, variables: Map[str, Value]) -> Scope:
        """Return the scope with more variables; they replace those of the same name."""
        replaced = {name.lower() for name in variables}
        others = {n: value for n, value in self.variables.items() if n.lower() not in replaced}
        return Scope(self.parameters, {**others, **variables}, self.loops)

    def evaluate(self, expression: str, scalar: Scalar) -> Value:
        """Evaluate the inside of a ``${{ }}`` of ``scalar``.

        Raises:
            InvalidPipeline: the expression is wrong or uses an undeclared parameter.
        """
        names: dict[str, Value] = {
            "parameters": DeclaredParameters(self.parameters, ignore_case=True),
            "variables": Object(self.variables, ignore_case=True),
            **self.loops,
        }
        try:
            tree = parse(expression, COMPILE.with_names(*self.loops))
            return evaluate(tree, Context(names))
        except ExpressionError as error:
            message = f"in '{_shorten(expression)}': {error}"
            raise InvalidPipeline(error.code, message, scalar.at) from None
        except UndeclaredParameter as error:
            declared = ", ".join(sorted(self.parameters)) or "none"
            raise InvalidPipeline(
                "undeclared-parameter",
                f"in '{_shorten(expression)}': undeclared parameter {error.args[0]!r} "
                f"(declared: {declared})",
                scalar.at,
            ) from None

    def expand_text(self, scalar: Scalar) -> Scalar:
        """Replace the expressions in a string.

        Raises:
            InvalidPipeline: an expression is wrong, or its value is not a string.
        """
        if "${{" not in scalar.text:
            return scalar
        texts = []
        for part in split_parts(scalar):
            if not part.is_expression:
                texts.append(part.text)
                continue
            try:
                texts.append(to_text(self.evaluate(part.text, scalar)))
            except ConversionError as error:
                message = f"in '{_shorten(part.text)}': {error}"
                raise InvalidPipeline("expression-value", message, scalar.at) from None
        return Scalar("".join(texts), scalar.at, quoted=True)

    def expand_node(self, scalar: Scalar) -> Node:
        """Expand a string; a string that is one ``${{ }}`` can become a list or a mapping."""
        inside = only_expression(scalar)
        if inside is None:
            return self.expand_text(scalar)
        return to_node(self.evaluate(inside, scalar), scalar)


class DeclaredParameters(Object):
    """Parameters; reading an undeclared one is an error."""

    def get(self, key: str) -> Value:
        """Return the value of a declared parameter."""
        if key.lower() not in self._folded:
            raise UndeclaredParameter(key)
        return super().get(key)

    def has(self, key: str) -> bool:
        """Always true, so that :meth:`get` reports an undeclared parameter."""
        return True


class UndeclaredParameter(Exception):
    """A parameter that the file does not declare."""


def to_node(value: Value, scalar: Scalar) -> Node:
    """Convert a value to a node; a new node gets the position of ``scalar``."""
    if isinstance(value, (Array, Object)):
        if isinstance(value.origin, (Sequence, Mapping)):
            return value.origin
        if isinstance(value, Array):
            return Sequence(tuple(to_node(item, scalar) for item in value.items), scalar.at)
        return Mapping(
            tuple((Scalar(k, scalar.at), to_node(v, scalar)) for k, v in value.entries.items()),
            scalar.at,
        )
    return Scalar(to_text(value), scalar.at, quoted=value is not None)


def to_typed_value(node: Node) -> Value:
    """Convert the value of an object parameter; only there numbers and booleans have a type.

    Back in the document they have the form of Azure Pipelines: ``True``, ``3.1`` for 3.10.
    """
    if isinstance(node, Scalar):
        return _to_typed_scalar(node)
    if isinstance(node, Sequence):
        items = tuple(to_typed_value(item) for item in node.items)
        nodes = tuple(_to_origin(v, n) for v, n in zip(items, node.items, strict=True))
        return Array(items, origin=Sequence(nodes, node.at))
    entries = {key.text: to_typed_value(item) for key, item in node.entries}
    pairs = tuple((key, _to_origin(entries[key.text], item)) for key, item in node.entries)
    return Object(entries, origin=Mapping(pairs, node.at))


def _to_typed_scalar(node: Scalar) -> Value:
    if not node.quoted:
        if node.text.lower() in ("true", "false"):
            return node.text.lower() == "true"
        if _PLAIN_NUMBER.match(node.text):
            number = parse_number(f"{Decimal(node.text):f}")
            return node.text if number is None else number
    return node.text


def _to_origin(value: Value, node: Node) -> Node:
    """Return the node of a value of :func:`to_typed_value`."""
    if isinstance(value, (Array, Object)):
        return value.origin  # type: ignore[no-any-return]
    assert isinstance(node, Scalar)  # noqa: S101 - neither a list nor a mapping
    return node if isinstance(value, str) else Scalar(to_text(value), node.at, quoted=True)


def to_value(node: Node) -> Value:
    """Convert a node to a value; scalars stay strings."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return Array(tuple(to_value(item) for item in node.items), origin=node)
    return Object({key.text: to_value(item) for key, item in node.entries}, origin=node)


def _shorten(expression: str) -> str:
    text = " ".join(expression.split())
    return text if len(text) <= 80 else text[:77] + "..."
