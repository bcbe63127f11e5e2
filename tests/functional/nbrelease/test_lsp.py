"""The language server as a process, with the client of pygls over standard input and output."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

pytestmark = pytest.mark.functional
T = TypeVar("T")
TIMEOUT = 60
SCALE = "import math\n\n\ndef scale(x):\n    return math.pi * x"
MAIN = "#| main\nprint(scale(rate))"
USE = "def twice():\n    return scale(2)"
PARAMETERS = "rate: float = 0.5  # learning rate"


class Editor:
    """An editor that is connected to the server."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = LanguageClient("editor", "1")
        self.published: dict[str, list[types.Diagnostic]] = {}
        self.messages: list[str] = []
        self.news = asyncio.Event()

        @self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def publish(params: types.PublishDiagnosticsParams) -> None:
            self.published[params.uri] = list(params.diagnostics)
            self.news.set()

        @self.client.feature(types.WINDOW_SHOW_MESSAGE)
        def show(params: types.ShowMessageParams) -> None:
            self.messages.append(params.message)
            self.news.set()

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, TIMEOUT))

    def start(self, encodings: list[str] | None = None) -> types.InitializeResult:
        self.run(self.client.start_io(sys.executable, "-m", "nbrelease", "lsp", "--stdio"))
        capabilities = types.ClientCapabilities(
            notebook_document=types.NotebookDocumentClientCapabilities(
                synchronization=types.NotebookDocumentSyncClientCapabilities()
            ),
            general=types.GeneralClientCapabilities(position_encodings=encodings),
        )
        params = types.InitializeParams(capabilities=capabilities)
        result = self.run(self.client.initialize_async(params))
        self.client.initialized(types.InitializedParams())
        return result

    def stop(self) -> int | None:
        process = self.client._server
        self.run(self.client.shutdown_async(None))
        self.client.exit(None)
        assert process is not None
        code = self.run(process.wait())
        self.run(self.client.stop())
        self.loop.close()
        return code

    def wait(self, condition) -> None:
        async def until() -> None:
            while not condition():
                self.news.clear()
                await self.news.wait()

        self.run(until())

    def codes(self, uri: str) -> list[str]:
        return [str(each.code) for each in self.published.get(uri, [])]

    def wait_for_codes(self, uri: str, codes: list[str]) -> None:
        try:
            self.wait(lambda: self.codes(uri) == codes)
        except TimeoutError:
            assert self.codes(uri) == codes, (self.published, self.messages)

    def hover(self, uri: str, line: int, character: int) -> str:
        document = types.TextDocumentIdentifier(uri)
        position = types.Position(line, character)
        answer = self.run(
            self.client.text_document_hover_async(types.HoverParams(document, position))
        )
        if answer is None:
            return ""
        assert isinstance(answer.contents, types.MarkupContent)
        return answer.contents.value

    def actions(self, uri: str, code: str) -> list[types.CodeAction]:
        diagnostics = [each for each in self.published[uri] if each.code == code]
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(uri),
            diagnostics[0].range,
            types.CodeActionContext(diagnostics),
        )
        answer = self.run(self.client.text_document_code_action_async(params))
        return [each for each in answer or [] if isinstance(each, types.CodeAction)]

    # notebook documents, as VS Code sends them

    def open(self, path: Path, *cells: tuple[str, list[str], str]) -> str:
        uri = path.as_uri()
        notebook = types.NotebookDocument(
            uri,
            "jupyter-notebook",
            1,
            [self.cell(uri, cell_id, tags) for cell_id, tags, _ in cells],
            metadata={"metadata": {"kernelspec": {"name": "python3", "language": "python"}}},
        )
        texts = [
            types.TextDocumentItem(cell_uri(uri, cell_id), "python", 1, text)
            for cell_id, _, text in cells
        ]
        self.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(notebook, texts))
        return uri

    def cell(self, uri: str, cell_id: str, tags: list[str]) -> types.NotebookCell:
        metadata = {"id": cell_id, "metadata": {"tags": tags}}
        return types.NotebookCell(
            types.NotebookCellKind.Code, cell_uri(uri, cell_id), metadata=metadata
        )

    def change(self, uri: str, cells: types.NotebookDocumentCellChanges) -> None:
        self.client.notebook_document_did_change(
            types.DidChangeNotebookDocumentParams(
                types.VersionedNotebookDocumentIdentifier(2, uri),
                types.NotebookDocumentChangeEvent(cells=cells),
            )
        )

    def type_text(self, uri: str, cell_id: str, text: str) -> None:
        content = types.NotebookDocumentCellContentChanges(
            types.VersionedTextDocumentIdentifier(2, cell_uri(uri, cell_id)),
            [types.TextDocumentContentChangeWholeDocument(text)],
        )
        self.change(uri, types.NotebookDocumentCellChanges(text_content=[content]))


def cell_uri(uri: str, cell_id: str) -> str:
    """The document of a cell, with an escaped fragment as in VS Code."""
    return f"{uri.replace('file:', 'vscode-notebook-cell:')}#{cell_id}%3D%3D"


@pytest.fixture(scope="module")
def session() -> Iterator[Editor]:
    editor = Editor()
    result = editor.start()
    sync = result.capabilities.notebook_document_sync
    assert isinstance(sync, types.NotebookDocumentSyncOptions)
    assert sync.save
    yield editor
    assert editor.stop() == 0


@pytest.fixture
def editor(session: Editor) -> Editor:
    session.published.clear()
    session.messages.clear()
    return session


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "settings.ini").write_text("[DEFAULT]\nproject = rentals\n\n[train]\nrate = 0.1\n")
    return tmp_path


def test_diagnostics_follow_edits_tags_order_and_close(editor: Editor, root: Path) -> None:
    path = root / "notebooks" / "train.ipynb"
    uri = editor.open(path, ("p", ["parameters"], PARAMETERS), ("m", [], MAIN), ("s", [], SCALE))
    main, scale = cell_uri(uri, "m"), cell_uri(uri, "s")
    editor.wait_for_codes(main, ["NBR304"])
    problem = editor.published[main][0]
    assert problem.range == types.Range(types.Position(1, 6), types.Position(1, 11))
    assert problem.severity == types.DiagnosticSeverity.Error
    assert problem.source == "nbrelease"
    assert problem.code_description is not None
    assert problem.code_description.href.endswith("docs/diagnostics.md#nbr304")
    # the user tags the last cell
    tagged = types.NotebookDocumentCellChanges(data=[editor.cell(uri, "s", ["export"])])
    editor.change(uri, tagged)
    editor.wait_for_codes(main, ["NBR501"])
    editor.wait_for_codes(scale, ["NBR501"])
    # deletes it
    array = types.NotebookCellArrayChange(2, 1, [])
    structure = types.NotebookDocumentCellChangeStructure(array)
    editor.change(uri, types.NotebookDocumentCellChanges(structure=structure))
    editor.wait_for_codes(main, ["NBR302"])
    editor.wait_for_codes(scale, [])
    # inserts it as the first cell, and types
    array = types.NotebookCellArrayChange(0, 0, [editor.cell(uri, "s", ["export"])])
    item = types.TextDocumentItem(scale, "python", 1, SCALE)
    structure = types.NotebookDocumentCellChangeStructure(array, did_open=[item])
    editor.change(uri, types.NotebookDocumentCellChanges(structure=structure))
    editor.wait_for_codes(scale, ["NBR501"])
    editor.type_text(uri, "m", "#| main\nprint(unknown)")
    editor.wait_for_codes(main, ["NBR302"])
    assert not path.exists()  # nothing is written
    cells = [types.TextDocumentIdentifier(cell_uri(uri, each)) for each in "pms"]
    editor.client.notebook_document_did_close(
        types.DidCloseNotebookDocumentParams(types.NotebookDocumentIdentifier(uri), cells)
    )
    editor.wait(lambda: not any(editor.published.values()))
    assert set(editor.published) >= {main, scale}


def test_edits_by_hand_are_shown_in_the_exported_file_until_saved(
    editor: Editor, root: Path
) -> None:
    cells = (("s", ["export"], SCALE), ("m", ["main"], "print(scale(1))"))
    path = root / "notebooks" / "train.ipynb"
    write_notebook(path, *cells)
    export(root)
    module = root / "exported" / "train" / "main.py"
    text = module.read_text()
    module.write_text(text.replace("math.pi * x", "x * math.pi"))
    uri = editor.open(path, *cells)
    editor.wait_for_codes(module.as_uri(), ["NBR602"])
    module.write_text(text)
    editor.client.notebook_document_did_save(
        types.DidSaveNotebookDocumentParams(types.NotebookDocumentIdentifier(uri))
    )
    editor.wait_for_codes(module.as_uri(), [])


def test_quick_fix_edits_another_cell(editor: Editor, root: Path) -> None:
    uri = editor.open(root / "notebooks" / "train.ipynb", ("s", [], SCALE), ("m", ["export"], USE))
    main = cell_uri(uri, "m")
    editor.wait(lambda: "NBR301" in editor.codes(main))
    (action,) = editor.actions(main, "NBR301")
    assert action.kind == types.CodeActionKind.QuickFix
    assert action.is_preferred
    assert action.edit is not None
    assert action.edit.changes is not None
    start = types.Range(types.Position(0, 0), types.Position(0, 0))
    assert list(action.edit.changes) == [cell_uri(uri, "s")]
    assert list(action.edit.changes[cell_uri(uri, "s")]) == [types.TextEdit(start, "#| export\n")]


def test_quick_fix_sees_changes_that_were_not_checked_yet(editor: Editor, root: Path) -> None:
    uri = editor.open(root / "notebooks" / "a.ipynb", ("s", ["export"], "import os\nx = 1"))
    cell = cell_uri(uri, "s")
    editor.wait_for_codes(cell, ["NBR315"])
    editor.type_text(uri, "s", "import os\nx = os")
    assert editor.actions(cell, "NBR315") == []


def test_columns_are_counted_in_the_units_of_the_client(root: Path) -> None:
    for encodings, column in ((None, 10), (["utf-8"], 12)):
        editor = Editor()
        editor.start(encodings)
        path = root / "notebooks" / "train.ipynb"
        uri = editor.open(path, ("s", ["export"], "x = '😀', unknown"))
        cell = cell_uri(uri, "s")
        editor.wait_for_codes(cell, ["NBR302"])
        area = editor.published[cell][0].range
        assert (area.start.character, area.end.character) == (column, column + 7)
        assert editor.stop() == 0


def test_hover_describes_tags_names_and_settings(editor: Editor, root: Path) -> None:
    path = root / "notebooks" / "train.ipynb"
    cells = (("p", ["parameters"], PARAMETERS), ("s", ["export"], SCALE), ("m", [], MAIN))
    uri = editor.open(path, *cells)
    editor.wait(lambda: editor.codes(cell_uri(uri, "m")))
    assert "`main()`" in editor.hover(cell_uri(uri, "m"), 0, 4)  # the directive
    assert "exported/train/main.py" in editor.hover(cell_uri(uri, "m"), 1, 8)  # scale
    parameter = editor.hover(cell_uri(uri, "m"), 1, 13)  # rate
    assert "rate: float = 0.5" in parameter
    assert "Learning rate" in parameter
    assert "parameters" in editor.hover(cell_uri(uri, "p"), 0, 20)  # the tag of the cell
    assert editor.hover(cell_uri(uri, "m"), 1, 0) == ""  # print

    write_notebook(path, *cells)
    export(root)
    settings = (root / "settings.ini").as_uri()
    text = "[DEFAULT]\nlocal_port = 0\n\n[train]\nrate = 0.1\n"
    item = types.TextDocumentItem(settings, "ini", 1, text)
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    assert "`local_port`" in editor.hover(settings, 1, 2)
    assert "rate: float" in editor.hover(settings, 4, 2)
    assert editor.hover(settings, 0, 2) == ""


def test_an_editor_without_notebooks_gets_positions_in_the_json_text(
    editor: Editor, root: Path
) -> None:
    path = root / "notebooks" / "train.ipynb"
    write_notebook(path, ("s", ["export"], "import os\nx = unknown"))
    text = path.read_text()
    uri = path.as_uri()
    item = types.TextDocumentItem(uri, "json", 1, text)
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    editor.wait_for_codes(uri, ["NBR315", "NBR302"])
    start = editor.published[uri][1].range.start
    assert text.split("\n")[start.line][start.character :].startswith("unknown")
    (action,) = editor.actions(uri, "NBR315")
    assert action.edit is not None
    assert action.edit.changes is not None
    (edit,) = action.edit.changes[uri]
    assert json.loads(edit.new_text)["cells"][0]["source"] == ["x = unknown"]
    assert edit.range.start == types.Position(0, 0)


@pytest.mark.parametrize("folder", [".", ".virtual_documents"])
def test_jupyterlab_lsp_gets_positions_in_the_code_of_all_cells(
    editor: Editor, root: Path, folder: str
) -> None:
    path = root / "notebooks" / "train.ipynb"
    cells = (
        ("a", [], "%matplotlib inline\ny = 1"),
        ("s", ["export"], "import os"),
        ("m", ["main"], "print(unknown)"),
    )
    write_notebook(path, *cells)
    code = "get_ipython()\ny = 1\n\n\nimport os\n\n\nprint(unknown)\n"
    uri = (root / folder / "notebooks" / "train.ipynb").as_uri()
    item = types.TextDocumentItem(uri, "python", 1, code)
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    editor.wait_for_codes(uri, ["NBR315", "NBR302"])
    assert [each.range.start.line for each in editor.published[uri]] == [4, 7]
    assert "main()" in editor.hover(uri, 7, 0)


def test_invalid_settings_are_shown_once_and_other_files_are_ignored(
    editor: Editor, root: Path
) -> None:
    (root / "settings.ini").write_text("[DEFAULT]\nexport_untested = never\n")
    path = root / "notebooks" / "train.ipynb"
    uri = editor.open(path, ("s", ["export"], "x = unknown"))
    editor.wait(lambda: editor.messages)
    editor.client.notebook_document_did_save(
        types.DidSaveNotebookDocumentParams(types.NotebookDocumentIdentifier(uri))
    )
    (root / "settings.ini").write_text("[DEFAULT]\n")
    editor.type_text(uri, "s", "x = unknown2")
    editor.wait_for_codes(cell_uri(uri, "s"), ["NBR302"])
    assert len(editor.messages) == 1
    assert "settings.ini" in editor.messages[0]
    item = types.TextDocumentItem((root / "a.py").as_uri(), "python", 1, "x = unknown")
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    assert editor.hover(item.uri, 0, 0) == ""


def write_notebook(path: Path, *cells: tuple[str, list[str], str]) -> None:
    items = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": cell_id,
            "metadata": {"tags": tags},
            "outputs": [],
            "source": source.splitlines(keepends=True),
        }
        for cell_id, tags, source in cells
    ]
    content = {"cells": items, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def export(root: Path) -> None:
    from nbrelease.export import plan
    from nbrelease.export.layout import load

    for each in plan(load(root).layout):
        each.write()
