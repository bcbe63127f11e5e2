"""Fixes of diagnostics as edits of cells, for editors and for the command line.

A fix exists only where the edit follows from the notebook alone. A cell is tagged by a directive at
its top, which means the same as a tag, so every fix is an edit of text.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from nbrelease.export import diagnostic as rules
from nbrelease.export import suppressions, tags
from nbrelease.export.checks.name_scopes import find_unused_imports
from nbrelease.export.diagnostic import Diagnostic
from nbrelease.export.imports import imports_with_nodes
from nbrelease.export.result import Export
from nbrelease.export.source import CodeCell, Role, Source
from nbrelease.notebook import Notebook

IDENTIFIER = re.compile(r"[^\W\d]\w*")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class CellEdit:
    """A replacement of text in a cell.

    Attributes:
        cell: id of the cell.
        start: 1-based line and column of the first character to replace, in code points.
        end: line and column after the last one; equal to ``start`` for an insertion.
        text: the new text.
    """

    cell: str
    start: tuple[int, int]
    end: tuple[int, int]
    text: str


@dataclass(frozen=True)
class Fix:
    """A fix of one diagnostic.

    Attributes:
        diagnostic: what it fixes.
        title: what it does, in the imperative.
        edits: the edits, which do not overlap.
        automatic: whether it keeps what the notebook does; others need the author's decision.
    """

    diagnostic: Diagnostic
    title: str
    edits: tuple[CellEdit, ...]
    automatic: bool = True


def find_fixes(export: Export) -> list[Fix]:
    """The fixes of a notebook's diagnostics, in their order.

    Args:
        export: the result for the notebook, with its source.
    """
    source = export.source
    if source is None:
        return []
    cells = {cell.cell.id: cell for cell in source.cells}
    fixes: list[Fix] = []
    for each in export.diagnostics:
        cell, find = cells.get(each.cell), _FINDERS.get(each.rule.code)
        if cell is not None and find is not None:
            fixes += [fix for fix in find(source, cell, each) if fix not in fixes]
    return fixes


def apply_fixes(notebook: Notebook, fixes: Iterable[Fix]) -> dict[int, str]:
    """The new sources of cells by their index. A fix that overlaps an earlier one is left out."""
    edits: list[CellEdit] = []
    for fix in fixes:
        if not any(_overlap(new, edit) for new in fix.edits for edit in edits):
            edits += [edit for edit in fix.edits if edit not in edits]
    sources: dict[int, str] = {}
    for cell in notebook.cells:
        own = [edit for edit in edits if edit.cell == cell.id]
        if own:
            sources[cell.index] = apply_edits(cell.source, own)
    return sources


def _overlap(one: CellEdit, other: CellEdit) -> bool:
    return (
        one != other
        and one.cell == other.cell
        and one.start <= other.end
        and other.start <= one.end
        and not (one.start == one.end == other.start == other.end)  # two insertions
    )


def apply_edits(text: str, edits: Iterable[CellEdit]) -> str:
    """The text of a cell with edits that do not overlap."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for edit in sorted(edits, key=lambda each: each.start, reverse=True):
        start, end = (starts[line - 1] + column - 1 for line, column in (edit.start, edit.end))
        text = text[:start] + edit.text + text[end:]
    return text


def _import_in_cell(source: Source, cell: CodeCell, each: Diagnostic) -> Iterator[Fix]:
    """Copy the import of an untagged cell."""
    match = IDENTIFIER.match(_lines(cell)[each.line - 1], each.column - 1)
    name = match[0] if match else ""
    for other in source.definitions(name, Role.NONE):
        for item, _ in imports_with_nodes(other):
            if item.bound == name:
                edit = _insert_at_top(cell, item.statement)
                yield Fix(each, f"Add `{item.statement}` to this cell", (edit,))
                return


def _tag_definition(source: Source, cell: CodeCell, each: Diagnostic) -> Iterator[Fix]:
    """Tag the untagged cell that defines a name."""
    match = IDENTIFIER.match(_lines(cell)[each.line - 1], each.column - 1)
    tag = "main" if each.rule is rules.HIDDEN_STATE else "export"
    for other in source.definitions(match[0] if match else "", Role.NONE)[:1]:
        if other.possible_names or not other.tree.body:
            return
        only_definitions = all(isinstance(node, _DEFINITIONS) for node in other.tree.body)
        edit = CellEdit(other.cell.id, (1, 1), (1, 1), f"#| {tag}\n")
        title = f"Tag cell {other.cell.id} {tag}"
        yield Fix(each, title, (edit,), automatic=only_definitions and tag == "export")


def _correct_directive(source: Source, cell: CodeCell, each: Diagnostic) -> Iterator[Fix]:
    """Move a directive to the top, correct its spelling or remove it."""
    del source
    line = _lines(cell)[each.line - 1]
    match = tags.DIRECTIVE_LINE.match(line)
    if match is None:
        return
    if each.line not in cell.cell.directive_lines:
        edits = (
            CellEdit(cell.cell.id, (1, 1), (1, 1), f"{line}\n"),
            _delete_lines(cell, each.line),
        )
        yield Fix(each, f"Move `{line.strip()}` to the top of the cell", edits)
        return
    similar = difflib.get_close_matches(match[1], sorted(tags.DIRECTIVES), n=1)
    if similar:
        start, end = match.start(1) + 1, match.end(1) + 1
        edit = CellEdit(cell.cell.id, (each.line, start), (each.line, end), similar[0])
        yield Fix(each, f"Change to `#| {similar[0]}`", (edit,), automatic=False)
    else:
        edit = _delete_lines(cell, each.line)
        yield Fix(each, f"Remove `{line.strip()}`", (edit,), automatic=False)


def _remove_ignore_comment(source: Source, cell: CodeCell, each: Diagnostic) -> Iterator[Fix]:
    """Remove the codes of an ignore comment that match no diagnostic."""
    line = _lines(cell)[each.line - 1]
    match = suppressions.IGNORE.search(line)
    if match is None:
        return
    used = [
        code
        for code in suppressions.codes(match)
        if (cell.cell.id, each.line, code) in source.suppressions.used
    ]
    if used:
        start, end, text = match.start("codes"), match.end("codes"), ", ".join(used)
    else:
        start, end, text = len(line[: match.start()].rstrip()), len(line), ""
    if not used and not start:
        edit = _delete_lines(cell, each.line)
    else:
        edit = CellEdit(cell.cell.id, (each.line, start + 1), (each.line, end + 1), text)
    yield Fix(each, "Remove the unused ignore comment", (edit,))


def _import_without_folder(source: Source, cell: CodeCell, each: Diagnostic) -> Iterator[Fix]:
    """``from exported.features import scale`` becomes ``from features import scale``."""
    del source
    match = re.match(r"from\s+(\w+\.)\w", _lines(cell)[each.line - 1][each.column - 1 :])
    if match:
        start, end = each.column + match.start(1), each.column + match.end(1)
        edit = CellEdit(cell.cell.id, (each.line, start), (each.line, end), "")
        yield Fix(each, f"Import without the folder {match[1].rstrip('.')}", (edit,))


def _remove_import(source: Source, cell: CodeCell, each: Diagnostic) -> Iterator[Fix]:
    """Remove the names that no cell uses from an import statement."""
    unused = [
        (item, node)
        for other, item, node in find_unused_imports(source)
        if other is cell and node.lineno == each.line and node.col_offset == 0
    ]
    if not unused:
        return
    node = unused[0][1]
    assert isinstance(node, ast.Import | ast.ImportFrom)  # noqa: S101 - as the function returns
    last = node.end_lineno or node.lineno
    rest = _lines(cell)[last - 1].encode()[node.end_col_offset or 0 :]
    if rest.strip():
        return  # a comment or a second statement
    removed = {(item.name, item.alias) for item, _ in unused}
    names = [name for name in node.names if (name.name, name.asname or "") not in removed]
    title = f"Remove the import of {', '.join(item.bound for item, _ in unused)}"
    if not names:
        yield Fix(each, title, (_delete_lines(cell, node.lineno, last),))
        return
    text = ast.unparse(
        ast.Import(names)
        if isinstance(node, ast.Import)
        else ast.ImportFrom(node.module, names, node.level)
    )
    end = (last, len(_lines(cell)[last - 1]) + 1)
    yield Fix(each, title, (CellEdit(cell.cell.id, (node.lineno, 1), end, text),))


def _lines(cell: CodeCell) -> list[str]:
    return cell.cell.source.split("\n")


def _insert_at_top(cell: CodeCell, statement: str) -> CellEdit:
    """Insert a line below the directives of a cell."""
    line = max(cell.cell.directive_lines, default=0) + 1
    if line > len(_lines(cell)):
        end = (line - 1, len(_lines(cell)[-1]) + 1)
        return CellEdit(cell.cell.id, end, end, f"\n{statement}")
    return CellEdit(cell.cell.id, (line, 1), (line, 1), f"{statement}\n")


def _delete_lines(cell: CodeCell, first: int, last: int = 0) -> CellEdit:
    lines, last = _lines(cell), last or first
    if last < len(lines):
        return CellEdit(cell.cell.id, (first, 1), (last + 1, 1), "")
    start = (first - 1, len(lines[first - 2]) + 1) if first > 1 else (1, 1)
    return CellEdit(cell.cell.id, start, (last, len(lines[last - 1]) + 1), "")


_FINDERS: dict[str, Callable[[Source, CodeCell, Diagnostic], Iterator[Fix]]] = {
    rules.DIRECTIVE.code: _correct_directive,
    rules.UNUSED_IGNORE.code: _remove_ignore_comment,
    rules.NOT_EXPORTED.code: _tag_definition,
    rules.HIDDEN_STATE.code: _tag_definition,
    rules.IMPORT.code: _import_in_cell,
    rules.FOLDER_IMPORT.code: _import_without_folder,
    rules.UNUSED_IMPORT.code: _remove_import,
}
