"""Cells with IPython syntax or invalid syntax cause no further diagnostics."""

from __future__ import annotations

import pytest
from project_builder import locations

USE = ("use", "export", "def f() -> int:\n    return rows")


@pytest.mark.parametrize("magic", ["%%time", "%%timeit -n 3", "%%capture out", "%%prun"])
def test_a_python_cell_magic_is_the_only_diagnostic(project, magic):
    project.write("some", ("load", "export", f"{magic}\nrows = 1"), USE)
    [export] = project.plan()
    assert locations(export) == ["load:1:1 NBR202"]


def test_a_cell_magic_in_another_language_is_the_only_diagnostic(project):
    project.write("some", ("load", "export", "%%bash\nrows = 1"), USE)
    [export] = project.plan()
    assert locations(export) == ["load:1:1 NBR202"]


def test_a_syntax_error_is_the_only_diagnostic(project):
    project.write("some", ("load", "export", "rows = (1\nother = 2"), USE)
    [export] = project.plan()
    assert [each.rule.code for each in export.diagnostics] == ["NBR201"]


@pytest.mark.parametrize(
    "source", ["%%time\nrows = 1", "%%capture rows\nprint(1)", "rows = !ls", "!ls\nrows = 1"]
)
def test_names_of_an_untagged_cell_with_magics_are_known(project, source):
    project.write("some", ("load", "", source), USE)
    [export] = project.plan()
    assert locations(export) == ["use:2:12 NBR301"]


def test_an_undefined_name_beside_an_invalid_cell_is_reported(project):
    project.write(
        "some", ("load", "export", "rows = ("), ("use", "export", "def f():\n    return nowhere")
    )
    [export] = project.plan()
    assert locations(export) == ["load:1:1 NBR201", "use:2:12 NBR302"]
