"""Fixes of diagnostics: the edited notebook no longer has the diagnostic."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from project_builder import Project

from nbrelease.commands.export import command
from nbrelease.errors import UsageError
from nbrelease.export import plan
from nbrelease.export.fixes import apply_fixes, find_fixes
from nbrelease.export.open_notebook import check_open_notebook
from nbrelease.notebook.json_text import replace_sources

RUN = ("run", "main", "print(area(2))")
CASES = {
    "NBR105 unknown": (
        [("a", "", "#| exprot\ndef area(r):\n    return r"), RUN],
        {"a": "#| export\ndef area(r):\n    return r"},
        False,
    ),
    "NBR105 below": (
        [("a", "export", "def area(r):\n    return r\n#| export")],
        {"a": "#| export\ndef area(r):\n    return r"},
        True,
    ),
    "NBR111": (
        [("a", "export", "def area(r):\n    return r  # nbrelease: ignore[NBR302] the host")],
        {"a": "def area(r):\n    return r"},
        True,
    ),
    "NBR301": (
        [("h", "", "def half(x):\n    return x / 2"), ("a", "export", "def area(r):\n    return half(r)")],
        {"h": "#| export\ndef half(x):\n    return x / 2"},
        True,
    ),
    "NBR304": (
        [("h", "", "rows = 10"), ("m", "main", "print(rows)")],
        {"h": "#| main\nrows = 10"},
        False,
    ),
    "NBR307": (
        [("h", "", "import math\nx = 1"), ("a", "export", "#| export\ndef area(r):\n    return math.pi * r")],
        {"a": "#| export\nimport math\ndef area(r):\n    return math.pi * r"},
        True,
    ),
    "NBR307 from": (
        [("h", "", "from math import pi as π"), ("a", "export", "é = 'é'; b = π")],
        {"a": "from math import pi as π\né = 'é'; b = π"},
        True,
    ),
    "NBR314": (
        [("a", "export", "from exported.features import area")],
        {"a": "from features import area"},
        True,
    ),
    "NBR315": (
        [("a", "export", "import os\n\n\ndef area(r):\n    return r")],
        {"a": "\n\ndef area(r):\n    return r"},
        True,
    ),
    "NBR315 some names": (
        [("a", "export", "from math import (\n    pi,\n    tau,\n)\nx = tau")],
        {"a": "from math import tau\nx = tau"},
        True,
    ),
    "NBR315 last line": ([("a", "export", "x = 1\nimport os")], {"a": "x = 1"}, True),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_fix_removes_its_diagnostic_and_changes_nothing_else(project: Project, case: str) -> None:
    code = case.partition(" ")[0]
    cells, expected, automatic = CASES[case]
    path = project.write("area", *cells)
    export = check_open_notebook(path, path.read_bytes())
    fixes = [fix for fix in find_fixes(export) if fix.diagnostic.rule.code == code]
    assert [fix.automatic for fix in fixes] == [automatic]
    assert export.source is not None
    sources = apply_fixes(export.source.notebook, fixes)
    path.write_bytes(replace_sources(path.read_bytes(), sources))
    assert project.sources("area") == {cell: text for cell, _, text in cells} | expected
    after = check_open_notebook(path, path.read_bytes())
    assert code not in [each.rule.code for each in after.diagnostics]
    assert json.loads(path.read_bytes())["nbformat"] == 4


@pytest.mark.parametrize(
    ("code", "source"),
    [
        ("NBR315", "import os; x = 1"),
        ("NBR315", "import os  # for its side effect"),
        ("NBR302", "x = unknown"),
    ],
)
def test_no_fix_where_the_edit_is_not_certain(project: Project, code: str, source: str) -> None:
    path = project.write("area", ("a", "export", source))
    export = check_open_notebook(path, path.read_bytes())
    assert code in [each.rule.code for each in export.diagnostics]
    assert find_fixes(export) == []


def test_one_code_of_an_ignore_comment_is_removed(project: Project) -> None:
    line = "def area(r):\n    return unknown(r)  # nbrelease: ignore[NBR301, NBR302] the host"
    path = project.write("area", ("a", "export", line))
    export = check_open_notebook(path, path.read_bytes())
    assert export.source is not None
    sources = apply_fixes(export.source.notebook, find_fixes(export))
    assert sources == {0: line.replace("NBR301, NBR302", "NBR302")}


def test_fixes_of_one_cell_are_applied_together(project: Project) -> None:
    path = project.write(
        "area",
        ("h", "", "import math\nimport cmath"),
        ("a", "export", "import os\nx = math.pi, cmath.pi"),
    )
    export = check_open_notebook(path, path.read_bytes())
    assert export.source is not None
    fixes = find_fixes(export)
    once = apply_fixes(export.source.notebook, fixes)
    path.write_bytes(replace_sources(path.read_bytes(), once))
    again = check_open_notebook(path, path.read_bytes())
    assert again.source is not None
    rest = apply_fixes(again.source.notebook, find_fixes(again))
    path.write_bytes(replace_sources(path.read_bytes(), rest))
    lines = project.sources("area")["a"].split("\n")
    assert sorted(lines) == ["import cmath", "import math", "x = math.pi, cmath.pi"]


def test_a_notebook_that_an_editor_saves_meanwhile_is_not_overwritten(project, monkeypatch):
    (project.root / "settings.ini").write_text("[DEFAULT]\n")
    cells = ("go", "main", "import os\nprint(1)")
    path = project.write("some", cells)
    content = path.read_bytes()
    saved = project.write("some", ("new", "export", "NEW = 1"), cells).read_bytes()
    path.write_bytes(content)

    def plan_and_save(*words):
        exports = plan(*words)
        path.write_bytes(saved)
        return exports

    monkeypatch.chdir(project.root)
    monkeypatch.setattr("nbrelease.commands.export.plan", plan_and_save)
    done = CliRunner().invoke(command, ["--fix"])
    assert isinstance(done.exception, UsageError)
    assert path.read_bytes() == saved
