"""Open notebooks: where the lines of a cell are in the documents of an editor.

There are three kinds of clients. VS Code sends a document for each cell (notebook documents of the
protocol, version 3.17). An editor without notebooks, such as Neovim, sends the JSON text of the
file. jupyterlab-lsp sends one document with the code of all cells, without tags; the tags are those
of the saved file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lsprotocol import types
from pygls.uris import to_fs_path
from pygls.workspace import Workspace

from nbrelease.export.file_locations import find_source_spans, locate_in_text
from nbrelease.export.fixes import CellEdit, apply_edits
from nbrelease.notebook import json_text
from nbrelease.notebook.reader import MINOR_WITH_IDS, list_ids

VIRTUAL_FOLDER = ".virtual_documents"
"""Older versions of jupyterlab-lsp put the documents of notebooks into this folder."""
LINE_MAGIC = ("%", "!")


@dataclass(frozen=True)
class Place:
    """A 0-based line and column of a document, in code points."""

    uri: str
    line: int
    column: int


@dataclass(frozen=True)
class TextReplacement:
    """A replacement of text between two places of one document."""

    start: Place
    end: Place
    text: str


class OpenNotebook(Protocol):
    """A notebook that a client has open."""

    uri: str
    path: Path
    content: bytes

    def locate(self, cell: str, line: int, column: int) -> Place | None:
        """The place of a 1-based line and column of a cell; an empty id is the whole file."""

    def find_cell(self, place: Place) -> tuple[str, int, int] | None:
        """The cell at a place, with the 1-based line and column."""

    def replace(self, edits: Sequence[CellEdit]) -> list[TextReplacement]:
        """Edits of cells as edits of documents; none if the client cannot apply them."""

    def lines(self, uri: str) -> list[str]:
        """The lines of a document."""


def open_notebook(workspace: Workspace, uri: str) -> OpenNotebook | None:
    """The open notebook with a URI; None for other documents."""
    name = to_fs_path(uri)
    if not name or not name.endswith(".ipynb"):
        return None
    path = Path(name)
    notebook = workspace.get_notebook_document(notebook_uri=uri)
    if notebook is not None:
        return _CellDocuments(workspace, notebook, path)
    text = workspace.get_text_document(uri).source
    if text.lstrip().startswith("{"):
        return _JsonDocument(uri, path, text)
    path = Path(*(part for part in path.parts if part != VIRTUAL_FOLDER))
    return _CodeDocument(uri, path, text) if path.is_file() else None


class _CellDocuments:
    """A notebook document: each cell has a document of its own."""

    def __init__(self, workspace: Workspace, notebook: types.NotebookDocument, path: Path) -> None:
        self.uri, self.path = notebook.uri, path
        self.documents: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        cells = []
        for cell in notebook.cells:
            document = workspace.get_text_document(cell.document)
            content = _cell_content(cell, document.language_id)
            content["source"] = self.texts[cell.document] = _normalize(document.source)
            cells.append(content)
        for cell, content, cell_id in zip(notebook.cells, cells, list_ids(cells), strict=True):
            content["id"] = cell_id
            self.documents.setdefault(cell_id, cell.document)
        values = _file_values(notebook.metadata)
        metadata = values.get("metadata", values)
        top = {"metadata": metadata, "nbformat": 4, "cells": cells}
        self.content = json.dumps({**top, "nbformat_minor": MINOR_WITH_IDS}).encode()
        self.cell_ids = {document: cell_id for cell_id, document in self.documents.items()}

    def locate(self, cell: str, line: int, column: int) -> Place | None:
        document = self.documents.get(cell)
        if document is None:
            first = next(iter(self.texts), None)
            return Place(first, 0, 0) if first is not None else None
        return Place(document, line - 1, column - 1)

    def find_cell(self, place: Place) -> tuple[str, int, int] | None:
        cell = self.cell_ids.get(place.uri)
        return (cell, place.line + 1, place.column + 1) if cell is not None else None

    def replace(self, edits: Sequence[CellEdit]) -> list[TextReplacement]:
        replacements = []
        for edit in edits:
            document = self.documents[edit.cell]
            start, end = (Place(document, at[0] - 1, at[1] - 1) for at in (edit.start, edit.end))
            replacements.append(TextReplacement(start, end, edit.text))
        return replacements

    def lines(self, uri: str) -> list[str]:
        return self.texts.get(uri, "").split("\n")


class _JsonDocument:
    """The JSON text of a notebook in an editor without notebooks."""

    def __init__(self, uri: str, path: Path, text: str) -> None:
        self.uri, self.path, self.text = uri, path, text
        self.content = text.encode()
        self.spans = find_source_spans(text)

    def locate(self, cell: str, line: int, column: int) -> Place | None:
        if cell:
            line, column = locate_in_text(self.text, self.spans, cell, line, column)
        return Place(self.uri, line - 1, column - 1)

    def find_cell(self, place: Place) -> tuple[str, int, int] | None:
        return None  # a position in JSON text is not one of a cell

    def replace(self, edits: Sequence[CellEdit]) -> list[TextReplacement]:
        cells: dict[str, list[CellEdit]] = {}
        for edit in edits:
            cells.setdefault(edit.cell, []).append(edit)
        sources = {}
        content = json.loads(self.text)["cells"]
        for index, (cell, cell_id) in enumerate(zip(content, list_ids(content), strict=True)):
            if own := cells.get(cell_id):
                sources[index] = apply_edits(_normalize("".join(cell["source"])), own)
        text = json_text.replace_sources(self.content, sources).decode()
        last = self.text.count("\n")
        return [TextReplacement(Place(self.uri, 0, 0), Place(self.uri, last + 1, 0), text)]

    def lines(self, uri: str) -> list[str]:
        return self.text.split("\n")


class _CodeDocument:
    """The code of all cells in one document. Cells that changed are found after the next save."""

    def __init__(self, uri: str, path: Path, text: str) -> None:
        self.uri, self.path = uri, path
        self.content = path.read_bytes()
        self.text_lines = text.split("\n")
        self.starts: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        start = 0
        for cell_id, source in _read_code(self.content):
            lines = source.split("\n")
            at = _find_lines(self.text_lines, lines, start)
            if at is not None:
                self.starts[cell_id], self.counts[cell_id] = at, len(lines)
                start = at + len(lines)

    def locate(self, cell: str, line: int, column: int) -> Place | None:
        if not cell:
            return Place(self.uri, 0, 0)
        start = self.starts.get(cell)
        return None if start is None else Place(self.uri, start + line - 1, column - 1)

    def find_cell(self, place: Place) -> tuple[str, int, int] | None:
        for cell, start in self.starts.items():
            if start <= place.line < start + self.counts[cell]:
                return cell, place.line - start + 1, place.column + 1
        return None

    def replace(self, edits: Sequence[CellEdit]) -> list[TextReplacement]:
        return []  # jupyterlab-lsp has no quick fixes

    def lines(self, uri: str) -> list[str]:
        return self.text_lines


def _cell_content(cell: types.NotebookCell, language: str | None) -> dict[str, Any]:
    """A cell in the format of a notebook file, without its source."""
    values = _file_values(cell.metadata)
    metadata = values.get("metadata", values)
    if cell.kind == types.NotebookCellKind.Code:
        kind = "raw" if language == "raw" else "code"
    else:
        kind = "markdown"
    metadata_of_cell = {key: metadata[key] for key in ("id", "tags") if key in metadata}
    cell_id = values.get("id")
    own = {"id": cell_id} if isinstance(cell_id, str) and cell_id else {}
    return {"cell_type": kind, "metadata": metadata_of_cell, **own}


def _file_values(metadata: object) -> dict[str, Any]:
    """What a client sends of the file as metadata; older versions of VS Code nest it deeper."""
    values = metadata if isinstance(metadata, dict) else {}
    custom = values.get("custom", values)
    return custom if isinstance(custom, dict) else {}


def _normalize(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_code(content: bytes) -> list[tuple[str, str]]:
    """The ids and sources of the code cells of a notebook file."""
    try:
        cells = json.loads(content).get("cells", [])
        return [
            (cell_id, _normalize("".join(cell["source"])))
            for cell, cell_id in zip(cells, list_ids(cells), strict=True)
            if cell["cell_type"] == "code"
        ]
    except (ValueError, AttributeError, KeyError, TypeError):
        return []


def _find_lines(text: list[str], lines: list[str], start: int) -> int | None:
    """Where lines stand in a text; a line magic may have been replaced by a call."""
    for at in range(start, len(text) - len(lines) + 1):
        if all(
            actual == line or line.lstrip().startswith(LINE_MAGIC)
            for actual, line in zip(text[at : at + len(lines)], lines, strict=True)
        ):
            return at
    return None
