"""Variable groups: their values live in Azure DevOps, so here they are given with the call."""

from __future__ import annotations

from collections.abc import Mapping as Map

from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence


def with_groups(node: Node, groups: Map[str, Map[str, str]]) -> Node:
    """The document with each ``- group: NAME`` replaced by the values given for it.

    A group without values stays, and is refused when the document is read.
    """
    known = {name.lower(): values for name, values in groups.items()}
    return _replaced(node, known) if known else node


def _replaced(node: Node, groups: Map[str, Map[str, str]]) -> Node:
    if isinstance(node, Mapping):
        entries = tuple(
            (
                key,
                _variables(value, groups) if key.text == "variables" else _replaced(value, groups),
            )
            for key, value in node.entries
            if key.text not in ("inputs", "env")
        )
        kept = {key.text: value for key, value in entries}
        return Mapping(
            tuple((key, kept.get(key.text, value)) for key, value in node.entries), node.at
        )
    if isinstance(node, Sequence):
        return Sequence(tuple(_replaced(item, groups) for item in node.items), node.at)
    return node


def _variables(node: Node, groups: Map[str, Map[str, str]]) -> Node:
    if not isinstance(node, Sequence):
        return node
    items: list[Node] = []
    for item in node.items:
        group = item.get("group") if isinstance(item, Mapping) else None
        if isinstance(group, Scalar) and group.text.lower() in groups:
            for name, value in groups[group.text.lower()].items():
                pair = ("name", name), ("value", value)
                entries = tuple((Scalar(k, group.at), Scalar(v, group.at, True)) for k, v in pair)
                items.append(Mapping(entries, group.at))
        else:
            items.append(item)
    return Sequence(tuple(items), node.at)
