"""Find, parse and keep XML report files of tests and coverage."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

from pipelines_local import files, globs

MAX_BYTES = 100_000_000


def find_reports(folder: Path, patterns: str) -> list[Path]:
    """Return the files that the patterns select.

    Args:
        folder: start of relative patterns.
        patterns: one per line; an absolute pattern does not depend on ``folder``.
    """
    paths: list[Path] = []
    relative = []
    for line in map(str.strip, patterns.splitlines()):
        if line.lstrip("!").startswith("/"):
            base, pattern = _split_at_wildcard(line.lstrip("!"))
            names = globs.select_paths(files.list_files(base), pattern) if base.is_dir() else []
            selected = {base / name for name in names}
            if line.startswith("!"):
                paths = [path for path in paths if path not in selected]
            else:
                paths += sorted(selected)
        elif line:
            relative.append(line)
    if relative and folder.is_dir():
        names = globs.select_paths(files.list_files(folder), "\n".join(relative))
        paths += [folder / name for name in names]
    return list(dict.fromkeys(paths))


def _split_at_wildcard(pattern: str) -> tuple[Path, str]:
    """Return the folder before the first wildcard, and the rest."""
    parts = pattern.split("/")
    with_wildcard = (i for i, part in enumerate(parts) if re.search(r"[*?\[{]", part))
    first = min(next(with_wildcard, len(parts) - 1), len(parts) - 1)
    return Path("/".join(parts[:first]) or "/"), "/".join(parts[first:])


def parse_report(path: Path) -> ElementTree.Element:
    """Parse an XML file that declares no entities.

    Raises:
        ValueError: the file is too large or declares entities.
        ElementTree.ParseError: invalid XML.
        OSError: the file cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError("the file is too large")
    content = path.read_bytes()
    if b"<!ENTITY" in content:
        raise ValueError("entities are not supported")
    return ElementTree.fromstring(content)  # noqa: S314 - no entities


def keep_report(path: Path, folder: Path) -> None:
    """Copy a file to ``folder``; a number makes its name unique."""
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}-{number}{path.suffix}"
    shutil.copyfile(path, target)
