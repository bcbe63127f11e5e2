"""Typed access to the keys of a mapping; an unknown key is an error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping as Map

from pipelines_local.errors import Diagnostic, ExpressionError, InvalidPipeline, Position, Problems
from pipelines_local.expressions import Expression, Slot, parse
from pipelines_local.expressions.values import parse_number
from pipelines_local.model.types import Condition, Variable
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_TRUE, _FALSE = ("true", "y", "yes", "on"), ("false", "n", "no", "off")
_RUNTIME = re.compile(r"\s*\$\[(.*)\]\s*\Z", re.DOTALL)


class Fields:
    """The keys of one mapping."""

    def __init__(
        self,
        node: Node,
        owner: str,
        known: tuple[str, ...],
        unsupported: Map[str, str] | None = None,
    ) -> None:
        """Check the keys.

        Args:
            node: the mapping.
            owner: its name in messages: "a job".
            known: the supported keys.
            unsupported: keys of Azure Pipelines that are not supported here, with the reason.

        Raises:
            InvalidPipeline: the node is not a mapping, or has other keys.
        """
        if not isinstance(node, Mapping):
            raise InvalidPipeline("invalid-type", f"{owner} must be a mapping", node.at)
        self.at = node.at
        self._values: dict[str, Node] = {}
        problems: list[Diagnostic] = []
        for key, value in node.entries:
            if unsupported and key.text in unsupported:
                reason = unsupported[key.text]
                message = f"{key.text!r} is not supported{reason and f': {reason}'}"
                problems.append(Diagnostic("unsupported-key", message, key.at))
            elif key.text not in known:
                problems.append(unknown_key(key, known, owner))
            self._values[key.text] = value
        if problems:
            raise InvalidPipeline.from_diagnostics(problems)

    def node(self, key: str) -> Node | None:
        """Return the value of any type; None if the key is missing or empty."""
        value = self._values.get(key)
        return None if isinstance(value, Scalar) and value.is_null else value

    def __contains__(self, key: str) -> bool:
        """Whether the key exists, even without a value."""
        return key in self._values

    def scalar(self, key: str) -> Scalar | None:
        """Return a string with its position.

        Raises:
            InvalidPipeline: the value is a list or a mapping.
        """
        value = self.node(key)
        if value is not None and not isinstance(value, Scalar):
            raise InvalidPipeline("invalid-type", f"{key!r} must be a string", value.at)
        return value

    def text(self, key: str, default: str = "") -> str:
        """Return a string."""
        value = self.scalar(key)
        return default if value is None else value.text

    def flag(self, key: str, default: bool) -> bool:
        """Return a boolean: true, y, yes, on, false, n, no or off, in any case.

        Source: https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/boolean
        """
        value = self.scalar(key)
        if value is None or value.text == "":
            return default
        text = value.text.lower()
        if text not in (*_TRUE, *_FALSE):
            message = f"{key!r} must be true or false (got {value.text!r})"
            raise InvalidPipeline("invalid-value", message, value.at)
        return text in _TRUE

    def number(self, key: str, minimum: float = 0, maximum: float = 10**9) -> float | None:
        """Return a number; None if the key is missing."""
        value = self.scalar(key)
        if value is None:
            return None
        number = parse_number(value.text.strip())
        if number is None or not minimum <= number <= maximum:
            limits = f"from {minimum:g}" + (f" to {maximum:g}" if maximum < 10**9 else "")
            message = f"{key!r} must be a number {limits} (got {value.text!r})"
            raise InvalidPipeline("invalid-value", message, value.at)
        return float(number)

    def items(self, key: str) -> tuple[Node, ...]:
        """Return the items of a list; empty if the key is missing."""
        value = self.node(key)
        if value is None:
            return ()
        if not isinstance(value, Sequence):
            raise InvalidPipeline("invalid-type", f"{key!r} must be a list", value.at)
        return value.items

    def names(self, key: str) -> tuple[Scalar, ...]:
        """Return a list of names; the value can be one name."""
        value = self.node(key)
        if isinstance(value, Scalar):
            return (value,) if value.text else ()
        names = []
        for item in self.items(key):
            if not isinstance(item, Scalar):
                raise InvalidPipeline("invalid-type", f"{key!r} must be a list of names", item.at)
            names.append(item)
        return tuple(names)

    def texts(self, key: str) -> dict[str, str]:
        """Return a mapping of strings."""
        return {name: scalar.text for name, scalar in self.scalars(key).items()}

    def scalars(self, key: str) -> dict[str, Scalar]:
        """Return a mapping of strings with their positions."""
        value = self.node(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise InvalidPipeline("invalid-type", f"{key!r} must be a mapping", value.at)
        scalars = {}
        for name, item in value.entries:
            if not isinstance(item, Scalar):
                raise InvalidPipeline("invalid-type", f"{name.text!r} must be a string", item.at)
            scalars[name.text] = item
        return scalars

    def condition(self, slot: Slot) -> Condition | None:
        """Return the parsed condition."""
        value = self.scalar("condition")
        if value is None or not value.text.strip():
            return None
        return Condition(value.text.strip(), parse_expression(value.text, slot, value.at), value.at)


def check_first_key(node: Node, kinds: tuple[str, ...], owner: str) -> str:
    """Return the first key of a stage, a job or a step; it says what the mapping is.

    Raises:
        InvalidPipeline: the node is not a mapping, or its first key is none of ``kinds``.
    """
    if not isinstance(node, Mapping) or not node.entries:
        raise InvalidPipeline("invalid-type", f"{owner} must be a mapping", node.at)
    first = node.entries[0][0]
    if first.text not in kinds:
        for key, _ in node.entries:
            if key.text in kinds:
                message = f"{key.text!r} must be the first key of {owner}"
                raise InvalidPipeline("key-order", message, key.at)
        names = f"one of {', '.join(kinds)}" if len(kinds) > 1 else repr(kinds[0])
        message = f"unknown key {first.text!r}: the first key of {owner} is {names}"
        raise InvalidPipeline("unknown-key", message, first.at)
    return first.text


def unknown_key(key: Scalar, known: tuple[str, ...], owner: str) -> Diagnostic:
    """Return the diagnostic of an unknown key."""
    text = key.text if len(key.text) <= 80 else key.text[:77] + "..."
    similar = difflib.get_close_matches(text, known, 1)
    fix = f"did you mean {similar[0]!r}?" if similar else ""
    return Diagnostic("unknown-key", f"unknown key {text!r} in {owner}", key.at, fix=fix)


def parse_expression(text: str, slot: Slot, at: Position) -> Expression:
    """Parse an expression of the document.

    Raises:
        InvalidPipeline: the expression has a syntax error.
    """
    try:
        return parse(text, slot)
    except ExpressionError as error:
        short = " ".join(text.split())[:80]
        raise InvalidPipeline(error.code, f"in '{short}': {error}", at) from None


def parse_runtime_expression(value: Scalar, slot: Slot) -> Expression | None:
    """Parse a ``$[ ]`` value; None for another value.

    Raises:
        InvalidPipeline: the expression has a syntax error.
    """
    runtime = _RUNTIME.match(value.text)
    return parse_expression(runtime[1], slot, value.at) if runtime else None


def read_variables(node: Node | None, slot: Slot) -> tuple[Variable, ...]:
    """Read declared variables; after expansion they are always a list.

    Raises:
        InvalidPipeline: a variable is wrong.
    """
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        raise InvalidPipeline("invalid-type", "'variables' must be a mapping or a list", node.at)
    problems = Problems()
    variables = [problems.collect(_read_variable, item, slot) for item in node.items]
    problems.raise_all()
    return tuple(variable for variable in variables if variable is not None)


def _read_variable(item: Node, slot: Slot) -> Variable:
    if isinstance(item, Mapping) and item.get("group") is not None:
        name = Fields(item, "a variable group", ("group",)).text("group")
        return Variable("", "", item.at, group=name)
    fields = Fields(item, "a variable", ("name", "value", "readonly"))
    name = fields.text("name")
    if not name:
        raise InvalidPipeline("missing-name", "a variable needs a name", fields.at)
    value = fields.scalar("value") or Scalar("", fields.at)
    tree = parse_runtime_expression(value, slot)
    return Variable(name, value.text, value.at, fields.flag("readonly", False), tree)
