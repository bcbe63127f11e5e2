"""Diagnostics of a notebook with unsaved changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from project_builder import Project, locations, notebook

from nbrelease.errors import SettingsError
from nbrelease.export.cache import Cache
from nbrelease.export.open_notebook import check_open_notebook

GOOD = ("scale", "export", "def scale(x):\n    return 2 * x\n")
BAD = ("scale", "export", "def scale(x):\n    return factor * x\n")


@pytest.fixture(autouse=True)
def settings(project: Project) -> None:
    (project.root / "settings.ini").write_text("[DEFAULT]\nexported_tests = tests\n")


def _content(*cells: tuple[str, str, str]) -> bytes:
    return json.dumps(notebook(*cells)).encode()


def test_unsaved_changes_are_checked_and_the_file_is_not(project: Project) -> None:
    path = project.write("features", BAD)
    assert [each.rule.code for each in check_open_notebook(path, _content(GOOD)).diagnostics] == [
        "NBR501"
    ]
    assert locations(check_open_notebook(path, _content(BAD)))[:1] == ["scale:2:12 NBR302"]


def test_an_open_notebook_gets_what_export_reports_after_saving(project: Project) -> None:
    path = project.write("features", GOOD)
    project.export()
    project.edit("exported/features/__init__.py", "2 * x", "x + x")
    unsaved = check_open_notebook(path, path.read_bytes()).diagnostics
    assert unsaved == project.plan(path)[0].diagnostics
    assert "NBR602" in [each.rule.code for each in unsaved]


def test_a_cache_for_several_checks_never_hides_the_source(project: Project) -> None:
    path = project.write("features", GOOD)
    project.export()
    cache = Cache()
    for _ in range(2):
        export = check_open_notebook(path, path.read_bytes(), cache)
        assert export.source is not None
        assert export.files[0].text == (project.root / "exported/features/__init__.py").read_text()


def test_shared_modules_of_the_project_are_known(project: Project) -> None:
    project.write("features", GOOD)
    train = project.root / "notebooks" / "train.ipynb"  # not saved yet
    cells = [("use", "export", "from features import scale"), ("run", "main", "print(scale(1))")]
    export = check_open_notebook(train, _content(*cells))
    assert export.shared == ["features"]
    assert not train.exists()


def test_a_notebook_outside_a_project_is_checked_alone(tmp_path: Path) -> None:
    (tmp_path / "settings.ini").unlink()
    export = check_open_notebook(tmp_path / "alone.ipynb", _content(BAD))
    assert [each.rule.code for each in export.diagnostics if each.cell] == ["NBR302"]


def test_invalid_settings_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "settings.ini").write_text("[DEFAULT]\nexport_untested = never\n")
    with pytest.raises(SettingsError):
        check_open_notebook(tmp_path / "notebooks" / "a.ipynb", _content(GOOD))


def test_content_that_is_not_a_notebook_has_a_diagnostic(project: Project) -> None:
    export = check_open_notebook(project.root / "notebooks" / "a.ipynb", b"[]")
    assert [each.rule.code for each in export.diagnostics] == ["NBR101"]
    assert export.source is None


@pytest.mark.parametrize("word", ["fig-subcap", "fig-width", "tbl-cap", "code-fold"])
def test_a_directive_for_the_layout_of_a_page_is_known(project: Project, word: str) -> None:
    cell = ("scale", "export", f"#| {word}: 1\n{GOOD[2]}")
    export = check_open_notebook(project.root / "notebooks" / "a.ipynb", _content(cell))
    assert "NBR105" not in [each.rule.code for each in export.diagnostics]
