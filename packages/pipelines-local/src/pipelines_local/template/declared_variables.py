"""Lists of expanded variables."""

from __future__ import annotations

from pipelines_local.expressions import Value
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence


def declared_variables(node: Node | None) -> dict[str, Value]:
    """Return the values of an expanded list by name."""
    values: dict[str, Value] = {}
    for item in node.items if isinstance(node, Sequence) else ():
        values.update(name_and_value(item))
    return values


def name_and_value(item: Node) -> dict[str, Value]:
    """Return name and value of one variable; empty for a group."""
    if not isinstance(item, Mapping):
        return {}
    name, value = item.get("name"), item.get("value")
    if not isinstance(name, Scalar) or not isinstance(value, Scalar):
        return {}
    return {name.text: value.text}


def concatenate(first: Node, second: Node) -> Node:
    """Return a list with the variables of two lists."""
    items = [n.items for n in (first, second) if isinstance(n, Sequence)]
    return Sequence(tuple(item for part in items for item in part), first.at)
