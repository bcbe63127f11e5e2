"""YAML nodes with their positions, restricted to the YAML that Azure Pipelines reads.

Every scalar is a string: Azure converts a value by the place where it is used, not by its YAML
type (``yes`` is not a boolean, ``1.10`` is a number only for a parameter of type number).
Anchors, aliases, tags and multiple documents are errors, as in Azure Pipelines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, Union

from pipelines_local.errors import InvalidPipeline, LimitExceeded, Position

MAX_BYTES = 2_000_000
MAX_DEPTH = 60
_NULLS = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, eq=False)
class Scalar:
    """A string; ``quoted`` if it is in quotes or in a block in the file."""

    text: str
    at: Position
    quoted: bool = False

    @property
    def is_null(self) -> bool:
        """Whether the value is missing."""
        return self.text == "" and not self.quoted


@dataclass(frozen=True, eq=False)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    at: Position


@dataclass(frozen=True, eq=False)
class Mapping:
    """Ordered keys and values; ``${{ }}`` keys can repeat before templates are expanded."""

    entries: tuple[tuple[Scalar, Node], ...]
    at: Position

    def get(self, key: str) -> Node | None:
        """Return the value of ``key``."""
        return next((value for name, value in self.entries if name.text == key), None)

    def without(self, *keys: str) -> Mapping:
        """Return a copy without ``keys``."""
        return Mapping(tuple(entry for entry in self.entries if entry[0].text not in keys), self.at)


Node: TypeAlias = Union[Scalar, Sequence, Mapping]  # noqa: UP007


def load(path: Path) -> Node:
    """Read the YAML document of a file.

    Raises:
        InvalidPipeline: the file is not YAML that Azure Pipelines reads.
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise LimitExceeded(
            "file-too-large", f"the file is larger than {MAX_BYTES} bytes", Position(path, 1, 1)
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        at = Position(path, line, 1)
        raise InvalidPipeline("not-utf-8", "the file is not encoded in UTF-8", at) from None
    return loads(text, path)


def loads(text: str, path: Path) -> Node:
    """Read the YAML document in ``text``; ``path`` is the file in its positions.

    Raises:
        InvalidPipeline: the text is not YAML that Azure Pipelines reads.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _Builder(YAML(typ="safe", pure=True).parse(text), path).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(path, mark.line + 1, mark.column + 1) if mark else Position(path, 1, 1)
        problem = " ".join(str(error.problem or error.context or "").split())
        raise InvalidPipeline("invalid-yaml", f"invalid YAML: {problem}", at) from None
    except (YAMLError, ValueError, OverflowError) as error:
        problem = " ".join(str(error).split())[:200]
        at = Position(path, 1, 1)
        raise InvalidPipeline("invalid-yaml", f"invalid YAML: {problem}", at) from None


class _Builder:
    """Builds nodes from the events of the YAML parser in one pass."""

    def __init__(self, events: Iterator[Any], path: Path) -> None:
        from ruamel.yaml import events as event_types

        self._events = events
        self._path = path
        self._types = event_types

    def document(self) -> Node:
        next(self._events)  # StreamStartEvent
        event = next(self._events)
        if isinstance(event, self._types.StreamEndEvent):
            raise InvalidPipeline("empty-file", "the file is empty", Position(self._path, 1, 1))
        node = self._node(next(self._events), 1)
        next(self._events)  # DocumentEndEvent
        event = next(self._events)
        if not isinstance(event, self._types.StreamEndEvent):
            raise InvalidPipeline(
                "yaml-documents", "a second YAML document is not supported", self._at(event)
            )
        return node

    def _at(self, event: Any) -> Position:
        return Position(self._path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, event: Any, depth: int) -> Node:
        at = self._at(event)
        if depth > MAX_DEPTH:
            raise LimitExceeded("too-deep", f"nested deeper than {MAX_DEPTH} levels", at)
        if isinstance(event, self._types.AliasEvent):
            raise InvalidPipeline(
                "yaml-alias", f"YAML aliases (*{event.anchor}) are not supported", at
            )
        if event.anchor is not None:
            raise InvalidPipeline(
                "yaml-anchor", f"YAML anchors (&{event.anchor}) are not supported", at
            )
        if getattr(event, "tag", None) is not None:
            raise InvalidPipeline("yaml-tag", f"YAML tags ({event.tag}) are not supported", at)
        if isinstance(event, self._types.ScalarEvent):
            quoted = event.style is not None and event.style != ""
            text = "" if not quoted and event.value in _NULLS else event.value
            return Scalar(text, at, quoted)
        if isinstance(event, self._types.SequenceStartEvent):
            return Sequence(tuple(self._items(depth)), at)
        return self._mapping(at, depth)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), self._types.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, at: Position, depth: int) -> Mapping:
        entries: list[tuple[Scalar, Node]] = []
        first: dict[str, Position] = {}
        while not isinstance(event := next(self._events), self._types.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise InvalidPipeline("invalid-key", "a key must be a string", key.at)
            if key.text in first and not key.text.startswith("${{"):
                line = first[key.text].line
                raise InvalidPipeline(
                    "duplicate-key", f"duplicate key {key.text!r} (first in line {line})", key.at
                )
            first[key.text] = key.at
            entries.append((key, self._node(next(self._events), depth + 1)))
        return Mapping(tuple(entries), at)


def walk(node: Node) -> Iterator[Scalar]:
    """Iterate over all scalars of a tree, including keys."""
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
    """Convert to lists, dictionaries and strings; a missing value is None."""
    if isinstance(node, Scalar):
        return None if node.is_null else node.text
    if isinstance(node, Sequence):
        return [to_data(item) for item in node.items]
    return {key.text: to_data(value) for key, value in node.entries}


def to_yaml(node: Node) -> str:
    """Convert to a YAML document; strings are quoted where YAML needs it."""
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
