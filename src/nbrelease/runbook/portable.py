"""Executed notebooks without the machine they ran on.

Tracebacks, paths in outputs and papermill's metadata name folders of the machine. They tell a
reviewer nothing, differ on every agent, and may hold a person's name; so each known folder is
replaced by what it stands for.
"""

from __future__ import annotations

import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any


def folders(root: Path, extra: dict[str, Path] | None = None) -> list[tuple[str, str]]:
    """Pairs (folder of this machine, what it stands for), the longest first.

    Args:
        root: the project's folder.
        extra: more folders by what they stand for.
    """
    known = {
        ".": root,
        "<python>": Path(sys.prefix),
        "<python-base>": Path(sys.base_prefix),
        "<stdlib>": Path(sysconfig.get_path("stdlib")),
        "<tmp>": Path(tempfile.gettempdir()),
        "~": Path.home(),
        **(extra or {}),
    }
    pairs = {
        (str(form), name)
        for name, path in known.items()
        for form in (path, path.resolve())
        if len(form.parts) > 1  # never the file system's own root
    }
    return sorted(pairs, key=lambda pair: (-len(pair[0]), pair))


def without(value: Any, pairs: list[tuple[str, str]]) -> Any:
    """A copy of a JSON value in which no text names one of the folders."""
    if isinstance(value, str):
        for folder, name in pairs:
            if folder in value:
                value = value.replace(folder, name)
        return value
    if isinstance(value, list):
        return [without(item, pairs) for item in value]
    if isinstance(value, dict):
        return {key: without(item, pairs) for key, item in value.items()}
    return value
