"""Shared modules are copied next to each main.py; orphaned modules are reported."""

from __future__ import annotations

import subprocess
import sys

import pytest
from project_builder import Project, codes

from nbrelease.export import plan
from nbrelease.export.cache import Cache
from nbrelease.export.sync import Reason, sync

DEEP = ("d", "export", "def deep() -> int:\n    return 5")
MIDDLE = ("m", "export", "def middle() -> int:\n    import deep\n\n    return deep.deep() + 1")
TOP = ("t", "export", "from middle import middle\n\n\ndef top() -> int:\n    return middle() + 1")


@pytest.fixture
def shared(project: Project) -> Project:
    project.write("deep", DEEP)
    project.write("middle", MIDDLE)
    project.write("top", TOP)
    project.write("some", ("i", "export", "import top as t"), ("go", "main", "print(t.top())"))
    project.write("late", ("go", "main", "if True:\n    import deep\n\nprint(deep.deep())"))
    assert [codes(export) for export in project.export()] == [[]] * 5
    return project


def test_a_job_needs_only_the_exported_folder(shared):
    folder = shared.root / "exported/some"
    assert sorted(path.name for path in folder.glob("*.py")) == [
        "deep.py",
        "main.py",
        "middle.py",
        "top.py",
    ]
    for name, output in (("some", "7\n"), ("late", "5\n")):
        done = subprocess.run(
            [sys.executable, "-I", "-c", "import runpy, sys; sys.path.insert(0, '.'); runpy.run_path('main.py', run_name='__main__')"],
            cwd=shared.root / "exported" / name, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == output


def test_an_edited_copy_is_neither_overwritten_nor_synced(shared):
    copy = shared.edit("exported/some/deep.py", "return 5", "return 50")
    before = copy.read_text("utf-8")
    by_path = {export.path: export for export in shared.export()}
    some = by_path["notebooks/some.ipynb"]
    assert codes(some) == ["NBR602"]
    assert some.diagnostics[0].path == "exported/some/deep.py"
    [result] = sync(shared.layout)
    assert [each.reason for each in result.refused] == [Reason.SHARED_COPY]
    assert copy.read_text("utf-8") == before
    assert codes(by_path["notebooks/late.ipynb"]) == []


def test_a_changed_shared_module_is_copied_everywhere(shared):
    shared.write("deep", ("d", "export", "def deep() -> int:\n    return 6"))
    assert [codes(export) for export in shared.export()] == [[]] * 5
    for name in ("some", "late"):
        assert "return 6" in (shared.root / f"exported/{name}/deep.py").read_text("utf-8")


def test_a_changed_shared_module_only_invalidates_its_dependents(shared, tmp_path):
    """Other notebooks come from the cache, which makes --watch fast."""
    cache = Cache(tmp_path / "cache.json", "")
    plan(shared.layout, (), cache)
    shared.write("middle", ("m", "export", "def middle() -> int:\n    return 1"))
    again = {export.path: export for export in plan(shared.layout, (), cache)}
    parsed = {path for path, export in again.items() if export.source is not None}
    assert parsed == {"notebooks/middle.ipynb", "notebooks/some.ipynb"}
    stale = {file.path.name for file in again["notebooks/some.ipynb"].stale}
    assert stale == {"middle.py", ".export.json"}


def test_a_user_file_with_the_name_of_a_copy_is_kept(project):
    project.write("some", ("go", "main", "print(1)"))
    project.export()
    mine = project.root / "exported/some/deep.py"
    mine.write_text("MINE = 1\n", encoding="utf-8")
    project.write("deep", DEEP)
    project.write("some", ("go", "main", "import deep\n\nprint(deep.deep())"))
    assert "NBR602" in [code for export in project.export() for code in codes(export)]
    assert mine.read_text("utf-8") == "MINE = 1\n"


@pytest.mark.parametrize("change", ["renamed", "deleted", "another name"])
def test_an_orphaned_module_is_reported_and_kept(project, change):
    path = project.write("old", ("f", "export", "def f() -> int:\n    return 1"))
    project.export()
    if change == "deleted":
        path.unlink()
    elif change == "renamed":
        path.rename(path.with_name("new.ipynb"))
    else:
        project.write("old", ("f", "export default_exp:new", "def f() -> int:\n    return 1"))
    diagnostics = [each for export in project.export() for each in export.diagnostics]
    [orphan] = [each for each in diagnostics if each.rule.code == "NBR604"]
    assert orphan.path == "exported/old"
    assert "notebooks/old.ipynb" in orphan.message
    assert (project.root / "exported/old/__init__.py").is_file()


def test_a_user_folder_is_not_orphaned(project):
    project.write("some", ("f", "export", "X = 1"))
    (project.root / "exported/mine").mkdir(parents=True)
    (project.root / "exported/mine/main.py").write_text("print(1)\n", encoding="utf-8")
    assert [export.path for export in project.export()] == ["notebooks/some.ipynb"]
