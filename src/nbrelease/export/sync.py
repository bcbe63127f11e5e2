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
from nbrelease.export.project import plan
from nbrelease.export.result import Export, Layout
from nbrelease.export.source import Role, Source
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
    # New imports last: the lines that the other edits are about are counted in the cell as it is.
    for edit in sorted(export.edits, key=lambda each: each.key == ""):
        reason = _reason(edit)
        if not reason and edit.key == "":
            _add_imports(export.source, edit, texts, result)
            continue
        if reason or edit.block is None or edit.block.cell is None or edit.file is None:
            result.refused.append((edit, reason or "it has no cell"))
            continue
        cell = edit.block.cell.cell
        texts[cell.index] = merged(edit.block, edit.file, texts.get(cell.index, cell.source))
        result.cells.append(cell.id)
    return texts


def _reason(edit: Edit) -> str:
    """Why an edit cannot be carried back; empty when it can."""
    if edit.owner:
        return f"it is a copy; make the change in {edit.owner}, or in its own module"
    if edit.conflict:
        return "its cell was edited too"
    if edit.block is None:
        return "no cell gives this block; add a cell to the notebook"
    if edit.key == "" and edit.path.endswith(".py") and edit.file is not None:
        return _not_only_added_imports(edit)
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


def _not_only_added_imports(edit: Edit) -> str:
    """The top of a module is written from many cells; what can be carried back is a new import."""
    try:
        there, ours = ast.parse(edit.file or ""), ast.parse(edit.notebook or "")
    except (SyntaxError, ValueError) as error:
        return f"it is no Python: {error}"
    gone = _imports(ours) - _imports(there)
    if gone:
        text = ast.unparse(ast.parse(sorted(gone)[0]))
        return f"«{text}» was taken out; take it out of its cell"
    if [ast.dump(node) for node in _others(there)] != [ast.dump(node) for node in _others(ours)]:
        return "it is written from the cells; edit them in the notebook"
    return ""


def _imports(tree: ast.Module) -> set[str]:
    """Each imported name as a statement of its own."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {ast.unparse(ast.Import([alias])) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {
                ast.unparse(ast.ImportFrom(node.module, [alias], node.level))
                for alias in node.names
            }
    return found


def _others(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]


def _add_imports(source: Source, edit: Edit, texts: dict[int, str], result: Synced) -> None:
    """Put new imports behind those of the first exported cell that has some."""
    new = _imports(ast.parse(edit.file or "")) - _imports(ast.parse(edit.notebook or ""))
    if not new:
        return  # only the layout differed; it is written again
    cells = source.of(Role.EXPORT, Role.MAIN)
    home = next((cell for cell in cells if cell.imports), cells[0])
    lines = texts.get(home.cell.index, home.cell.source).split("\n")
    first = max(home.cell.lines, default=0)
    at = max((node.end_lineno or node.lineno for node in home.imports), default=first)
    lines[at:at] = [*sorted(new), *([] if home.imports else [""])]
    texts[home.cell.index] = "\n".join(lines)
    result.cells.append(home.cell.id)


def _exported(layout: Layout, path: Path) -> str | None:
    """Export again; the reason if the notebook with the edit cannot be."""
    try:
        [export] = plan(layout, [path])
    except UserError as error:
        return str(error)
    if lost := [edit for edit in export.edits if not _same_code(edit)]:
        return f"the cell would not give {lost[0].title} back"
    errors = [each for each in export.found if each.rule.level == "error" and not export.edits]
    if errors:
        return f"with it the notebook could not be exported: {errors[0].message}"
    export.write()
    return None


def _same_code(edit: Edit) -> bool:
    """Whether what is left of an edit is layout, or an import that moves to the top."""
    if edit.key == "":
        return True  # only imports got this far, and these are written in their order
    head = "if True:\n    pass\n" if edit.block is not None and edit.block.inside else ""
    there, ours = (ast.parse(head + (text or "")) for text in (edit.file, edit.notebook))
    return [_dumped(node) for node in _others(there)] == [_dumped(node) for node in _others(ours)]


def _dumped(node: ast.stmt) -> str:
    """A statement's code; of the ``if`` around a block within ``main()``, what is not an import."""
    if isinstance(node, ast.If | ast.FunctionDef):
        inner = [each for each in node.body if not isinstance(each, ast.Import | ast.ImportFrom)]
        return "".join(ast.dump(each) for each in inner)
    return ast.dump(node)


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
