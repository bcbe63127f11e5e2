"""Edits by hand in written files, carried back to the cells that the blocks come from.

Each line of a written block knows its line of the cell, so an edit replaces just those: directives,
imports that were gathered elsewhere and the cell's own blank lines stay as they are.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbrelease import files
from nbrelease.errors import UserError
from nbrelease.export.blocks import INDENT, Block, Line, inside_texts
from nbrelease.export.edits import Edit
from nbrelease.export.project import Export, Layout, plan
from nbrelease.notebook import raw


@dataclass
class Synced:
    """What came of one notebook.

    Attributes:
        path: the notebook.
        cells: the cells that were given an edit.
        refused: edits that cannot be carried back, each with the reason.
    """

    path: str
    cells: list[str] = field(default_factory=list)
    refused: list[tuple[Edit, str]] = field(default_factory=list)


def sync(layout: Layout, chosen: Sequence[Path] = ()) -> list[Synced]:
    """Carry the edits of the written files back, then export again.

    A notebook with one edit that cannot be carried back is left alone, and so are its files.

    Args:
        layout: where things are.
        chosen: the notebooks; by default all.
    """
    done = []
    for export in plan(layout, chosen):
        if not export.edits:
            continue
        result = Synced(export.path)
        done.append(result)
        sources = _sources(export, result)
        if result.refused:
            continue
        path = layout.root / export.path
        before = path.read_bytes()
        files.write_bytes(path, raw.with_sources(before, sources))
        again = _exported(layout, path)
        if again is not None:
            files.write_bytes(path, before)
            result.cells.clear()
            result.refused = [(edit, again) for edit in export.edits]
    return done


def _sources(export: Export, result: Synced) -> dict[int, str]:
    """The new sources by the cell's index."""
    assert export.source is not None  # noqa: S101 - there are no edits without a source
    texts: dict[int, str] = {}
    for edit in export.edits:
        reason = _reason(edit)
        if reason or edit.block is None or edit.block.cell is None or edit.file is None:
            result.refused.append((edit, reason or "it has no cell"))
            continue
        cell = edit.block.cell.cell
        texts[cell.index] = merged(edit.block, edit.file, texts.get(cell.index, cell.source))
        result.cells.append(cell.id)
    return texts


def _reason(edit: Edit) -> str:
    """Why an edit cannot be carried back; empty when it can."""
    if edit.conflict:
        return "its cell was edited too"
    if edit.block is None:
        return "no cell gives this block; add a cell to the notebook"
    if edit.block.cell is None:
        where = "the parameters cell" if edit.key in ("main", "command line") else "the cells"
        return f"it is written from {where}; edit them in the notebook"
    if edit.file is None:
        return "the block was deleted; delete its cell, or remove the tag"
    head = "if True:\n" if edit.block.inside else "\n"  # the place of the heading
    try:
        ast.parse(head + edit.file)
    except SyntaxError as error:
        return f"it is no Python: {error.msg}, line {edit.line + (error.lineno or 1) - 1}"
    except ValueError as error:
        return f"it is no Python: {error}"
    return ""


def _exported(layout: Layout, path: Path) -> str | None:
    """Export again; the reason if the notebook with the edit cannot be."""
    try:
        [export] = plan(layout, [path])
    except UserError as error:
        return str(error)
    errors = [each for each in export.found if each.rule.level == "error" and not export.edits]
    if errors:
        return f"with it the notebook could not be exported: {errors[0].message}"
    export.write()
    return None


def merged(block: Block, text: str, source: str) -> str:
    """A cell's source with the edits of its block.

    Args:
        block: as it was written.
        text: the block as it stands in the file.
        source: the cell's source.
    """
    new = _moved_out(text) if block.inside or _is_wrapped(block) else text.split("\n")
    old = _unwrapped(block)
    if _is_wrapped(block):
        new = new[1:]
    lines = source.split("\n")
    matcher = difflib.SequenceMatcher(None, [line.text for line in old], new, autojunk=False)
    for kind, begin, end, new_begin, new_end in reversed(matcher.get_opcodes()):
        if kind == "equal":
            continue
        origins = [line.origin for line in old[begin:end] if line.origin is not None]
        if origins:
            at = origins[0] - 1
            for origin in reversed(origins):
                del lines[origin - 1]
        else:
            at = _place(old, begin, len(lines))
        lines[at:at] = new[new_begin:new_end]
    return "\n".join(lines)


def _place(old: list[Line], index: int, end: int) -> int:
    """Where in the cell a line goes that stands before ``old[index]``: behind the one above it."""
    above = [line.origin for line in old[:index] if line.origin is not None]
    if above:
        return above[-1]
    below = [line.origin for line in old[index:] if line.origin is not None]
    return below[0] - 1 if below else end


def _is_wrapped(block: Block) -> bool:
    """Whether the block is a test cell within a function of its own."""
    return not block.inside and bool(block.lines) and block.lines[0].origin is None


def _unwrapped(block: Block) -> list[Line]:
    """The lines that are the cell's, as they stand in it."""
    if not block.inside and not _is_wrapped(block):
        return list(block.lines)
    lines = [line for line in block.lines if line.origin is not None or not _is_wrapped(block)]
    source = block.cell.code.split("\n") if block.cell is not None else []
    return [
        Line(source[line.origin - 1], line.origin) if line.origin is not None else line
        for line in lines
    ]


def _moved_out(text: str) -> list[str]:
    """The lines of a function's body four spaces out; texts over several lines stay."""
    lines = text.split("\n")
    kept = _kept(lines)
    return [
        line if number in kept else line.removeprefix(INDENT)
        for number, line in enumerate(lines, start=1)
    ]


def _kept(lines: list[str]) -> frozenset[int]:
    code = "\n".join(lines)
    if code.startswith("def "):
        return inside_texts(code)
    return frozenset(number - 1 for number in inside_texts(f"if True:\n{code}"))
