"""Make text safe for XML, HTML and terminals: no terminal codes, no control characters.

XML 1.0 allows no control characters except tab, line feed and carriage return (section 2.2), and
HTML neither. Azure DevOps drops a JUnit file that is not well-formed.
"""

from __future__ import annotations

import re

# ECMA-48: CSI (colours, cursor), OSC and other strings (titles, links), and two-character codes.
_TERMINAL_CODES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-Z\\^-~]"
)
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def remove_terminal_codes(text: str) -> str:
    """Remove colours, cursor movements, titles and links; the visible text stays."""
    return _TERMINAL_CODES.sub("", text) if "\x1b" in text else text


def replace_control_characters(text: str) -> str:
    """Replace each control character by its picture: NUL becomes U+2400."""
    return _CONTROL_CHARACTERS.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 0x7F:
        return "\u2421"
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"
