"""Parameters: types and help texts as written, values converted or rejected."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from nbrelease.errors import ParameterError, UsageError
from nbrelease.notebook.parameters import read_parameters


def one(source: str):
    [parameter] = read_parameters(source, "n.ipynb:params")
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
def test_read_parameters(source, kind, value, help_text):
    parameter = one(source)
    assert (parameter.type, parameter.value, parameter.help) == (kind, value, help_text)


def test_comment_lines_are_group_headings():
    parameters = read_parameters(
        "a = 1\n# Data\nb = '''\n# no heading\n'''\nc = 2\n# Model\nd = 3", "n"
    )
    assert [(each.name, each.group) for each in parameters] == [
        ("a", ""),
        ("b", "Data"),
        ("c", "Data"),
        ("d", "Model"),
    ]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("x = y", "computed-default"),
        ("x = Path(1, 2, 3)", "computed-default"),
        ("x, y = 1, 2", "not-an-assignment"),
        ("print(1)", "not-an-assignment"),
        ("x: int", "no-default"),
        ("x = None", "no-type"),
        ("x = (1, 2)", "unsupported-type"),
        ("x: complex = 1j", "unsupported-type"),
        ("x: int = 'a'", "wrong-default"),
        ("x: str = None", "wrong-default"),
        ("x: Literal['a', 'b'] = 'c'", "wrong-default"),
        ("x: Literal['a', 1] = 1", "unsupported-choices"),
        ("x: Literal[Some.VALUE] = 1", "unsupported-choices"),
        ("help = 1", "reserved-name"),
        ("x = (", "syntax"),
    ],
)
def test_invalid_parameters_are_rejected_in_one_line(source, code):
    with pytest.raises(ParameterError) as caught:
        read_parameters(source, "n.ipynb:params")
    assert (caught.value.code, caught.value.line) == (code, 1)
    assert str(caught.value).startswith("n.ipynb:params:1: ")
    assert "\n" not in str(caught.value)


def test_a_duplicate_parameter_is_rejected_on_its_line():
    with pytest.raises(ParameterError) as caught:
        read_parameters("x = 1\nx = 2", "n.ipynb:params")
    assert (caught.value.code, caught.value.line) == ("duplicate", 2)


@pytest.mark.parametrize(
    ("source", "argument", "value"),
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
def test_convert(source, argument, value):
    assert one(source).convert(argument) == value


@pytest.mark.parametrize(
    ("source", "argument"),
    [("x = 1", "1.5"), ("x = 1", 1.0), ("x = 1", True), ("x = 1.0", "half"), ("x = True", "1"), ("x = 'a'", 3), ("x = 'a'", None),
     ("x: Literal['a', 'b'] = 'a'", "c"), ("x = date(2026, 1, 1)", "today"), ("x: dict = {}", "[1]"),
     ("x = 1.0", "nan"), ("x = 1.0", "-inf"), ("x = 1.0", "1e400"), ("x = 1.0", 10**400), ("x: float | None = None", "NaN"), ("x: list = []", "[NaN]"),
     ("x: list = []", "[1e999]"), ("x: dict = {}", '{"a": Infinity}'), ("x: list[str] = []", "[NaN]"), ("x = 'a'", "\udcff"), ("x: list = []", "[" * 100000)],
)  # fmt: skip
def test_convert_rejects(source, argument):
    with pytest.raises(UsageError) as caught:
        one(source).convert(argument)
    assert "n.ipynb:params:1: parameter x" in str(caught.value)
