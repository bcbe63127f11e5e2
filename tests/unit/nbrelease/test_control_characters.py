"""Text without terminal codes and control characters."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from nbrelease.control_characters import remove_terminal_codes, replace_control_characters


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mtrue\x1b[m colour", "true colour"),
        ("\x1b[2K\x1b[1A\x1b[?25lcursor", "cursor"),
        ("a\x1b]8;;http://x\x07link\x1b]8;;\x07", "alink"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("\x1b(Bcharset\x1bM\x1b=", "charset"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("unfinished \x1b]0;title\nnext", "unfinished \x1b]0;title\nnext"),
        ("plain", "plain"),
    ],
)
def test_terminal_codes_are_removed(text, visible):
    assert remove_terminal_codes(text) == visible


def test_control_characters_are_replaced_by_pictures():
    assert replace_control_characters("nul\x00 bs\x08 esc\x1b del\x7f") == "nul␀ bs␈ esc␛ del␡"
    assert replace_control_characters("\x85 \ud800 \uffff") == "\ufffd \ufffd \ufffd"
    assert (
        replace_control_characters("tab\t line\n cr\r ä 日本 😀") == "tab\t line\n cr\r ä 日本 😀"
    )


def test_every_character_is_valid_in_xml():
    text = replace_control_characters("".join(map(chr, range(0x11000))))
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    assert ET.fromstring(f"<a>{escaped}</a>").tag == "a"
