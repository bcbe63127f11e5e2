"""Parameters: types and helps as written, values converted strictly or refused in one line."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from nbrelease.errors import NotebookError, UsageError
from nbrelease.notebook.parameters import declared


def one(source: str):
    [parameter] = declared(source, "n.ipynb:params")
    return parameter


@pytest.mark.parametrize(
    ("source", "kind", "value", "help_text"),
    [
        ("x = 1", "int", 1, ""),
        ("x = -0.5  # less", "float", -0.5, "less"),
        ("x: float = 1  # whole", "float", 1, "whole"),
        ("x = 'a#b=c'  # has # and =", "str", "a#b=c", "has # and ="),
        ("x: str = (\n    'a'\n    'b'\n)  # two parts", "str", "ab", "two parts"),
        ("x: int | None = None", "int", None, ""),
        ("x: Optional[int] = 3", "int", 3, ""),
        ("x: Literal['a', None] = None", "str", None, ""),
        ("x: list[str] = ['a']", "list[str]", ["a"], ""),
        ("x = Path('a') # where", "Path", Path("a"), "where"),
        ("x: pathlib.Path = Path('a')", "Path", Path("a"), ""),
        ("x = datetime.date(2026, 1, 2)", "date", datetime.date(2026, 1, 2), ""),
        ("x: dict[str, int] = {'a': 1}", "dict", {"a": 1}, ""),
        ("# Head\nx = True", "bool", True, ""),
    ],
)
def test_declared(source, kind, value, help_text):
    parameter = one(source)
    assert (parameter.type, parameter.value, parameter.help) == (kind, value, help_text)


def test_comment_lines_head_groups():
    found = declared("a = 1\n# Data\nb = '''\n# no heading\n'''\nc = 2\n# Model\nd = 3", "n")
    assert [(each.name, each.group) for each in found] == [
        ("a", ""),
        ("b", "Data"),
        ("c", "Data"),
        ("d", "Model"),
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = y", "the default of x is computed; write a plain value"),
        ("x = Path(1, 2, 3)", "the default of x is computed; write a plain value"),
        ("x, y = 1, 2", "a parameters cell holds only «name = value»"),
        ("x: int", "parameter x has no default; write x = …"),
        ("x = None", "annotate x: None alone does not tell its type"),
        ("x = (1, 2)", "x: tuple is no type for a parameter; there are bool, int"),
        ("x: complex = 1j", "x: complex is no type for a parameter; there are bool, int"),
        ("x: int = 'a'", "the default of x, 'a', is no int"),
        ("x: str = None", "the default of x, None, is no str; write str | None"),
        ("x: Literal['a', 'b'] = 'c'", "the default of x, 'c', is no Literal['a', 'b']"),
        ("x: Literal['a', 1] = 1", "x: Literal['a', 1] is no choice for a command line"),
        ("x: Literal[Some.VALUE] = 1", "x: Literal[Some.VALUE] is no choice for a command line"),
        ("x = (", "'(' was never closed"),
    ],
)
def test_what_cannot_be_a_parameter_is_said_in_one_line(source, message):
    with pytest.raises(NotebookError) as caught:
        declared(source, "n.ipynb:params")
    assert str(caught.value).startswith("n.ipynb:params:1: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "given", "value"),
    [
        ("x = 1", "7", 7),
        ("x = 1.0", "7", 7.0),
        ("x = True", "FALSE", False),
        ("x: int | None = 1", "None", None),
        ("x: list[str] = []", "a,b", ["a", "b"]),
        ("x: list = []", "[1]", [1]),
        ("x = Path()", "a/b", Path("a/b")),
        ("x = date(2026, 1, 1)", "2026-02-03", datetime.date(2026, 2, 3)),
        ("x: Literal[1, 2] = 1", "2", 2),
    ],
)
def test_convert(source, given, value):
    assert one(source).convert(given) == value


@pytest.mark.parametrize(
    ("source", "given"),
    [("x = 1", "1.5"), ("x = 1", 1.0), ("x = 1", True), ("x = 1.0", "half"), ("x = True", "1"), ("x = 'a'", 3), ("x = 'a'", None),
     ("x: Literal['a', 'b'] = 'a'", "c"), ("x = date(2026, 1, 1)", "today"), ("x: dict = {}", "[1]")],
)  # fmt: skip
def test_convert_refuses(source, given):
    with pytest.raises(UsageError) as caught:
        one(source).convert(given)
    assert "n.ipynb:params:1: parameter x" in str(caught.value)
