"""The exported test file keeps users' code; a stub is generated once."""

from __future__ import annotations

import json

import pytest
from project_builder import codes

TESTS = "tests/test_some.py"
CELLS = (
    ("double", "export", "def double(x: int) -> int:\n    return 2 * x"),
    ("half", "export", "def half(x: float) -> float:\n    return x / 2"),
    ("test-double", "test", "assert double(2) == 4"),
)


@pytest.fixture
def some(project):
    project.write("some", *CELLS)
    project.export()
    return project


def text(project) -> str:
    return (project.root / TESTS).read_text(encoding="utf-8")


def test_an_untested_function_gets_one_stub(some):
    assert text(some).count("def test_half() -> None:\n    assert callable(half)") == 1
    some.export()
    assert text(some).count("def test_half()") == 1
    whole = text(some)
    stub = whole[whole.index("@pytest.mark.skip") :]
    some.edit(TESTS, stub, "")
    [export] = some.export()
    assert "test_half" not in text(some)
    assert export.untested == ["half"]


def test_a_cell_that_is_inserted_in_colab_renames_no_test(some):
    def save(*cells) -> None:
        path = some.write("some", *cells)
        content = json.loads(path.read_text("utf-8"))
        for cell in content["cells"]:
            cell["metadata"]["id"] = cell.pop("id")
        path.write_text(json.dumps({**content, "nbformat_minor": 0}), encoding="utf-8")

    save(*CELLS)
    some.export()
    before = text(some)
    save(("new", "", "print(1)"), *CELLS)
    some.export()
    assert text(some) == before
    assert "some.ipynb #test-double" in before


def test_a_completed_stub_counts_as_a_test(some):
    whole = text(some)
    start = whole.index("@pytest.mark.skip")
    some.edit(TESTS, whole[start:], "def test_half() -> None:\n    assert half(4) == 2\n")
    [export] = some.export()
    assert export.untested == []
    assert "def test_half() -> None:\n    assert half(4) == 2\n" in text(some)


@pytest.mark.parametrize(
    "edit",
    [
        ('(reason="', '(\n    reason="'),  # a formatter
        ("assert callable(half)", "assert callable(half)\n\n    assert half(4) == 2"),
        ("@pytest.mark.skip", "@pytest.mark.slow\n@pytest.mark.skip"),
    ],
)
def test_an_edited_stub_is_still_a_stub(some, edit):
    some.edit(TESTS, *edit)
    [export] = some.export()
    assert export.untested == ["half"]
    assert text(some).count("def test_half()") == 1
    assert "import double, half" in text(some)


def test_stubs_next_to_unfinished_code_keep_their_imports(some):
    some.edit(TESTS, "assert callable(half)", "assert callable(half)\n\n\ndef test_later(:")
    some.export()
    assert "import pytest" in text(some)
    assert "import double, half" in text(some)


def test_user_tests_stay_in_place_while_cells_change(some):
    mine = "def test_mine() -> None:\n    # mine\n    assert half(double(3)) == 3\n"
    some.edit(TESTS, "    assert double(2) == 4\n", f"    assert double(2) == 4\n\n\n{mine}")
    some.export()
    assert mine in text(some)
    assert "import double, half" in text(some)
    some.write("some", *CELLS[:2], ("test-double", "test", "assert double(1) == 2"))
    some.export()
    assert mine in text(some)
    assert "assert double(1) == 2" in text(some)
    assert "assert double(2) == 4" not in text(some)
    assert (
        text(some).index("assert double(1) == 2")
        < text(some).index(mine)
        < text(some).index("test_half")
    )
    some.write("some", *CELLS[:2])
    some.export()
    assert mine in text(some)
    assert "test_double()" not in text(some)


def test_an_invalid_test_file_is_kept(some):
    some.edit(TESTS, "assert callable(half)", "assert callable(half)\n\n\ndef test_later(:")
    some.export()
    assert "def test_later(:" in text(some)


def test_renamed_functions_are_reported(some):
    some.edit(
        TESTS,
        "assert callable(half)",
        "assert callable(half)\n\n\ndef test_mine() -> None:\n    assert half(2) == 1",
    )
    some.export()
    some.write("some", CELLS[0], ("half", "export", CELLS[1][2].replace("half", "halve")), CELLS[2])
    [export] = some.export()
    assert codes(export) == ["NBR502"]
    [diagnostic] = [each for each in export.diagnostics if each.rule.code == "NBR502"]
    assert diagnostic.path == TESTS
    assert "half" in diagnostic.message
    assert "halve" in diagnostic.fix
    assert "assert half(2) == 1" in text(some)


def test_tested_shared_modules_are_copied(project):
    project.write(
        "shared", ("f", "export", "def f() -> int:\n    return 1"), ("t", "test", "assert f()")
    )
    project.write("some", ("i", "export", "from shared import f"), ("go", "main", "print(f())"))
    assert [codes(export) for export in project.export()] == [[], []]
    copy = project.root / "exported/some/shared.py"
    assert copy.read_text("utf-8") == (project.root / "exported/shared/__init__.py").read_text(
        "utf-8"
    )
    project.write(
        "shared", ("f", "export", "def f() -> int:\n    return 2"), ("t", "test", "assert f()")
    )
    project.export()
    assert "return 2" in copy.read_text("utf-8")
