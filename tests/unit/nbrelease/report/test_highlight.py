"""Python in colours on a page: nothing of it is lost, and the right words are coloured."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nbrelease.report.highlight import coloured

SPAN = re.compile(r'<span class="(\w)">(.*?)</span>', re.DOTALL)


@given(st.text())
@example("'''never ends")
@example('f"{a["b"]}" \\')
@example("r'\\' # <b>")
@example("1e-5 + 0x1F")
def test_every_character_is_shown(source):
    shown = SPAN.sub(lambda found: found[2], str(coloured(source)))
    assert "<" not in shown
    assert html.unescape(shown) == source


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def score(x): return x", [("k", "def"), ("n", "score"), ("k", "return")]),
        ("class A: pass", [("k", "class"), ("n", "A"), ("k", "pass")]),
        ("rows.filter(len(x))  # why", [("n", "len"), ("c", "# why")]),
        ("rb'a\\'b' + '#no'", [("s", "rb'a\\'b'"), ("s", "'#no'")]),
        ('"""a "b"\nc""" + d', [("s", '"""a "b"\nc"""')]),
        ("a1 = 1e-5 + x.y", [("m", "1e-5")]),
        ("%%bash\necho it's", [("s", "'s")]),
    ],
)
def test_what_is_coloured(source, found):
    assert [(k, html.unescape(text)) for k, text in SPAN.findall(str(coloured(source)))] == found
