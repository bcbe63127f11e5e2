"""What JupyterLab shows of an open notebook: tags, diagnostics, state of the export, preview."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from nbrelease.errors import UserError
from nbrelease.export import Export, Layout, plan
from nbrelease.export.blocks import HEADING, Line, cell_lines, omitted_lines
from nbrelease.export.cache import Cache
from nbrelease.export.diagnostic import Diagnostic, Level
from nbrelease.export.export_state import STATE_FILE
from nbrelease.export.fixes import CellEdit, Fix, find_fixes
from nbrelease.export.open_notebook import check_open_notebook, find_layout
from nbrelease.export.source import Role
from nbrelease.export.sync import SyncResult, sync
from nbrelease.export.tags import TAGS


class State(StrEnum):
    """The state of the exported files, compared with the notebook on the screen."""

    NOT_TAGGED = "not tagged"
    FAILED = "failed"
    EDITED = "edited by hand"
    STALE = "stale"
    FRESH = "fresh"


@dataclass(frozen=True)
class QuickFix:
    """A fix of a diagnostic as edits of cells."""

    title: str
    edits: tuple[CellEdit, ...]


@dataclass(frozen=True)
class Finding:
    """A diagnostic with its level, the address of its documentation and its quick fixes."""

    code: str
    level: Level
    path: str
    cell: str
    line: int
    column: int
    message: str
    fix: str
    link: str
    fixes: list[QuickFix] = field(default_factory=list)

    @classmethod
    def from_diagnostic(cls, diagnostic: Diagnostic, fixes: Iterable[Fix] = ()) -> Finding:
        """The finding of a diagnostic, with those of the fixes that belong to it."""
        rule = diagnostic.rule
        return cls(
            rule.code,
            rule.level,
            diagnostic.path,
            diagnostic.cell,
            diagnostic.line,
            diagnostic.column,
            diagnostic.message,
            diagnostic.fix,
            rule.url,
            [QuickFix(each.title, each.edits) for each in fixes if each.diagnostic is diagnostic],
        )


@dataclass(frozen=True)
class CellTags:
    """The tags and directives of a cell that mean something to nbrelease."""

    id: str
    tags: list[str]


@dataclass(frozen=True)
class PreviewLine:
    """A line of the module; cell and line where it comes from, empty and 0 for a generated one."""

    text: str
    cell: str
    line: int


@dataclass(frozen=True)
class Edit:
    """An edit by hand in an exported file, as a unified diff."""

    path: str
    title: str
    diff: str


@dataclass(frozen=True)
class NotebookState:
    """The state of an open notebook.

    Attributes:
        state: of its exported files.
        module: path of its module in the project; empty if it cannot be rendered.
        cells: the code cells.
        findings: its diagnostics.
        stale: the exported files that are out of date.
        edits: the edits by hand.
        untested: public functions that no test uses.
        preview: the lines of the module as an export would write it.
    """

    state: State
    module: str = ""
    cells: list[CellTags] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    preview: list[PreviewLine] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """The files that an export or a sync wrote, and why it did not write others."""

    files: list[str]
    findings: list[Finding]
    refused: list[Edit] = field(default_factory=list)


def read_state(path: Path, content: bytes, cache: Cache) -> NotebookState:
    """The state of an open notebook. Nothing is written.

    Args:
        path: the file of the notebook.
        content: the notebook as JSON, as it would be saved.
        cache: results of the project's other notebooks.

    Raises:
        SettingsError: the project's settings.ini is invalid.
    """
    export = check_open_notebook(path, content, cache)
    layout = find_layout(path)
    fixes = find_fixes(export)
    cells = export.source.notebook.cells if export.source else ()
    return NotebookState(
        state=_state_of(export),
        module=layout.relative(export.files[0].path) if export.files else "",
        cells=[
            CellTags(cell.id, sorted(cell.tags & TAGS)) for cell in cells if cell.kind == "code"
        ],
        findings=[Finding.from_diagnostic(each, fixes) for each in export.diagnostics],
        stale=_stale_paths(export, layout),
        edits=[Edit(each.path, each.title, each.diff()) for each in export.edits],
        untested=list(export.untested),
        preview=list(_preview(export)),
    )


def export_notebook(path: Path) -> Written:
    """Export the saved notebook, as ``nbrelease export`` does.

    Raises:
        UserError: the notebook is not in a project.
    """
    layout = _find_project(path)
    [export] = plan(layout, [path])
    findings = [Finding.from_diagnostic(each) for each in export.diagnostics]
    if export.failed:
        return Written([], findings)
    return Written([layout.relative(file.path) for file in export.write()], findings)


def sync_notebook(path: Path) -> Written:
    """Copy edits by hand to the saved notebook, as ``nbrelease sync`` does.

    Raises:
        UserError: the notebook is not in a project.
    """
    layout = _find_project(path)
    results: list[SyncResult] = sync(layout, [path])
    refused = [
        Edit(each.edit.path, f"{each.edit.title}: {each.message}", each.edit.diff())
        for result in results
        for each in result.refused
    ]
    return Written([result.path for result in results if not result.refused], [], refused)


def _find_project(path: Path) -> Layout:
    layout = find_layout(path)
    if not (layout.root / "settings.ini").is_file():
        raise UserError(f"{path.name}: not in a project; move it to a folder with settings.ini")
    return layout


def _state_of(export: Export) -> State:
    if export.edits:
        return State.EDITED
    if export.failed:
        return State.FAILED
    if not export.exports:
        return State.NOT_TAGGED
    return State.STALE if export.stale else State.FRESH


def _stale_paths(export: Export, layout: Layout) -> list[str]:
    return [layout.relative(file.path) for file in export.stale if file.path.name != STATE_FILE]


def _preview(export: Export) -> Iterator[PreviewLine]:
    """The lines of the module with the line of the cell that each comes from."""
    source = export.source
    if source is None or not export.files:
        return
    cells = {f"{source.path} #{cell.cell.id}": cell for cell in source.cells}
    cell_id, lines = "", iter(tuple[Line, ...]())
    for text in export.files[0].text.rstrip("\n").split("\n"):
        heading = HEADING.match(text)
        if heading is None:
            line = next(lines, None)
            number = line.cell_line if line is not None else None
            yield PreviewLine(text, cell_id, number or 0)
            continue
        cell = cells.get(heading["key"])
        cell_id, lines = "", iter(tuple[Line, ...]())
        if cell is not None:
            indented = cell.role is Role.MAIN
            cell_id = cell.cell.id
            lines = iter(cell_lines(cell, omitted_lines(cell), indented=indented))
        yield PreviewLine(text, cell_id, 0)
