"""Properties of any notebook: export is deterministic, sync loses nothing."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malformed_notebooks import COUNT, malformed
from project_builder import Project

from nbrelease.errors import NbreleaseError
from nbrelease.export import plan
from nbrelease.export.sync import sync
from nbrelease.notebook import parse
from nbrelease.notebook.clean import clean_notebook

IDS = st.lists(
    st.text(string.ascii_lowercase + string.digits + "-_", min_size=1, max_size=12).filter(lambda t: t[0].isalpha()),
    min_size=1, max_size=6, unique=True,
)  # fmt: skip
STATEMENTS = st.sampled_from(
    [
        "x = 1", "x = 2  # two", "# a comment", "", "import os", "from math import pi, tau", "print('a')",
        "if True:\n    x = 3\nelse:\n    x = 4", "def f(a, *, b=1):\n    return a + b", "text = '''one\n  two\n'''",
        "class C:\n    x = 1\n\n    def m(self):\n        return f'''{self.x}\n    '''", "for i in range(2):\n    print(i)",
        "y = [\n    1,\n    2,\n]", "%matplotlib inline", "#| hide", "z = 'ä\\n' \\\n    'b'", "   ", "async def g():\n    pass",
    ]
)  # fmt: skip
SOURCES = st.lists(STATEMENTS, max_size=6).map("\n".join)
TAGS = st.sampled_from(["export", "main", "test", "", "exporti", "skip export"])


@st.composite
def notebooks(draw):
    return [(cell_id, draw(TAGS), draw(SOURCES)) for cell_id in draw(IDS)]


SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@SLOW
@given(notebooks())
def test_export_is_deterministic_and_sync_after_it_changes_nothing(cells):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first, second = Project(Path(one)), Project(Path(other))
        for project in (first, second):
            project.write("some", *cells)
            project.export()
        assert files(Path(one)) == files(Path(other))
        before = files(Path(one))
        assert all(not export.stale for export in first.export() if not export.failed)
        assert sync(first.layout) == []
        assert files(Path(one)) == before
        for name, content in before.items():
            if name.endswith(".py"):
                compile(content, name, "exec")


@SLOW
@given(notebooks(), st.integers(0, 1000))
def test_an_edit_survives_sync_and_export(cells, where):
    with tempfile.TemporaryDirectory() as name:
        project = Project(Path(name))
        project.write(
            "some",
            *cells,
            ("anchor", "export", "def anchor(x):\n    a = x\n    b = a\n    return b"),
        )
        [export] = project.export()
        if export.failed:
            return
        file = next(Path(name, "exported").rglob("*.py"))
        lines = ["    a = x", "    b = a", "    return b"]
        place = lines[where % 3]
        mark = f"    c = {where}\n{place}"
        text = file.read_text(encoding="utf-8")
        start = text.index("#anchor")
        file.write_text(text[:start] + text[start:].replace(place, mark, 1), encoding="utf-8")
        [result] = sync(project.layout)
        assert result.cells == ["anchor"]
        assert mark.strip() in project.sources("some")["anchor"]
        assert mark in file.read_text(encoding="utf-8")
        assert project.export()[0].stale == []


MALFORMED = sorted({malformed(number) for number in range(COUNT)})


def test_there_are_enough_malformed_notebooks():
    assert len(MALFORMED) >= 200


@pytest.mark.parametrize("start", range(10))
def test_malformed_notebooks_are_reported_or_exported(start, project):
    for number, content in list(enumerate(MALFORMED))[start::10]:
        path = project.root / "notebooks" / f"n{number}.ipynb"
        path.write_bytes(content)
        try:
            [export] = plan(project.layout, [path])
        except NbreleaseError as error:
            pytest.fail(f"{number}: {error}")
        assert export.failed or export.files or not export.exports, number
        for each in export.diagnostics:
            assert "\n" not in each.message + each.fix, each
        if not export.failed:
            for file in export.write():
                if file.path.suffix == ".py":
                    compile(file.path.read_bytes(), str(file.path), "exec")
            assert all(not again.stale for again in plan(project.layout, [path])), number
        assert path.read_bytes() == content
        path.unlink()


@pytest.mark.parametrize("start", range(5))
def test_malformed_notebooks_are_cleaned_or_rejected(start):
    for number, content in list(enumerate(MALFORMED))[start::5]:
        try:
            once = clean_notebook(content)
        except ValueError:
            continue
        assert clean_notebook(once) == once, number
        try:
            before = parse(content, Path("n.ipynb"))
        except NbreleaseError:
            continue
        after = parse(once, Path("n.ipynb"))
        assert [(c.source, c.tags) for c in after.cells] == [
            (c.source, c.tags) for c in before.cells
        ]
