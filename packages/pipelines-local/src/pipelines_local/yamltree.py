"""YAML with the place of each value, and only the YAML that Azure Pipelines reads.

Every scalar is text: Azure casts by what a value is used for, never by how YAML would guess it
(``yes`` is no boolean, ``1.10`` no number until a parameter says so). Anchors, aliases, tags and
several documents are refused, as there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, Union

from pipelines_local.errors import Position, Refused

MAX_BYTES = 2_000_000
MAX_DEPTH = 60
_NULLS = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, eq=False)
class Scalar:
    """A text. ``quoted`` when it stood in quotes or in a block."""

    text: str
    at: Position
    quoted: bool = False

    @property
    def is_null(self) -> bool:
        """Nothing stands there."""
        return self.text == "" and not self.quoted


@dataclass(frozen=True, eq=False)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    at: Position


@dataclass(frozen=True, eq=False)
class Mapping:
    """Keys and values in their order; keys can repeat only before templates are expanded."""

    entries: tuple[tuple[Scalar, Node], ...]
    at: Position

    def get(self, key: str) -> Node | None:
        """The value of ``key``."""
        return next((value for name, value in self.entries if name.text == key), None)


Node: TypeAlias = Union[Scalar, Sequence, Mapping]  # noqa: UP007


def load(path: Path) -> Node:
    """The document in a file.

    Raises:
        Refused: it is no YAML, or YAML that Azure Pipelines does not read.
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise Refused(f"the file is larger than {MAX_BYTES} bytes", Position(path, 1, 1))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Refused("the file is not in UTF-8", Position(path, line, 1)) from None
    return loads(text, path)


def loads(text: str, path: Path) -> Node:
    """The document in ``text``; ``path`` is for messages.

    Raises:
        Refused: it is no YAML, or YAML that Azure Pipelines does not read.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _Builder(YAML(typ="safe", pure=True).parse(text), path).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Position(path, mark.line + 1, mark.column + 1) if mark else Position(path, 1, 1)
        problem = " ".join(str(error.problem or error.context or "").split())
        raise Refused(f"this is not valid YAML: {problem}", place) from None
    except (YAMLError, ValueError, OverflowError) as error:
        problem = " ".join(str(error).split())[:200]
        raise Refused(f"this is not valid YAML: {problem}", Position(path, 1, 1)) from None


class _Builder:
    """Nodes out of the parser's events, in one pass."""

    def __init__(self, events: Iterator[Any], path: Path) -> None:
        from ruamel.yaml import events as kinds

        self._events = events
        self._path = path
        self._kinds = kinds

    def document(self) -> Node:
        next(self._events)  # the stream
        event = next(self._events)
        if isinstance(event, self._kinds.StreamEndEvent):
            raise Refused("the file is empty", Position(self._path, 1, 1))
        node = self._node(next(self._events), 1)
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, self._kinds.StreamEndEvent):
            raise Refused("a second YAML document is not supported", self._at(event))
        return node

    def _at(self, event: Any) -> Position:
        return Position(self._path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, event: Any, depth: int) -> Node:
        at = self._at(event)
        if depth > MAX_DEPTH:
            raise Refused(f"nested deeper than {MAX_DEPTH}", at)
        if isinstance(event, self._kinds.AliasEvent):
            raise Refused(f"YAML aliases (*{event.anchor}) are not supported", at)
        if event.anchor is not None:
            raise Refused(f"YAML anchors (&{event.anchor}) are not supported", at)
        if getattr(event, "tag", None) is not None:
            raise Refused(f"YAML tags ({event.tag}) are not supported", at)
        if isinstance(event, self._kinds.ScalarEvent):
            quoted = event.style is not None and event.style != ""
            text = "" if not quoted and event.value in _NULLS else event.value
            return Scalar(text, at, quoted)
        if isinstance(event, self._kinds.SequenceStartEvent):
            return Sequence(tuple(self._items(depth)), at)
        return self._mapping(at, depth)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), self._kinds.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, at: Position, depth: int) -> Mapping:
        entries: list[tuple[Scalar, Node]] = []
        seen: dict[str, Position] = {}
        while not isinstance(event := next(self._events), self._kinds.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise Refused("a key has to be a text", key.at)
            if key.text in seen and not key.text.startswith("${{"):
                raise Refused(
                    f"the key {key.text!r} is already there (line {seen[key.text].line})", key.at
                )
            seen[key.text] = key.at
            entries.append((key, self._node(next(self._events), depth + 1)))
        return Mapping(tuple(entries), at)


def walk(node: Node) -> Iterator[Scalar]:
    """Every text in a tree, keys too."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from walk(item)
    else:
        for key, value in node.entries:
            yield key
            yield from walk(value)


def to_data(node: Node) -> Any:
    """Plain lists, dictionaries, texts, and None where nothing stands."""
    if isinstance(node, Scalar):
        return None if node.is_null else node.text
    if isinstance(node, Sequence):
        return [to_data(item) for item in node.items]
    return {key.text: to_data(value) for key, value in node.entries}


def to_yaml(node: Node) -> str:
    """The tree as a YAML document; texts are quoted where YAML would read something else."""
    import io

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 1_000_000
    yaml.representer.add_representer(str, _represent_text)
    stream = io.StringIO()
    yaml.dump(to_data(node), stream)
    return stream.getvalue()


def _represent_text(representer: Any, text: str) -> Any:
    style = "|" if "\n" in text.rstrip("\n") and " \n" not in text else None
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)
