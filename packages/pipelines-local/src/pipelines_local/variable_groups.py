"""Variable groups: the values are stored in Azure DevOps, so the caller provides them here."""

from __future__ import annotations

from collections.abc import Mapping as Map

from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence


def insert_group_values(node: Node, groups: Map[str, Map[str, str]]) -> Node:
    """Replace each ``- group: NAME`` by the values of the group.

    A group without values stays; reading the model reports it.
    """
    by_name = {name.lower(): values for name, values in groups.items()}
    return _replace_groups(node, by_name) if by_name else node


def _replace_groups(node: Node, groups: Map[str, Map[str, str]]) -> Node:
    if isinstance(node, Mapping):
        entries: list[tuple[Scalar, Node]] = []
        for key, value in node.entries:
            if key.text == "variables":
                value = _insert_variables(value, groups)
            elif key.text not in ("inputs", "env"):
                value = _replace_groups(value, groups)
            entries.append((key, value))
        return Mapping(tuple(entries), node.at)
    if isinstance(node, Sequence):
        return Sequence(tuple(_replace_groups(item, groups) for item in node.items), node.at)
    return node


def _insert_variables(node: Node, groups: Map[str, Map[str, str]]) -> Node:
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
