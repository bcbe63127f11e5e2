"""Secrets: what they look like, how they are hidden, and how a parameter refers to one.

A pack is read by many and kept for years, so no secret may get into it. Three things see to that:
a parameter that is declared secret holds a reference, never the value (:mod:`.reference`); whatever
else is written is masked first (:mod:`.masking`), by the forms and names of :mod:`.forms`; and
``nbrelease evidence verify`` looks for them once more with :func:`find_in`.
"""

from __future__ import annotations

import json
from pathlib import Path

from nbrelease.secrets.forms import FORMS, named
from nbrelease.secrets.masking import (
    MASK,
    NAMED,
    SHORTEST_KNOWN,
    VALUE_OF,
    Found,
    Known,
    find,
    mask,
    mask_text,
)
from nbrelease.secrets.reference import secret

__all__ = [
    "MASK",
    "NAMED",
    "SHORTEST_KNOWN",
    "VALUE_OF",
    "Found",
    "Known",
    "find",
    "find_in",
    "kinds",
    "mask",
    "mask_text",
    "named",
    "secret",
]


def find_in(path: Path) -> list[str]:
    """What secrets a file of a pack holds: one line for each kind; pictures and other bytes none.

    JSON and notebooks are read as what they mean, all else as text.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return []
    if path.suffix in (".json", ".ipynb", ".sarif"):
        try:
            _, found = mask(json.loads(text))
        except ValueError:
            _, found = mask_text(text)
    else:
        _, found = mask_text(text)
    return [what if times == 1 else f"{what} ({times} times)" for what, times in found.items()]


def kinds() -> list[str]:
    """What a secret can be called, but for the values of variables."""
    return [*dict.fromkeys(form.what for form in FORMS), NAMED]
