"""HTML of an output: what is kept of it, and that nothing else gets through."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nbrelease.evidence.pages_harmless import TAGS, harmless

TAG = re.compile(r"<(/?)([a-z0-9]+)((?: (?:colspan|rowspan)=\d{1,4})*)>")
PARTS = st.sampled_from(
    ["<", ">", "</", "<!--", "-->", "<![CDATA[", "<?", "&lt;", "'", '"', "=", "/", " ", "a", "\n"]
    + [f"<{name}" for name in ("td", "script", "STYLE", "img", "svg", "b", "br", "table", "a")]
    + [f"</{name}>" for name in ("td", "script", "style", "b", "table")]
    + ["onclick=x", "colspan=2", "src=//e.org", "javascript:x"]
)


@given(st.lists(PARTS).map("".join) | st.text())
@example("<scr<script>ipt>alert(1)</script>")
@example("<td a='>'><img src=x onerror=y>")
def test_only_known_tags_come_out_and_each_is_closed(source):
    opened = []
    made = str(harmless(source))
    for end, name, _ in TAG.findall(made):
        assert name in TAGS
        if end:
            assert opened.pop() == name
        elif name not in ("br", "hr"):
            opened.append(name)
    assert opened == []
    assert not re.search("[<>]", TAG.sub("", made))


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("<table border=1 class='x'><tr><td>1 &lt; 2</td></tr></table>", "<table><tr><td>1 &lt; 2</td></tr></table>"),
        ("<TD ColSpan='2' rowspan=3 onclick=x>a", "<td colspan=2 rowspan=3>a</td>"),
        ("<script>alert('</b>')</script >kept", "kept"),
        ("<style>td { color: red }</style><p>kept", "<p>kept</p>"),
        ("<script>never ends <b>b</b>", ""),
        ("a<!-- <b> -->b<!doctype html>c", "abc"),
        ("<a href=javascript:x()>text</a><iframe src=//e.org></iframe>", "text"),
        ("a < b > c <- d", "a &lt; b &gt; c &lt;- d"),
        ("<b><i>x</b>y</i>", "<b><i>x</i></b>y"),
        ("<td title='>' colspan=2>x", "<td colspan=2>x</td>"),
        ("kept <td", "kept "),
        ("</p>x<br/>", "x<br>"),
    ],
)  # fmt: skip
def test_what_is_kept(source, made):
    assert str(harmless(source)) == made


@pytest.mark.parametrize(
    "part", ["<b>", "</b>", "<td a='", '<td a="', "<!--", "<script>", "</script "]
)
def test_a_long_one_is_done_soon(part):
    """Each would take hours if what begins were looked for to the end again and again."""
    assert len(harmless("<b>" * 200 + part * 200_000)) < 3_000_000
