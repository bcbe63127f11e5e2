"""Names that the exported module does not have: which rule reports them, and which cell to change."""

from __future__ import annotations

import pytest
from project_builder import locations

STAR = ("star", "export", "from math import *")
IMPORT = ("look", "", "from math import sqrt")
USE = ("use", "export", "def f() -> float:\n    return sqrt(2)")


def test_a_star_import_may_define_an_import_of_an_untagged_cell(project):
    project.write("some", STAR, IMPORT, USE)
    [export] = project.plan()
    assert locations(export) == ["star:1:1 NBR310"]


def test_a_star_import_in_a_test_may_define_an_import_of_an_untagged_cell(project):
    project.write(
        "some",
        ("one", "export", "X = 1"),
        IMPORT,
        ("check", "test", "from math import *\nassert sqrt(4) == 2"),
    )
    [export] = project.plan()
    assert locations(export) == ["check:1:1 NBR310"]


def test_without_a_star_import_the_untagged_import_is_reported(project):
    project.write("some", IMPORT, USE)
    [export] = project.plan()
    assert locations(export) == ["use:2:12 NBR307"]


def test_a_star_import_in_an_untagged_cell_does_not_define_names_of_the_module(project):
    project.write("some", ("look", "", "from math import *"), USE)
    [export] = project.plan()
    assert locations(export) == ["use:2:12 NBR307"]


def test_a_star_import_does_not_hide_a_definition_in_an_untagged_cell(project):
    project.write("some", STAR, ("look", "", "def sqrt(x):\n    return x"), USE)
    [export] = project.plan()
    assert locations(export) == ["star:1:1 NBR310", "use:2:12 NBR301"]


@pytest.mark.parametrize(
    ("others", "role", "source", "expected", "named"),
    [
        ([("look", "", "rows = []")], "export", "rows = rows + [1]", "1:8 NBR301", "look"),
        ([("look", "", "rows = []")], "main", "rows = rows + [1]", "1:8 NBR304", "look"),
        ([("look", "", "rows = []")], "main", "rows += [1]", "1:1 NBR304", "look"),
        ([("look", "", "import rows")], "export", "rows = rows.x", "1:8 NBR307", "look"),
        ([("p", "parameters", "n = 1"), ("m", "main", "print(n)")], "export", "n = n + 1", "1:5 NBR308", "n"),
        ([("later", "export", "rows = []")], "export", "rows = rows + [1]", "1:8 NBR303", "above this cell"),
        ([], "export", "rows = rows + [1]", "1:8 NBR303", "before this line"),
        ([], "main", "total += 1", "1:1 NBR303", "before this line"),
    ],
)  # fmt: skip
def test_a_name_that_is_read_before_its_cell_assigns_it(
    project, others, role, source, expected, named
):
    others.append(("x", "export", "X = 1"))
    before = [each for each in others if each[0] != "later"]
    project.write(
        "some", *before, ("use", role, source), *[each for each in others if each not in before]
    )
    [export] = project.plan()
    [diagnostic] = [each for each in export.diagnostics if each.rule.level == "error"]
    assert f"{diagnostic.line}:{diagnostic.column} {diagnostic.rule.code}" == expected
    assert named in diagnostic.message + diagnostic.fix


@pytest.mark.parametrize(
    ("statement", "use", "expected"),
    [
        ("import os", "", ["a:1:1 NBR315"]),
        ("from os import path, sep", "X = sep", ["a:1:1 NBR315"]),
        ("import os", "X = os.sep", []),
        ("import os  # noqa: F401", "", []),
        ("from os import path as path", "", []),
        ("from __future__ import annotations", "", []),
        ("import os", "def f(x: 'os.PathLike') -> None: ...", []),
    ],
)
def test_unused_imports(project, statement, use, expected):
    project.write("some", ("a", "export", f"{statement}\n{use}"), ("b", "export", "Y = 1"))
    [export] = project.plan()
    assert locations(export) == expected


def test_an_import_for_an_untagged_cell_is_omitted_and_not_reported(project):
    project.write("some", ("a", "export", "import os\nX = 1"), ("b", "", "print(os.sep)"))
    [export] = project.plan()
    assert locations(export) == []
    assert "import os" not in export.files[0].text
