"""Copy edits of exported files to the cells of the notebook.

Every line of a block knows its line of the cell, so an edit replaces only the edited lines.
Directives, imports and the cell's own blank lines are kept.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from nbrelease.errors import UserError
from nbrelease.export.blocks import INDENT, Block, Line, lines_in_strings
from nbrelease.export.diagnostic import Level
from nbrelease.export.generated_module import COMMAND_LINE, MAIN
from nbrelease.export.layout import Layout
from nbrelease.export.manual_edits import ManualEdit
from nbrelease.export.project import plan
from nbrelease.export.result import Export
from nbrelease.export.source import Role, Source


class Reason(StrEnum):
    """Why an edit cannot be copied to the notebook."""

    SHARED_COPY = "shared-copy"
    CONFLICT = "conflict"
    NO_CELL = "no-cell"
    GENERATED = "generated"
    DELETED = "deleted"
    IMPORT_REMOVED = "import-removed"
    SYNTAX = "syntax"
    NOT_REPRODUCED = "not-reproduced"
    NOT_EXPORTABLE = "not-exportable"


@dataclass(frozen=True)
class Refusal:
    """An edit that cannot be copied to the notebook."""

    edit: ManualEdit
    reason: Reason
    message: str


@dataclass
class SyncResult:
    """The result for one notebook.

    Attributes:
        path: the notebook.
        cells: ids of the changed cells.
        refused: the edits that cannot be copied; then no cell is changed.
    """

    path: str
    cells: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


_Problem = tuple[Reason, str]


def sync(layout: Layout, notebooks: Sequence[Path] = ()) -> list[SyncResult]:
    """Copy the edits of exported files to the notebooks, then export these again.

    If one edit of a notebook cannot be copied, the notebook and its files are not changed.

    Args:
        layout: the project's folders.
        notebooks: the notebooks; by default all.

    Raises:
        UsageError: a notebook does not exist or lies outside the project, or an editor saved it
            meanwhile.
    """
    results = []
    for export in plan(layout, notebooks):
        if not export.edits:
            continue
        result = SyncResult(export.path)
        results.append(result)
        sources = _new_sources(export, result)
        if result.refused:
            continue
        change = export.replace_sources(layout.root, sources)
        problem = _export_again(layout, change.path)
        if problem is not None:
            change.undo()
            result.cells.clear()
            result.refused = [Refusal(edit, *problem) for edit in export.edits]
    return results


def _new_sources(export: Export, result: SyncResult) -> dict[int, str]:
    """The new sources by the index of the cell."""
    assert export.source is not None  # noqa: S101 - there are no edits without a source
    sources: dict[int, str] = {}
    # New imports last: they shift the line numbers that the other edits refer to.
    for edit in sorted(export.edits, key=lambda each: each.key == ""):
        problem = _find_problem(edit)
        if problem is None and edit.key == "":
            _add_imports(export.source, edit, sources, result)
            continue
        if problem or edit.block is None or edit.block.cell is None or edit.file is None:
            problem = problem or (Reason.NO_CELL, "no cell generates it")
            result.refused.append(Refusal(edit, *problem))
            continue
        cell = edit.block.cell.cell
        sources[cell.index] = _merge_edit(
            edit.block, edit.file, sources.get(cell.index, cell.source)
        )
        result.cells.append(cell.id)
    return sources


def _find_problem(edit: ManualEdit) -> _Problem | None:
    """Why an edit cannot be copied; None if it can."""
    if edit.copied_from:
        return Reason.SHARED_COPY, f"it is a copy; make the change in {edit.copied_from}"
    if edit.conflict:
        return Reason.CONFLICT, "its cell was edited too; make both the same"
    if edit.block is None:
        return Reason.NO_CELL, "no cell generates this block; add a cell to the notebook"
    if edit.key == "" and edit.path.endswith(".py") and edit.file is not None:
        return _find_top_problem(edit)
    if edit.block.cell is None:
        origin = "the parameters cell" if edit.key in (MAIN, COMMAND_LINE) else "the cells"
        return Reason.GENERATED, f"it is generated from {origin}; make the change there"
    if edit.file is None:
        return Reason.DELETED, "the block was deleted; delete its cell, or remove the tag"
    head = "if True:\n" if edit.block.indented else "\n"  # takes the line of the heading
    try:
        ast.parse(head + edit.file)
    except SyntaxError as error:
        line = edit.line + (error.lineno or 1) - 1
        return Reason.SYNTAX, f"not valid Python: {error.msg}, line {line}"
    except ValueError as error:
        return Reason.SYNTAX, f"not valid Python: {error}"
    return None


def _find_top_problem(edit: ManualEdit) -> _Problem | None:
    """The top of a module is generated from many cells; only new imports can be copied."""
    try:
        theirs, ours = ast.parse(edit.file or ""), ast.parse(edit.notebook or "")
    except (SyntaxError, ValueError) as error:
        return Reason.SYNTAX, f"not valid Python: {error}"
    removed = _import_statements(ours) - _import_statements(theirs)
    if removed:
        statement = min(removed)
        return Reason.IMPORT_REMOVED, f"`{statement}` was removed; remove it from its cell"
    if _dump_other_statements(theirs) != _dump_other_statements(ours):
        return Reason.GENERATED, "it is generated from the cells; make the change there"
    return None


def _import_statements(tree: ast.Module) -> set[str]:
    """Each imported name as a statement of its own."""
    statements = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            statements |= {ast.unparse(ast.Import([alias])) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            statements |= {
                ast.unparse(ast.ImportFrom(node.module, [alias], node.level))
                for alias in node.names
            }
    return statements


def _dump_other_statements(tree: ast.Module) -> list[str]:
    """The statements other than imports, without their layout."""
    return [
        _dump_statement(node)
        for node in tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom)
    ]


def _dump_statement(node: ast.stmt) -> str:
    """A statement without its layout; for a test or a wrapped block, the body without imports."""
    if isinstance(node, ast.If | ast.FunctionDef):
        body = [each for each in node.body if not isinstance(each, ast.Import | ast.ImportFrom)]
        return "".join(ast.dump(each) for each in body)
    return ast.dump(node)


def _add_imports(
    source: Source, edit: ManualEdit, sources: dict[int, str], result: SyncResult
) -> None:
    """Insert new imports after those of the first exported cell with imports."""
    theirs, ours = ast.parse(edit.file or ""), ast.parse(edit.notebook or "")
    new = _import_statements(theirs) - _import_statements(ours)
    if not new:
        return  # only the layout differs; it is generated again
    cells = source.cells_with(Role.EXPORT, Role.MAIN)
    target = next((cell for cell in cells if cell.imports), cells[0])
    lines = sources.get(target.cell.index, target.cell.source).split("\n")
    first = max(target.cell.directive_lines, default=0)
    at = max((node.end_lineno or node.lineno for node in target.imports), default=first)
    lines[at:at] = [*sorted(new), *([] if target.imports else [""])]
    sources[target.cell.index] = "\n".join(lines)
    result.cells.append(target.cell.id)


def _export_again(layout: Layout, path: Path) -> _Problem | None:
    """Export the changed notebook; return the problem if it cannot be exported."""
    try:
        [export] = plan(layout, [path])
    except UserError as error:
        return Reason.NOT_EXPORTABLE, str(error)
    if lost := [edit for edit in export.edits if not _has_same_code(edit)]:
        return Reason.NOT_REPRODUCED, f"its cell would not generate {lost[0].title} again"
    errors = [each for each in export.diagnostics if each.rule.level is Level.ERROR]
    if errors and not export.edits:
        first = errors[0]
        message = f"{first.location}: {first.rule.code} {first.message}"
        return Reason.NOT_EXPORTABLE, f"with it the notebook has an error: {message}"
    export.write()
    return None


def _has_same_code(edit: ManualEdit) -> bool:
    """Whether both sides differ only in layout, or in an import that moves to the top."""
    if edit.key == "":
        return True  # only new imports are copied, and they are sorted
    head = "if True:\n    pass\n" if edit.block is not None and edit.block.indented else ""
    theirs, ours = (ast.parse(head + (text or "")) for text in (edit.file, edit.notebook))
    return _dump_other_statements(theirs) == _dump_other_statements(ours)


def _merge_edit(block: Block, text: str, source: str) -> str:
    """The source of a cell with the edits of its block.

    Args:
        block: the block as the notebook generates it.
        text: the block in the file.
        source: the source of the cell.
    """
    wrapped = _is_wrapped(block)
    new = _dedent(text) if block.indented or wrapped else text.split("\n")
    if wrapped:
        new = new[1:]
    old = _lines_as_in_cell(block)
    lines = source.split("\n")
    matcher = difflib.SequenceMatcher(None, [line.text for line in old], new, autojunk=False)
    for kind, begin, end, new_begin, new_end in reversed(matcher.get_opcodes()):
        if kind == "equal":
            continue
        replaced = [line.cell_line for line in old[begin:end] if line.cell_line is not None]
        if replaced:
            at = replaced[0] - 1
            for number in reversed(replaced):
                del lines[number - 1]
        else:
            at = _insertion_index(old, begin, len(lines))
        lines[at:at] = new[new_begin:new_end]
    return "\n".join(lines)


def _insertion_index(old: list[Line], index: int, end: int) -> int:
    """Where a line before ``old[index]`` is inserted in the cell: after the line above it."""
    above = [line.cell_line for line in old[:index] if line.cell_line is not None]
    if above:
        return above[-1]
    below = [line.cell_line for line in old[index:] if line.cell_line is not None]
    return below[0] - 1 if below else end


def _is_wrapped(block: Block) -> bool:
    """Whether the block is a test cell in a generated function."""
    return not block.indented and bool(block.lines) and block.lines[0].cell_line is None


def _lines_as_in_cell(block: Block) -> list[Line]:
    """The lines of a block that come from the cell, with the text that they have there."""
    wrapped = _is_wrapped(block)
    if not block.indented and not wrapped:
        return list(block.lines)
    source = block.cell.code.split("\n") if block.cell is not None else []
    return [
        Line(source[line.cell_line - 1], line.cell_line) if line.cell_line is not None else line
        for line in block.lines
        if line.cell_line is not None or not wrapped
    ]


def _dedent(text: str) -> list[str]:
    """The lines of a function's body without its indentation; lines in strings are kept."""
    lines = text.split("\n")
    in_string = _lines_in_strings(lines)
    return [
        line if number in in_string else line.removeprefix(INDENT)
        for number, line in enumerate(lines, start=1)
    ]


def _lines_in_strings(lines: list[str]) -> frozenset[int]:
    code = "\n".join(lines)
    if code.startswith("def "):
        return lines_in_strings(code)
    return frozenset(number - 1 for number in lines_in_strings(f"if True:\n{code}"))
