"""The one place that writes the runner's own files: beside and renamed, never half-written."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text; a reader sees the old file or the new one.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def write_json(path: Path, data: Any) -> None:
    """Write a JSON document."""
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """A JSON document; None where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock; the system lets go of it however the holder ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def copy_tree(source: Path, target: Path, names: list[str], *, keep_mode: bool = True) -> None:
    """Copy files by their paths below ``source``.

    Args:
        source: where they are.
        target: where they go; folders are made.
        names: paths below ``source``; what is gone meanwhile is left out.
        keep_mode: also who may run them, and links as links.
    """
    made: set[str] = set()
    for name in names:
        there = os.path.join(target, name)  # noqa: PTH118 - faster, and there may be thousands
        folder = os.path.dirname(there)  # noqa: PTH120
        if folder not in made:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            made.add(folder)
        here = os.path.join(source, name)  # noqa: PTH118
        try:
            if keep_mode:
                shutil.copy2(here, there, follow_symlinks=False)
            else:
                shutil.copyfile(here, there)
        except FileNotFoundError:
            continue
        except IsADirectoryError:  # a link to a folder, or a repository inside of this one
            shutil.copytree(here, there, symlinks=keep_mode, dirs_exist_ok=True)


def files_below(folder: Path) -> list[str]:
    """The paths of all files below ``folder``, sorted; links to folders are followed once."""
    found = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        base = os.path.relpath(place, folder)
        found += [name if base == "." else f"{base}/{name}" for name in names]
    return sorted(found)
