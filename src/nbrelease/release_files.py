"""The JSON files that a release keeps beside its notebooks: identity, decisions, outcome.

All that is written there was said by somebody or came from the environment, so it may hold a
secret; it is masked on its way, and the identity keeps the list of what was hidden.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbrelease import files
from nbrelease.records import IDENTITY, Masked
from nbrelease.secrets import Known, mask


def write(folder: Path, name: str, value: Any) -> None:
    """Write one of the files, without secrets.

    Args:
        folder: the release's; for another file than the identity, that is there by now.
        name: the file's.
        value: what it says, as JSON.
    """
    clean, count = mask(value, Known.of_environment())
    found = [
        Masked(file=name, part="file", what=what, times=times).model_dump()
        for what, times in count.items()
    ]
    if name == IDENTITY:
        clean["masked"] = found + list(clean.get("masked", []))
    elif found:
        identity = json.loads((folder / IDENTITY).read_text(encoding="utf-8"))
        others = [each for each in identity.get("masked", []) if each["file"] != name]
        _put(folder / IDENTITY, {**identity, "masked": others + found})
    _put(folder / name, clean)


def mask_secrets(folder: Path, name: str) -> None:
    """Mask one of the files where it was written by other hands; nothing where it is not there."""
    path = folder / name
    if path.is_file():
        value = json.loads(path.read_text(encoding="utf-8"))
        if mask(value, Known.of_environment())[1]:
            write(folder, name, value)


def _put(path: Path, value: Any) -> None:
    files.write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
