"""Highlighted Python code: every character stays, and the right words are coloured."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nbrelease.report.highlight import highlight

SPAN = re.compile(r'<span class="(\w)">(.*?)</span>', re.DOTALL)


@given(st.text())
@example("'''never ends")
@example('f"{a["b"]}" \\')
@example("r'\\' # <b>")
@example("1e-5 + 0x1F")
@example("\r\n\t x")
@settings(deadline=None)  # the first source imports Pygments
def test_every_character_stays(source):
    text = SPAN.sub(lambda span: span[2], str(highlight(source)))
    assert "<" not in text
    assert html.unescape(text) == source


@pytest.mark.parametrize(
    ("source", "spans"),
    [
        ("def score(x): return x", [("k", "def"), ("n", "score"), ("k", "return")]),
        ("class A: pass", [("k", "class"), ("n", "A"), ("k", "pass")]),
        ("rows.filter(len(x))  # why", [("n", "len"), ("c", "# why")]),
        ("rb'a' + '#no'", [("s", "rb'a'"), ("s", "'#no'")]),
        ('x = """a "b"\nc""" + d', [("s", '"""a "b"\nc"""')]),
        ("a1 = 1e-5 + x.y", [("m", "1e-5")]),
        ("x = None or not y", [("k", "None"), ("k", "or"), ("k", "not")]),
    ],
)
def test_classes_of_words(source, spans):
    actual = SPAN.findall(str(highlight(source)))
    assert [(css_class, html.unescape(text)) for css_class, text in actual] == spans
