"""Expands a pipeline: parameters, ``${{ }}``, if and each, templates, ``extends``.

Values given to a template are expanded where they stand, with the names of their own file; once
they are put in place nothing in them is evaluated again (a *settled* part), only the templates
that they name are followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import Path

from pipelines_local.errors import Position, Refused
from pipelines_local.expressions import Array, Object, Value
from pipelines_local.template.chain import Chain
from pipelines_local.template.directives import Directive, directive
from pipelines_local.template.files import Files
from pipelines_local.template.parameters import bind, declared
from pipelines_local.template.place import LISTS, Place
from pipelines_local.template.scope import Scope
from pipelines_local.template.text import only_expression
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence

_LITERAL = ("trigger", "pr", "schedules")
_ROOT_ONLY: tuple[str, ...] = (
    "name",
    "trigger",
    "pr",
    "schedules",
    "resources",
    "variables",
    "parameters",
)
_ROOT_ONLY += ("lockBehavior", "appendCommitMessageToRunName", "extends")


@dataclass(frozen=True)
class Expanded:
    """A pipeline without templates.

    Attributes:
        document: the whole of it.
        parameters: the values of its parameters.
        files: all files that were read.
    """

    document: Mapping
    parameters: Map[str, Value]
    files: tuple[Path, ...]


def expand(
    document: Mapping,
    root: Path,
    parameters: Map[str, Node] | None = None,
    variables: Map[str, Value] | None = None,
) -> Expanded:
    """Expand a pipeline.

    Args:
        document: the pipeline's file as it was read.
        root: the repository that it belongs to.
        parameters: values for its parameters, by name.
        variables: the predefined variables that templates can see.

    Raises:
        Refused: something in it is wrong.
    """
    path = document.at.file
    files = Files(root, {path: document})
    values = bind(
        declared(document.get("parameters")),
        parameters or {},
        Position(path, 1, 1),
        "the pipeline",
    )
    scope = Scope(values, variables or {})
    expanded = _Expander(files).root(document, scope)
    return Expanded(expanded, values, tuple(files.read))


class _Expander:
    """One expansion; recursion follows the document's depth, which is limited when it is read."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def root(self, document: Mapping, scope: Scope) -> Mapping:
        place = Place(scope, "root", 1)
        done = self._mapping(document, place)
        reference = done.get("extends")
        if reference is None:
            return done
        for key, _ in done.entries:
            if key.text not in _ROOT_ONLY:
                raise Refused(f"{key.text!r} cannot stand beside 'extends'", key.at)
        seen = self._declared_variables(done.get("variables"), scope)
        kept = [(key, value) for key, value in done.entries if key.text != "extends"]
        return self._extended(reference, kept, place.seeing(seen))

    def _extended(self, reference: Node, kept: list[tuple[Scalar, Node]], place: Place) -> Mapping:
        template, given = self._reference(reference)
        document = self._files.template(template, place.nesting + 1)
        values = bind(declared(document.get("parameters")), given, template.at, template.text)
        outer = place.scope.variables if place.scope else {}
        inner = Place(Scope(values, outer), "root", place.nesting + 1)
        done = self._mapping(_without(document, "parameters"), inner)
        deeper = done.get("extends")
        names = {key.text for key, _ in kept}
        for key, value in done.entries:
            if key.text in names and key.text != "variables":
                raise Refused(f"{key.text!r} is in the pipeline already", key.at)
            if key.text == "variables" and "variables" in names:
                at = next(i for i, (k, _) in enumerate(kept) if k.text == "variables")
                kept[at] = (kept[at][0], _joined(kept[at][1], value))
            elif key.text != "extends":
                kept.append((key, value))
        if deeper is not None:
            return self._extended(deeper, kept, inner)
        return Mapping(tuple(kept), document.at)

    def _node(self, node: Node, place: Place) -> Node:
        if isinstance(node, Scalar):
            self._files.count(node)
            return node if place.scope is None else place.scope.node(node)
        if isinstance(node, Sequence):
            return Sequence(tuple(self._items(node, place)), node.at)
        return self._mapping(node, place)

    # Mappings

    def _mapping(self, node: Mapping, place: Place) -> Mapping:
        """A mapping's own variables are visible to all of its other keys."""
        self._files.count(node)
        found = list(self._entries(node, place))
        seen: dict[str, Scalar] = {}
        for key, _, _ in found:
            name = key.text if place.kind == "data" else key.text.lower()
            if name in seen:
                raise Refused(f"the key {key.text!r} is already there", key.at)
            seen[name] = key
        extra = self._own_variables(found, place)
        done: list[tuple[Scalar, Node]] = []
        for key, value, inner in found:
            if place.kind == "root" and key.text == "parameters":
                continue  # nothing in the expanded document refers to them
            if place.kind == "root" and key.text in _LITERAL:
                _refuse_expressions(key, value)
                done.append((key, value))
                continue
            if key.text == "variables" and extra is not None:
                done.append((key, extra[0]))
                continue
            scope = inner.scope
            if extra is not None and scope is not None:
                scope = scope.with_variables(extra[1])
            done.append((key, self._node(value, inner.seeing(scope).inside(key.text))))
        return Mapping(tuple(done), node.at)

    def _own_variables(
        self, found: list[tuple[Scalar, Node, Place]], place: Place
    ) -> tuple[Node, Map[str, Value]] | None:
        if place.kind not in ("root", "stages", "jobs"):
            return None
        for key, value, inner in found:
            if key.text == "variables":
                return self._variables(value, inner.inside("variables"))
        return None

    def _entries(self, node: Mapping, place: Place) -> Iterator[tuple[Scalar, Node, Place]]:
        """The keys that are left when directives are followed; values are not yet expanded."""
        if place.scope is None:
            for key, value in node.entries:
                yield key, value, place
            return
        chain = Chain()
        for key, value in node.entries:
            order = directive(key)
            if order is None:
                yield place.scope.text(key), value, place
            elif order.kind == "insert":
                chain.break_()
                yield from self._inserted(value, place, needed=True)
            elif order.kind == "each":
                chain.break_()
                for scope in self._rounds(order, place.scope):
                    yield from self._inserted(value, place.seeing(scope))
            elif chain.taken(order, place.scope):
                yield from self._inserted(value, place)

    def _inserted(
        self, value: Node, place: Place, *, needed: bool = False
    ) -> Iterator[tuple[Scalar, Node, Place]]:
        if isinstance(value, Scalar) and place.scope is not None:
            value, place = place.scope.node(value), place.settled()
        if isinstance(value, Mapping):
            yield from self._entries(value, place)
        elif needed or not isinstance(value, Scalar) or value.text:
            raise Refused("a mapping is expected here", value.at)

    # Lists

    def _items(self, node: Sequence, place: Place) -> Iterator[Node]:
        chain = Chain()
        for item in node.items:
            yield from self._item(item, place, chain)

    def _item(self, item: Node, place: Place, chain: Chain) -> Iterator[Node]:
        scope = place.scope
        if isinstance(item, Scalar):
            if scope is not None and only_expression(item) is not None:
                yield from self._spliced(scope.node(item), place.settled())
            else:
                yield self._node(item, place)
            return
        if isinstance(item, Mapping) and scope is not None and len(item.entries) == 1:
            key, value = item.entries[0]
            order = directive(key)
            # A loop over keys makes one mapping, a loop over items several of them.
            one = order is not None and order.kind == "each" and isinstance(value, Mapping)
            if order is not None and order.kind != "insert" and not one:
                yield from self._directed(order, value, place, chain)
                return
        if isinstance(item, Mapping):
            yield from self._mapping_item(item, place)
        else:
            yield self._node(item, place)

    def _directed(
        self, order: Directive, value: Node, place: Place, chain: Chain
    ) -> Iterator[Node]:
        assert place.scope is not None  # noqa: S101 - settled parts have no directives
        if order.kind == "each":
            chain.break_()
            for scope in self._rounds(order, place.scope):
                yield from self._spliced(value, place.seeing(scope))
        elif chain.taken(order, place.scope):
            yield from self._spliced(value, place)

    def _spliced(self, value: Node, place: Place) -> Iterator[Node]:
        """What stands under a directive of a list: a list's items, or one item."""
        if isinstance(value, Scalar) and place.scope is not None:
            value, place = place.scope.node(value), place.settled()
        if isinstance(value, Sequence):
            yield from self._items(value, place)
        elif isinstance(value, Mapping):
            yield from self._mapping_item(value, place)
        elif value.text or place.kind not in LISTS:
            self._files.count(value)
            yield value

    def _mapping_item(self, item: Mapping, place: Place) -> Iterator[Node]:
        first = next(self._entries(item, place), None) if place.kind in LISTS else None
        if first is None or first[0].text != "template":
            done = self._mapping(item, place)
            if done.entries or not item.entries:
                yield done
            return
        reference = self._mapping(item, Place(place.scope, "", place.nesting))
        yield from self._template(reference, place)

    def _rounds(self, order: Directive, scope: Scope) -> Iterator[Scope]:
        scope.check_loop(order.variable, order.at)
        value = scope.evaluate(order.expression, order.at)
        items: list[Value] = []
        if isinstance(value, Array):
            items = list(value.items)
        elif isinstance(value, Object):
            items = [Object({"key": k, "value": v}) for k, v in value.entries.items()]
        elif value is not None and value != "":
            raise Refused("'each' needs a list or a mapping", order.at.at)
        for item in items:
            self._files.count(order.at)
            yield scope.with_loop(order.variable, item)

    # Templates and variables

    def _template(self, reference: Mapping, place: Place) -> Iterator[Node]:
        template, given = self._reference(reference)
        document = self._files.template(template, place.nesting + 1)
        for key, _ in document.entries:
            if key.text not in ("parameters", place.kind):
                raise Refused(
                    f"unexpected key {key.text!r}: this file is used as a template of "
                    f"{place.kind} ({template.at})",
                    key.at,
                )
        content = document.get(place.kind)
        if content is None:
            raise Refused(f"the template has no {place.kind!r} ({template.at})", document.at)
        values = bind(declared(document.get("parameters")), given, template.at, template.text)
        outer = place.scope.variables if place.scope is not None else {}
        inner = Place(Scope(values, outer), place.kind, place.nesting + 1)
        if place.kind == "variables":
            content = self._variables(content, inner)[0]
            inner = inner.settled()
        if isinstance(content, Scalar) and only_expression(content) is not None:
            yield from self._spliced(content, inner)
        elif isinstance(content, Sequence):
            yield from self._items(content, inner)
        elif not (isinstance(content, Scalar) and content.is_null):
            raise Refused(f"{place.kind} have to be a list", content.at)

    def _reference(self, node: Node) -> tuple[Scalar, Map[str, Node]]:
        if not isinstance(node, Mapping):
            raise Refused("write: template: PATH", node.at)
        for key, _ in node.entries:
            if key.text not in ("template", "parameters"):
                raise Refused(
                    f"unexpected key {key.text!r}: a template takes only 'template' and "
                    "'parameters'",
                    key.at,
                )
        template, given = node.get("template"), node.get("parameters")
        if not isinstance(template, Scalar):
            raise Refused("a template needs a path", node.at)
        if given is None or (isinstance(given, Scalar) and given.text == ""):
            return template, {}
        if not isinstance(given, Mapping):
            raise Refused("parameters have to be a mapping of names to values", given.at)
        return template, {key.text: value for key, value in given.entries}

    def _variables(self, node: Node, place: Place) -> tuple[Node, Map[str, Value]]:
        """Variables as a list, each visible to those after it."""
        if isinstance(node, Scalar):
            node = self._node(node, place)
        done: list[Node] = []
        seen: dict[str, Value] = {}
        if isinstance(node, Mapping):
            for key, value, inner in self._entries(node, place):
                scope = inner.scope.with_variables(seen) if inner.scope else None
                text = self._node(value, inner.seeing(scope).inside(""))
                if not isinstance(text, Scalar):
                    raise Refused(f"the variable {key.text!r} has to be a text", text.at)
                if key.text.lower() in (name.lower() for name in seen):
                    raise Refused(f"the variable {key.text!r} is already there", key.at)
                seen[key.text] = text.text
                pair = ((Scalar("name", key.at), key), (Scalar("value", key.at), text))
                done.append(Mapping(pair, key.at))
        elif isinstance(node, Sequence):
            chain = Chain()
            for item in node.items:
                scope = place.scope.with_variables(seen) if place.scope else None
                for one in self._item(item, place.seeing(scope), chain):
                    done.append(one)
                    seen.update(_name_and_value(one))
        elif not node.is_null:
            raise Refused("variables have to be a mapping or a list", node.at)
        return Sequence(tuple(done), node.at), seen

    def _declared_variables(self, node: Node | None, scope: Scope) -> Scope:
        found: dict[str, Value] = {}
        for item in node.items if isinstance(node, Sequence) else ():
            found.update(_name_and_value(item))
        return scope.with_variables(found)


def _name_and_value(item: Node) -> dict[str, Value]:
    if not isinstance(item, Mapping):
        return {}
    name, value = item.get("name"), item.get("value")
    if not isinstance(name, Scalar) or not isinstance(value, Scalar):
        return {}
    return {name.text: value.text}


def _without(node: Mapping, key: str) -> Mapping:
    return Mapping(tuple(entry for entry in node.entries if entry[0].text != key), node.at)


def _joined(first: Node, second: Node) -> Node:
    items = [n.items for n in (first, second) if isinstance(n, Sequence)]
    return Sequence(tuple(item for part in items for item in part), first.at)


def _refuse_expressions(key: Scalar, value: Node) -> None:
    from pipelines_local.yamltree import walk

    for scalar in walk(value):
        if "${{" in scalar.text:
            raise Refused(f"{key.text!r} takes no expressions", scalar.at)
