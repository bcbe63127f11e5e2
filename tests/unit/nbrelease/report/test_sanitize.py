"""HTML of an output: only allowed tags and their text remain."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nbrelease.report.sanitize import ATTRIBUTES, TAGS, sanitize

PARTS = st.sampled_from(
    ["<", ">", "</", "<!--", "-->", "<![CDATA[", "<?", "&lt;", "'", '"', "=", "/", " ", "a", "\n"]
    + [f"<{name}" for name in ("td", "script", "STYLE", "img", "svg", "math", "b", "table", "a")]
    + [f"</{name}>" for name in ("td", "script", "style", "b", "table", "svg", "noscript")]
    + ["onclick=x", "colspan=2", "src=//e.org", "javascript:x"]
)


class Seen(HTMLParser):
    """Checks each tag and attribute against the list, and each end tag against its start tag."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES
        if tag not in ("br", "hr"):
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


@given(st.lists(PARTS).map("".join) | st.text())
@example("<scr<script>ipt>alert(1)</script>")
@example("<table><td a='>'><img src=x onerror=y>")
@example("<svg><style><img src=x onerror=y></style></svg>")
def test_only_allowed_tags_remain_and_each_is_closed(source):
    seen = Seen()
    seen.feed(str(sanitize(source)))
    seen.close()
    assert seen.opened == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "<table border=1 class='x'><tr><td>1 &lt; 2</td></tr></table>",
            "<table><tbody><tr><td>1 &lt; 2</td></tr></tbody></table>",
        ),
        ("<table><TD ColSpan='2' onclick=x>a", '<table><tbody><tr><td colspan="2">a</td></tr></tbody></table>'),
        ("<script>alert('</b>')</script >kept", "kept"),
        ("<style>td { color: red }</style><p>kept", "<p>kept</p>"),
        ("<script>never ends <b>b</b>", ""),
        ("a<!-- <b> -->b<!doctype html>c", "abc"),
        ("<a href=javascript:x()>text</a><iframe src=//e.org></iframe>", "text"),
        ("a < b > c <- d", "a &lt; b &gt; c &lt;- d"),
        ("<b><i>x</b>y</i>", "<b><i>x</i></b><i>y</i>"),
        ("kept <td", "kept "),
    ],
)  # fmt: skip
def test_sanitized_html(source, expected):
    assert str(sanitize(source)) == expected
