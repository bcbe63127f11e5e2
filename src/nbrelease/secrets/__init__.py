"""Secrets: what they look like, how they are hidden, and how a parameter refers to one.

A pack is read by many and kept for years, so no secret may get into it. Three things see to that:
a parameter that is declared secret holds a reference, never the value (:mod:`.reference`); whatever
else is written is masked first (:mod:`.masking`), by the forms and names of :mod:`.forms`; and
``nbrelease evidence verify`` looks for them once more with :func:`find_in`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbrelease.secrets.forms import FORMS, named
from nbrelease.secrets.masking import (
    MASK,
    NAMED,
    SHORTEST_KNOWN,
    VALUE_OF,
    Found,
    Known,
    any_in,
    find,
    mask,
    mask_text,
    texts_of,
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
    "find_in_all",
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
    content = _content(path)
    _, found = mask_text(content) if isinstance(content, str) else mask(content)
    return [what if times == 1 else f"{what} ({times} times)" for what, times in found.items()]


def find_in_all(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """What secrets files hold; much faster than one by one where none holds any.

    Files of a pack say the same things in many places: each text is looked at once.
    """
    paths, texts = list(paths), dict[str, None]()
    for path in paths:
        content = _content(path)
        of_file = {content: None} if isinstance(content, str) else texts_of(content)
        if of_file is None:
            break
        texts |= of_file
    else:
        if not any_in(texts):
            return []
    return [(path, what) for path in paths for what in find_in(path)]


def _content(path: Path) -> Any:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return ""
    if path.suffix in (".json", ".ipynb", ".sarif"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def kinds() -> list[str]:
    """What a secret can be called, but for the values of variables."""
    return [*dict.fromkeys(form.what for form in FORMS), NAMED]
