"""Edits by hand are never overwritten, and sync copies them to their cell or refuses."""

from __future__ import annotations

import json

import pytest
from project_builder import codes, notebook

from nbrelease.errors import UsageError
from nbrelease.export import plan
from nbrelease.export.sync import Reason, sync

CELLS = (
    ("imports", "export", "import os\n\nHERE = os.getcwd()"),
    ("double", "", "#| export\n# how it works\ndef double(x: int) -> int:\n    return 2 * x"),
    ("look", "", "double(3)"),
    ("go", "main", 'import math\n\ntext = """a\n  b"""\nprint(text, double(4))\nprint(math.pi, HERE)'),
    ("test-double", "test", "import random\n\nx = random.randint(1, 9)\nassert double(x) == x + x"),
)  # fmt: skip
MAIN = "exported/some/main.py"
TESTS = "tests/test_some.py"


@pytest.fixture
def some(project):
    project.write("some", *CELLS)
    [export] = project.export()
    assert codes(export) == []
    return project


def state(project) -> dict[str, str]:
    return {
        path.relative_to(project.root).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(project.root.rglob("*"))
        if path.is_file()
    }


def test_sync_after_export_changes_nothing(some):
    before = state(some)
    assert sync(some.layout) == []
    some.export()
    assert state(some) == before


@pytest.mark.parametrize(
    ("path", "old", "new", "cell", "source"),
    [
        (MAIN, "    return 2 * x", "    y = x\n    return y + y", "double", "#| export\n# how it works\ndef double(x: int) -> int:\n    y = x\n    return y + y"),
        (MAIN, "# how it works\n", "", "double", "#| export\ndef double(x: int) -> int:\n    return 2 * x"),
        (MAIN, "HERE = os.getcwd()", "HERE = os.getcwd()\nTHERE = HERE", "imports", "import os\n\nHERE = os.getcwd()\nTHERE = HERE"),
        (MAIN, "    print(math.pi, HERE)", "    if HERE:\n        print(math.pi)", "go", 'import math\n\ntext = """a\n  b"""\nprint(text, double(4))\nif HERE:\n    print(math.pi)'),
        (MAIN, '    text = """a\n  b"""', '    text = """a\n    c\n  d"""', "go", 'import math\n\ntext = """a\n    c\n  d"""\nprint(text, double(4))\nprint(math.pi, HERE)'),
        (MAIN, "import os\n", "import os\nimport sys\n", "imports", "import os\nimport sys\n\nHERE = os.getcwd()"),
        (TESTS, "    assert double(x) == x + x", "    assert double(x) == 2 * x\n    assert x", "test-double", "import random\n\nx = random.randint(1, 9)\nassert double(x) == 2 * x\nassert x"),
    ],
)  # fmt: skip
def test_export_rejects_an_edit_and_sync_copies_it(some, path, old, new, cell, source):
    file = some.edit(path, old, new)
    edited = file.read_text(encoding="utf-8")
    [export] = some.export()
    assert codes(export) == ["NBR602"]
    assert file.read_text(encoding="utf-8") == edited
    [result] = sync(some.layout)
    assert (result.cells, result.refused) == ([cell], [])
    assert some.sources("some")[cell] == source
    assert new in file.read_text(encoding="utf-8")
    [export] = some.export()
    assert codes(export) in ([], ["NBR315"])  # no cell uses the new import
    assert export.stale == []


def test_sync_changes_only_the_edited_cell_and_drops_its_outputs(some):
    path = some.root / "notebooks" / "some.ipynb"
    before = path.read_text(encoding="utf-8").split("\n")
    some.edit(MAIN, "    return 2 * x", "    return x + x")
    sync(some.layout)
    after = path.read_text(encoding="utf-8")
    cells = {cell["id"]: cell for cell in json.loads(after)["cells"]}
    assert cells["double"]["outputs"] == []
    assert cells["double"]["execution_count"] is None
    assert cells["go"]["outputs"][0]["text"] == ["go\n"]
    unchanged = [line for line in after.split("\n") if line in before]
    assert len(unchanged) >= len(before) - 12  # its source line, its count, its outputs


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_sync_keeps_every_other_byte_of_the_notebook(some, indent, ascii_only):
    path = some.root / "notebooks" / "some.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metadata"]["title"] = "größe"
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    some.edit(MAIN, "    return 2 * x", "    return x * 2")
    sync(some.layout)
    [cell] = [cell for cell in content["cells"] if cell["id"] == "double"]
    cell["source"][-1], cell["outputs"], cell["execution_count"] = "    return x * 2", [], None
    assert path.read_text(encoding="utf-8") == json.dumps(
        content, indent=indent, ensure_ascii=ascii_only
    )


def test_conflicting_edits_are_shown_and_nothing_is_written(some):
    some.edit(MAIN, "    return 2 * x", "    return x + x")
    some.edit("notebooks/some.ipynb", "return 2 * x", "return x << 1")
    before = state(some)
    [export] = some.export()
    assert codes(export) == ["NBR603"]
    [edit] = export.edits
    diff = edit.diff()
    assert "-    return 2 * x" in diff
    assert "+    return x + x" in diff
    assert "+    return x << 1" in diff
    [result] = sync(some.layout)
    assert [each.reason for each in result.refused] == [Reason.CONFLICT]
    assert state(some) == before


@pytest.mark.parametrize(("saved_after", "edit"), [(1, "x + x"), (2, "nowhere")])
def test_a_notebook_that_an_editor_saves_meanwhile_is_not_overwritten(
    some, monkeypatch, saved_after, edit
):
    """A cell was inserted, so that the indices are those of other cells."""
    path = some.root / "notebooks" / "some.ipynb"
    saved = json.dumps(notebook(("new", "export", "NEW = 1"), *CELLS)).encode()
    calls = []

    def plan_and_save(*words):
        exports = plan(*words)
        calls.append(words)
        if len(calls) == saved_after:
            path.write_bytes(saved)
        return exports

    some.edit(MAIN, "    return 2 * x", f"    return {edit}")
    monkeypatch.setattr("nbrelease.export.sync.plan", plan_and_save)
    with pytest.raises(UsageError):
        sync(some.layout)
    assert path.read_bytes() == saved


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("import os\n", "", Reason.IMPORT_REMOVED),
        ("The module of", "A module of", Reason.GENERATED),
        ("def main() -> None:", "def main(n: int = 1) -> None:", Reason.GENERATED),
        ("    return 2 * x", "    return 2 *", Reason.SYNTAX),
        ("    return 2 * x", "    return nowhere", Reason.NOT_EXPORTABLE),
        ("# %% command line", "# %% my own\nX = 1\n\n\n# %% command line", Reason.NO_CELL),
    ],
)  # fmt: skip
def test_sync_refuses_edits_without_a_cell_and_changes_nothing(some, old, new, reason):
    some.edit(MAIN, old, new)
    before = state(some)
    [result] = sync(some.layout)
    assert [each.reason for each in result.refused] == [reason]
    assert state(some) == before


def test_without_export_state_nothing_is_overwritten(some):
    (some.root / "exported/some/.export.json").unlink()
    some.edit(MAIN, "    return 2 * x", "    return x + x")
    before = state(some)
    [export] = some.export()
    assert "NBR602" in codes(export)
    assert state(some) == before


def test_other_line_ends_are_not_an_edit(some):
    file = some.root / MAIN
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    [export] = some.export()
    assert codes(export) == []


def test_sync_copies_code_with_its_new_import(some):
    some.edit(MAIN, "import os\n", "import os\nfrom pathlib import Path\n")
    some.edit(MAIN, "HERE = os.getcwd()", "HERE = Path(os.getcwd())")
    [result] = sync(some.layout)
    assert (sorted(result.cells), result.refused) == (["imports", "imports"], [])
    assert some.sources("some")["imports"] == (
        "import os\nfrom pathlib import Path\n\nHERE = Path(os.getcwd())"
    )
    [export] = some.export()
    assert (codes(export), export.stale) == ([], [])


def test_import_in_an_edited_block_moves_to_the_top(some):
    some.edit(MAIN, "HERE = os.getcwd()", "import sys\n\nHERE = sys.prefix + os.sep")
    [result] = sync(some.layout)
    assert (result.cells, result.refused) == (["imports"], [])
    text = (some.root / MAIN).read_text(encoding="utf-8")
    assert text.index("import sys") < text.index("__all__")
