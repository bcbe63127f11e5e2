"""Find and mask secrets, and refer to them in parameters.

An evidence pack has many readers and a long retention, so it must not contain secrets. A secret
parameter holds a reference instead of the value (:mod:`.reference`). Everything else is masked
before it is written (:mod:`.masking`), by the formats of :mod:`.patterns` and :mod:`.issuers` and
the names of :mod:`.names`. ``nbrelease evidence verify`` searches the pack again with
:func:`find_in_files`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbrelease.secrets.masking import (
    MASK,
    NAMED_SECRET,
    SHORTEST_KNOWN,
    VARIABLE_PREFIX,
    Known,
    collect_texts,
    find,
    mask,
    mask_text,
    may_contain_secret,
)
from nbrelease.secrets.names import is_named_secret
from nbrelease.secrets.patterns import PATTERNS
from nbrelease.secrets.reference import secret

__all__ = [
    "MASK",
    "NAMED_SECRET",
    "SHORTEST_KNOWN",
    "VARIABLE_PREFIX",
    "Known",
    "collect_texts",
    "find",
    "find_in_file",
    "find_in_files",
    "is_named_secret",
    "kinds",
    "mask",
    "mask_text",
    "may_contain_secret",
    "secret",
]


def find_in_file(path: Path) -> list[str]:
    """The kinds of secrets in a file, one line each; none for images and other binary files.

    JSON and notebooks are parsed; all other files are searched as text.
    """
    content = _read(path)
    _, counts = mask_text(content) if isinstance(content, str) else mask(content)
    return [kind if times == 1 else f"{kind} ({times} times)" for kind, times in counts.items()]


def find_in_files(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """The (path, kind) of each secret in files; fast if no file contains one.

    Files of a pack repeat many texts: each distinct text is searched once.
    """
    paths, texts = list(paths), dict[str, None]()
    for path in paths:
        content = _read(path)
        file_texts = {content: None} if isinstance(content, str) else collect_texts(content)
        if file_texts is None:
            break
        texts |= file_texts
    else:
        if not may_contain_secret(texts):
            return []
    return [(path, kind) for path in paths for kind in find_in_file(path)]


def _read(path: Path) -> Any:
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
    """All kinds of secrets except the values of environment variables."""
    return [*dict.fromkeys(pattern.kind for pattern in PATTERNS), NAMED_SECRET]
