"""Code for a user of the notebook, which a job does not have."""

from __future__ import annotations

import pytest
from project_builder import locations


@pytest.mark.parametrize("role", ["export", "main", "test"])
def test_input_is_an_error(project, role):
    project.write(
        "some", ("f", "export", "X = 1"), ("a", role, "def ask():\n    return int(input('n'))")
    )
    [export] = project.plan()
    assert locations(export) == ["a:2:16 NBR206"]


@pytest.mark.parametrize(
    "source",
    ["import getpass\nKEY = getpass.getpass()", "from getpass import getpass\nKEY = getpass()"],
)
def test_getpass_is_an_error(project, source):
    project.write("some", ("a", "export", source))
    [export] = project.plan()
    assert locations(export) == ["a:2:7 NBR206"]


@pytest.mark.parametrize(
    "cells",
    [
        [("a", "export", "def input():\n    return 1\n\n\nX = input()")],
        [("p", "parameters", "input: str = ''"), ("m", "main", "print(input)")],
        [("a", "export", "X = 1"), ("b", "", "input()")],
        [("a", "export", "def f(form):\n    return form.input()")],
    ],
)
def test_other_uses_of_the_name_are_allowed(project, cells):
    project.write("some", *cells)
    [export] = project.plan()
    assert locations(export) == []
