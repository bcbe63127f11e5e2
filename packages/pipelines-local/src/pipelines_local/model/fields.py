"""Takes a mapping apart: each key is asked for, and one that nobody asked for is refused."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping as Map

from pipelines_local.errors import ExpressionError, Position, Refused
from pipelines_local.expressions import Expression, Slot, parse
from pipelines_local.expressions.values import parse_number
from pipelines_local.model.types import Condition, Variable
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_RUNTIME = re.compile(r"\s*\$\[(.*)\]\s*\Z", re.DOTALL)


class Fields:
    """The keys of one mapping."""

    def __init__(
        self,
        node: Node,
        what: str,
        known: tuple[str, ...],
        unsupported: Map[str, str] | None = None,
    ) -> None:
        """Check the keys.

        Args:
            node: the mapping.
            what: its name in messages: "a job".
            known: the keys that it may have.
            unsupported: keys that Azure knows and this package does not, with the reason.

        Raises:
            Refused: it is no mapping, or has another key.
        """
        if not isinstance(node, Mapping):
            raise Refused(f"{what} has to be a mapping", node.at)
        self.at = node.at
        self.what = what
        self._values: dict[str, Node] = {}
        for key, value in node.entries:
            if unsupported and key.text in unsupported:
                reason = unsupported[key.text]
                raise Refused(f"{key.text!r} is not supported{reason and f': {reason}'}", key.at)
            if key.text not in known:
                raise Refused(unexpected(key.text, known, what), key.at)
            self._values[key.text] = value

    def node(self, key: str) -> Node | None:
        """The value, whatever it is; None when absent or empty."""
        value = self._values.get(key)
        return None if isinstance(value, Scalar) and value.is_null else value

    def __contains__(self, key: str) -> bool:
        """Is the key there, even without a value?"""
        return key in self._values

    def scalar(self, key: str) -> Scalar | None:
        """A text with its place.

        Raises:
            Refused: it is a list or a mapping.
        """
        value = self.node(key)
        if value is not None and not isinstance(value, Scalar):
            raise Refused(f"{key!r} has to be a text", value.at)
        return value

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        value = self.scalar(key)
        return default if value is None else value.text

    def flag(self, key: str, default: bool) -> bool:
        """True or false, written so."""
        value = self.scalar(key)
        if value is None or value.text == "":
            return default
        if value.text.lower() not in ("true", "false"):
            raise Refused(f"{key!r} has to be true or false, not {value.text!r}", value.at)
        return value.text.lower() == "true"

    def number(self, key: str, least: float = 0, most: float = 10**9) -> float | None:
        """A number; None when absent."""
        value = self.scalar(key)
        if value is None:
            return None
        number = parse_number(value.text.strip())
        if number is None or not least <= number <= most:
            raise Refused(
                f"{key!r} has to be a number of at least {least:g}, not {value.text!r}", value.at
            )
        return float(number)

    def items(self, key: str) -> tuple[Node, ...]:
        """The items of a list; none when absent."""
        value = self.node(key)
        if value is None:
            return ()
        if not isinstance(value, Sequence):
            raise Refused(f"{key!r} has to be a list", value.at)
        return value.items

    def words(self, key: str) -> tuple[Scalar, ...]:
        """A list of texts, or one text."""
        value = self.node(key)
        if isinstance(value, Scalar):
            return (value,) if value.text else ()
        found = []
        for item in self.items(key):
            if not isinstance(item, Scalar):
                raise Refused(f"{key!r} has to be a list of names", item.at)
            found.append(item)
        return tuple(found)

    def texts(self, key: str) -> dict[str, str]:
        """A mapping of texts."""
        return {name: scalar.text for name, scalar in self.scalars(key).items()}

    def scalars(self, key: str) -> dict[str, Scalar]:
        """A mapping of texts with their places."""
        value = self.node(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise Refused(f"{key!r} has to be a mapping", value.at)
        found = {}
        for name, item in value.entries:
            if not isinstance(item, Scalar):
                raise Refused(f"{name.text!r} has to be a text", item.at)
            found[name.text] = item
        return found

    def condition(self, slot: Slot) -> Condition | None:
        """The condition, read as an expression."""
        value = self.scalar("condition")
        if value is None or not value.text.strip():
            return None
        return Condition(value.text.strip(), expression(value.text, slot, value.at), value.at)


def unexpected(key: str, known: tuple[str, ...], what: str) -> str:
    """The message about a key that does not belong there."""
    if len(key) > 80:
        key = key[:77] + "..."
    near = difflib.get_close_matches(key, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unexpected key {key!r} in {what}{hint}"


def expression(text: str, slot: Slot, at: Position) -> Expression:
    """An expression of the document.

    Raises:
        Refused: it cannot be read there.
    """
    try:
        return parse(text, slot)
    except ExpressionError as error:
        short = " ".join(text.split())
        raise Refused(f"in '{short[:80]}': {error}", at) from None


def variables(node: Node | None, slot: Slot) -> tuple[Variable, ...]:
    """Declared variables; the expander has made a list of every form.

    Raises:
        Refused: one is wrong, or a variable group.
    """
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        raise Refused("variables have to be a mapping or a list", node.at)
    found = []
    for item in node.items:
        if isinstance(item, Mapping) and item.get("group") is not None:
            found.append(_group(item))
            continue
        fields = Fields(item, "a variable", ("name", "value", "readonly"))
        name = fields.text("name")
        if not name:
            raise Refused("a variable needs a name", fields.at)
        value = fields.scalar("value") or Scalar("", fields.at)
        inside = _RUNTIME.match(value.text)
        tree = expression(inside[1], slot, value.at) if inside else None
        found.append(Variable(name, value.text, value.at, fields.flag("readonly", False), tree))
    return tuple(found)


def _group(item: Mapping) -> Variable:
    fields = Fields(item, "a variable group", ("group",))
    name = fields.text("group")
    raise Refused(f"the variable group {name!r} has no values here; give them (--group)", item.at)
