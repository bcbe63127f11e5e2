"""The JSON files of a release: identity, decisions, outcome.

Their content comes from users and the environment, so secrets in it are masked. The identity lists
what was masked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbrelease import files
from nbrelease.records import IDENTITY, Masked
from nbrelease.secrets import Known, mask


def write(folder: Path, name: str, value: Any) -> None:
    """Write one of the files and mask its secrets.

    Args:
        folder: of the release; with the identity, where another file is written.
        name: of the file.
        value: its content, as JSON.
    """
    clean, count = mask(value, Known.of_environment())
    masked = [
        Masked(file=name, part="file", what=what, times=times).model_dump()
        for what, times in count.items()
    ]
    if name == IDENTITY:
        clean["masked"] = masked + list(clean.get("masked", []))
    elif masked:
        identity = json.loads((folder / IDENTITY).read_text(encoding="utf-8"))
        others = [each for each in identity.get("masked", []) if each["file"] != name]
        _write_json(folder / IDENTITY, {**identity, "masked": others + masked})
    _write_json(folder / name, clean)


def mask_secrets(folder: Path, name: str) -> None:
    """Mask the secrets of one of the files, where it exists."""
    path = folder / name
    if path.is_file():
        value = json.loads(path.read_text(encoding="utf-8"))
        if mask(value, Known.of_environment())[1]:
            write(folder, name, value)


def _write_json(path: Path, value: Any) -> None:
    files.write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
