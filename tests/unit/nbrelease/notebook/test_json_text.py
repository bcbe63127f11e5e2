"""Replacing sources keeps every other byte of the file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbrelease.errors import NotebookError
from nbrelease.notebook.json_text import replace_sources


@pytest.mark.parametrize(
    ("before", "source", "after"),
    [
        (r'["a = \u00e4\r\n","b = ö\r\n","c = 1"]', "a = ä\nb = ö\nnew = ü\nc = 1", r'["a = \u00e4\r\n","b = ö\r\n","new = ü\r\n","c = 1"]'),
        (r'["\u003ca\n", "b"]', "<a\nc", r'["\u003ca\n", "c"]'),
        (r'["a\nb\n", "c"]', "a\nc", r'["a\n", "c"]'),
        (r'["a \ud83d\ude00"]', "a 😀\nb", r'["a \ud83d\ude00\n", "b"]'),
        (r'"a\/\nb"', "a/\nc\n", r'"a\/\nc\n"'),
        ('["a"]', "", "[]"),
        ("[]", "a\nb", r'["a\n", "b"]'),
        ('"a"', "", '""'),
        ('[\n\t\t"a\\n",\n\t\t"b"\n\t]', "a\nb\nc", '[\n\t\t"a\\n",\n\t\t"b\\n",\n\t\t"c"\n\t]'),
    ],
)  # fmt: skip
def test_unchanged_lines_keep_their_bytes(before, source, after):
    space = "" if '","' in before else " "
    file = '{ "z": "\\u00e9\\/",  "cells": [{"id":"x", "source":%s%s , "outputs" : [1,\t2], "execution_count": 7}], "a":1e0}\n\n'
    assert replace_sources((file % (space, before)).encode(), {0: source}).decode() == (
        file % (space, after)
    ).replace("[1,\t2]", "[]").replace(": 7", ": null")


LINES = st.lists(
    st.sampled_from(["", "x = 1", "ä = 'ö'", '\t"q"', "😀", "\\\\n", "x = 1 "]), max_size=6
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(LINES, min_size=1, max_size=3), LINES, st.sampled_from([None, 0, 1, 4, "\t"]),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_any_source_is_replaced_and_the_rest_is_kept(cells, new, indent, escaped, text, mark):
    def source(lines):
        joined = "\n".join(lines)
        return joined if text else joined.splitlines(keepends=True)

    content = {
        "cells": [{"source": source(lines), "id": str(n)} for n, lines in enumerate(cells)],
        "é": "é",
    }
    head = b"\xef\xbb\xbf" if mark else b""
    before = head + json.dumps(content, indent=indent, ensure_ascii=escaped).encode()
    after = replace_sources(before, {0: "\n".join(new)})
    content["cells"][0]["source"] = source(new)
    assert after == head + json.dumps(content, indent=indent, ensure_ascii=escaped).encode() or (
        not cells[0] or not "\n".join(cells[0]) or not "\n".join(new)
    )  # the style of an empty list is unknown
    assert json.loads(after.decode("utf-8-sig")) == content
    assert replace_sources(after, {0: "\n".join(new)}) == after


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"cells": 1}', b'{"cells": []}', b"\xef\xbb\xbf{"]
)
def test_other_content_is_rejected(content):
    with pytest.raises(NotebookError):
        replace_sources(content, {0: "x"})
