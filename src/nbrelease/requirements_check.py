"""Check whether this Python environment already has the versions of requirements files.

    python -m nbrelease.requirements_check requirements.txt [more.txt ...]

The Makefile calls it for an active virtual or conda environment, which is then used as it is. Exit
code 0: every requirement is installed. Exit code 1: the first one that is missing is printed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename


def find_missing(files: list[Path]) -> str | None:
    """The first requirement that this environment does not satisfy; None if it satisfies all.

    nbrelease itself must be that of the folder, if the folder is a checkout of nbrelease.
    """
    source = Path.cwd() / "src" / "nbrelease"
    if source.is_dir() and not Path(__file__).resolve().is_relative_to(source.resolve()):
        return f"nbrelease of {source}"
    for file in files:
        for line in _read_lines(file):
            if not _is_satisfied(line):
                return line
    return None


def _read_lines(file: Path) -> Iterator[str]:
    """The requirements of a file, and of the files that it includes; not pip's other options."""
    for text in file.read_text(encoding="utf-8").splitlines():
        line = re.sub(r"(^|\s)#.*", "", text).strip()
        if match := re.match(r"(?:-r|--requirement)[ =]\s*(\S+)", line):
            yield from _read_lines(file.parent / match[1])
        elif line and not line.startswith("-"):
            yield line


def _is_satisfied(line: str) -> bool:
    try:
        if line.endswith(".whl"):
            name, version, *_ = parse_wheel_filename(Path(line).name)
            return metadata.version(name) == str(version)
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate():
            return True
        installed = metadata.version(requirement.name)
        return requirement.specifier.contains(installed, prereleases=True)
    except (InvalidRequirement, InvalidWheelFilename, metadata.PackageNotFoundError):
        return False


if __name__ == "__main__":
    missing = find_missing([Path(name) for name in sys.argv[1:]])
    if missing:
        sys.exit(f"not installed: {missing}")
