"""Write files atomically, copy trees, list and lock files."""

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
    """Write UTF-8 text atomically: a reader sees the old file or the new one.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)  # a write names no file
        raise


def write_json(path: Path, data: Any) -> None:
    """Write a JSON document atomically."""
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON document; None if it is missing or invalid."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Lock a file; the operating system releases the lock when the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def copy_tree(source: Path, target: Path, names: list[str], *, keep_mode: bool = True) -> None:
    """Copy files.

    Args:
        source: the source folder.
        target: the target folder; it is created.
        names: paths relative to ``source``; missing files are skipped.
        keep_mode: whether to copy file modes, and links as links.
    """
    created: set[str] = set()
    for name in names:
        destination = os.path.join(target, name)  # noqa: PTH118 - pathlib is slow for many files
        folder = os.path.dirname(destination)  # noqa: PTH120
        if folder not in created:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            created.add(folder)
        origin = os.path.join(source, name)  # noqa: PTH118
        try:
            if keep_mode:
                shutil.copy2(origin, destination, follow_symlinks=False)
            else:
                shutil.copyfile(origin, destination)
        except FileNotFoundError:
            continue
        except IsADirectoryError:  # a link to a folder
            shutil.copytree(origin, destination, symlinks=keep_mode, dirs_exist_ok=True)


def list_files(folder: Path) -> list[str]:
    """Return the relative paths of all files, sorted; links to folders are followed once."""
    paths = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        base = os.path.relpath(place, folder)
        paths += [name if base == "." else f"{base}/{name}" for name in names]
    return sorted(paths)
