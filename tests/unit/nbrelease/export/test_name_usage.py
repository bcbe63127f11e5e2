"""The names of code are the same on every supported version of Python."""

from __future__ import annotations

import sys

import pytest

from nbrelease.export.name_usage import BUILTINS, analyze


@pytest.mark.parametrize(
    ("code", "bound", "immediate", "deferred"),
    [
        ("x: int = y", "x", "y", ""),
        ("if a:\n    x: Foo = y", "x", "Foo a y", ""),
        ("def f(a: Bar = b) -> Baz:\n    return c", "f", "Bar Baz b", "c"),
        ("class C:\n    x: Foo = y\n\n    def m(self):\n        return z", "C", "Foo y", "z"),
        ("[a for b in c if d]", "", "a c d", ""),
        ("x = {a: b for a, b in c}\ny = {a for a in x}\nz = [b for b in y]", "x y z", "c x y", ""),
        ("x = [(y := a) for a in b]", "x y", "b", ""),
        ("total = 0\nfor i in a:\n    total = sum(b for b in c)", "i total", "a c", ""),
        ("lambda: a", "", "", "a"),
        ("rows = await load()", "rows", "load", ""),
        ("async with a as b:\n    c = await d", "b c", "a d", ""),
        ("async for a in b:\n    print(a)", "a", "a b", ""),
        ("rows = [await a async for b in c]", "rows", "a c", ""),
        ("async def f():\n    return await a\n\n\nb = await f()", "b f", "f", "a"),
        ("import a.b, c as d\nfrom e import f", "a d f", "", ""),
        ("def f():\n    global g\n    g = 1", "f g", "", ""),
        pytest.param(
            "def f[T: Foo](a: T) -> T:\n    return b", "f", "Foo", "b",
            marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12"),
        ),
        pytest.param(
            "type X = Foo", "X", "", "Foo",
            marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12"),
        ),
    ],
)  # fmt: skip
def test_names(code, bound, immediate, deferred):
    usage = analyze(code)
    assert usage.bound == set(bound.split())
    assert usage.immediate - BUILTINS == set(immediate.split())
    assert usage.deferred - BUILTINS == set(deferred.split())


def test_postponed_annotations_are_deferred():
    usage = analyze("def f(a: Bar) -> Baz:\n    return c", postponed=True)
    assert usage.deferred >= {"c"}
    assert not usage.immediate & {"Bar", "Baz"}


@pytest.mark.parametrize("code", ["def f(a, a): pass", "nonlocal x"])
def test_invalid_scopes_are_syntax_errors(code):
    with pytest.raises(SyntaxError):
        analyze(code)
