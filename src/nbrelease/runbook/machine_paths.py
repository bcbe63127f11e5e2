"""Replace folders of this machine in executed notebooks by placeholders.

Tracebacks, outputs and papermill's metadata contain absolute paths. They are of no use to a
reviewer, differ on every agent, and may contain a user name.
"""

from __future__ import annotations

import json
import re
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

# A folder is not the beginning of another one's name: /home/a is not in /home/ann or /home/a.old.
NAME_CONTINUES = r"(?![\w-]|\.\w)"


def list_replacements(root: Path, extra: dict[str, Path] | None = None) -> list[tuple[str, str]]:
    """Pairs (folder of this machine, placeholder), the longest folder first.

    A folder with blanks or other scripts has further spellings: in a URL and in JSON.

    Args:
        root: the project's folder.
        extra: more folders, by placeholder.
    """
    folders = {
        ".": root,
        "<python>": Path(sys.prefix),
        "<python-base>": Path(sys.base_prefix),
        "<stdlib>": Path(sysconfig.get_path("stdlib")),
        "<tmp>": Path(tempfile.gettempdir()),
        "~": Path.home(),
        **(extra or {}),
    }
    pairs = {
        (spelling, placeholder)
        for placeholder, path in folders.items()
        for variant in (path, path.resolve())
        if len(variant.parts) > 1  # never the root of the file system
        for spelling in (str(variant), quote(str(variant)), json.dumps(str(variant))[1:-1])
    }
    return sorted(pairs, key=lambda pair: (-len(pair[0]), pair))


def replace_paths(value: Any, replacements: list[tuple[str, str]]) -> Any:
    """A copy of a JSON value in which no text contains one of the folders."""
    if isinstance(value, str):
        for folder, placeholder in replacements:
            if folder in value:
                pattern = re.escape(folder) + NAME_CONTINUES
                value = re.sub(pattern, lambda match, text=placeholder: text, value)  # type: ignore[misc]
        return value
    if isinstance(value, list):
        return [replace_paths(item, replacements) for item in value]
    if isinstance(value, dict):
        return {key: replace_paths(item, replacements) for key, item in value.items()}
    return value
