"""The server: checks open notebooks and publishes their diagnostics, fixes and hovers.

A notebook is checked when it is opened or saved, and after a pause in typing. The check is the one
of ``nbrelease export``; nothing is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from nbrelease.errors import NbreleaseError
from nbrelease.export import Export, Layout
from nbrelease.export.cache import Cache
from nbrelease.export.diagnostic import UNUSED_IMPORT, Diagnostic, Level
from nbrelease.export.fixes import IDENTIFIER, Fix, find_fixes
from nbrelease.export.open_notebook import check_open_notebook, find_layout
from nbrelease.language_server.documents import OpenNotebook, Place, open_notebook
from nbrelease.language_server.hover import describe_in_cell, describe_in_settings
from nbrelease.project_root import SETTINGS_FILE

PAUSE_SECONDS = 0.2
"""How long no key is pressed before a notebook is checked."""
SEVERITIES = {
    Level.ERROR: types.DiagnosticSeverity.Error,
    Level.WARNING: types.DiagnosticSeverity.Warning,
    Level.NOTE: types.DiagnosticSeverity.Information,
}
NOTEBOOKS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithNotebook(
            notebook=types.NotebookDocumentFilterNotebookType(notebook_type="jupyter-notebook")
        )
    ],
    save=True,
)


@dataclass(frozen=True)
class _Checked:
    """The last check of a notebook, with its diagnostics by document."""

    notebook: OpenNotebook
    layout: Layout
    export: Export
    published: dict[str, list[tuple[Diagnostic, types.Diagnostic]]]


class NotebookServer(LanguageServer):
    """A language server for the notebooks of nbrelease."""

    def __init__(self) -> None:
        super().__init__(
            "nbrelease", metadata.version("nbrelease"), notebook_document_sync=NOTEBOOKS
        )
        self._checked: dict[str, _Checked] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._caches: dict[Path, Cache] = {}
        self._message = ""

    def check_soon(self, uri: str) -> None:
        """Check a notebook after a pause in typing."""
        self._cancel(uri)
        loop = asyncio.get_running_loop()
        self._timers[uri] = loop.call_later(PAUSE_SECONDS, self.check, uri)

    def check(self, uri: str) -> None:
        """Check a notebook now and publish its diagnostics."""
        self._cancel(uri)
        notebook = open_notebook(self.workspace, uri)
        if notebook is None:
            return
        try:
            layout = find_layout(notebook.path)
            cache = self._caches.setdefault(layout.root, Cache())
            export = check_open_notebook(notebook.path, notebook.content, cache)
        except NbreleaseError as error:
            self._show_once(str(error))
            return
        self._message = ""
        published: dict[str, list[tuple[Diagnostic, types.Diagnostic]]] = {}
        own_path = layout.relative(notebook.path)
        for each in export.diagnostics:
            if each.path == own_path:
                place = notebook.locate(each.cell, each.line, each.column)
            else:
                file = from_fs_path(str(layout.root / each.path)) or uri
                place = Place(file, each.line - 1, each.column - 1)
            if place is not None:
                item = self._to_protocol(each, notebook.lines(place.uri), place)
                published.setdefault(place.uri, []).append((each, item))
        previous = self._checked.get(uri)
        for document in {*published, *(previous.published if previous else ())}:
            items = [item for _, item in published.get(document, [])]
            self._publish(document, items)
        self._checked[uri] = _Checked(notebook, layout, export, published)

    def close(self, uri: str) -> None:
        """Withdraw the diagnostics of a notebook."""
        self._cancel(uri)
        checked = self._checked.pop(uri, None)
        for document in checked.published if checked else ():
            self._publish(document, [])

    def actions(self, uri: str, area: types.Range) -> list[types.CodeAction]:
        """The quick fixes for the diagnostics of a document that overlap a range."""
        checked = self._current(uri)
        if checked is None:
            return []
        overlapping = {
            id(each): item
            for each, item in checked.published.get(uri, [])
            if _overlap(item.range, area)
        }
        return [
            types.CodeAction(
                title=fix.title,
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[overlapping[id(fix.diagnostic)]],
                is_preferred=fix.automatic,
                edit=edit,
            )
            for fix in find_fixes(checked.export)
            if id(fix.diagnostic) in overlapping and (edit := self._to_edit(checked, fix))
        ]

    def hover(self, uri: str, position: types.Position) -> str | None:
        """What is at a position of a cell or of settings.ini, as Markdown."""
        if (path := to_fs_path(uri)) and Path(path).name == SETTINGS_FILE:
            text = self.workspace.get_text_document(uri).source
            return describe_in_settings(Path(path), text, position.line + 1)
        checked = self._current(uri)
        if checked is None or checked.export.source is None:
            return None
        at = self._codec.position_from_client_units(checked.notebook.lines(uri), position)
        cell = checked.notebook.find_cell(Place(uri, at.line, at.character))
        return describe_in_cell(checked.export.source, checked.layout, *cell) if cell else None

    @property
    def _codec(self):  # type: ignore[no-untyped-def]
        return self.workspace.position_codec

    def _current(self, uri: str) -> _Checked | None:
        """The check of the notebook that a document belongs to, with the latest changes."""
        notebook = self.workspace.get_notebook_document(cell_uri=uri)
        owner = notebook.uri if notebook is not None else uri
        if owner in self._timers:
            self.check(owner)
        return self._checked.get(owner)

    def _cancel(self, uri: str) -> None:
        if timer := self._timers.pop(uri, None):
            timer.cancel()

    def _show_once(self, message: str) -> None:
        if message != self._message:
            self._message = message
            self.window_show_message(types.ShowMessageParams(types.MessageType.Error, message))

    def _publish(self, uri: str, items: list[types.Diagnostic]) -> None:
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, items))

    def _to_protocol(
        self, each: Diagnostic, lines: Sequence[str], place: Place
    ) -> types.Diagnostic:
        """A diagnostic with the range of the word at its place."""
        line = lines[place.line] if place.line < len(lines) else ""
        word = IDENTIFIER.match(line, place.column)
        end = word.end() if word else max(len(line.rstrip()), place.column + 1)
        tags = [types.DiagnosticTag.Unnecessary] if each.rule is UNUSED_IMPORT else None
        return types.Diagnostic(
            range=self._range(lines, (place.line, place.column), (place.line, end)),
            message=f"{each.message}; {each.fix}",
            severity=SEVERITIES[each.rule.level],
            code=each.rule.code,
            code_description=types.CodeDescription(href=each.rule.url),
            source="nbrelease",
            tags=tags,
        )

    def _to_edit(self, checked: _Checked, fix: Fix) -> types.WorkspaceEdit | None:
        changes: dict[str, list[types.TextEdit]] = {}
        for each in checked.notebook.replace(fix.edits):
            lines = checked.notebook.lines(each.start.uri)
            start, end = ((at.line, at.column) for at in (each.start, each.end))
            edit = types.TextEdit(self._range(lines, start, end), each.text)
            changes.setdefault(each.start.uri, []).append(edit)
        return types.WorkspaceEdit(changes=changes) if changes else None

    def _range(
        self, lines: Sequence[str], start: tuple[int, int], end: tuple[int, int]
    ) -> types.Range:
        """A range in the units of the client."""
        area = types.Range(types.Position(*start), types.Position(*end))
        result: types.Range = self._codec.range_to_client_units(lines, area)
        return result


def _overlap(one: types.Range, other: types.Range) -> bool:
    return one.start <= other.end and other.start <= one.end


def _with_uri(action: Callable[[str], None]) -> Callable[[Any], None]:
    """A handler that passes the URI of the notebook or of the text document."""

    def handle(params: Any) -> None:
        document = getattr(params, "notebook_document", None) or params.text_document
        action(document.uri)

    return handle


def create_server() -> NotebookServer:
    """Create a server; ``start_io`` runs it on standard input and output."""
    server = NotebookServer()
    for action, methods in {
        server.check: (
            types.NOTEBOOK_DOCUMENT_DID_OPEN,
            types.NOTEBOOK_DOCUMENT_DID_SAVE,
            types.TEXT_DOCUMENT_DID_OPEN,
            types.TEXT_DOCUMENT_DID_SAVE,
        ),
        server.check_soon: (
            types.NOTEBOOK_DOCUMENT_DID_CHANGE,
            types.TEXT_DOCUMENT_DID_CHANGE,
        ),
        server.close: (
            types.NOTEBOOK_DOCUMENT_DID_CLOSE,
            types.TEXT_DOCUMENT_DID_CLOSE,
        ),
    }.items():
        for method in methods:
            server.feature(method)(_with_uri(action))

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    )
    def code_actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        return server.actions(params.text_document.uri, params.range)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        text = server.hover(params.text_document.uri, params.position)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None

    return server
