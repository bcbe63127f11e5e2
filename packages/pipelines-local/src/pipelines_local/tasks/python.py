"""UsePythonVersion@0: an interpreter of this machine that fits the version asked for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from pipelines_local.tasks.context import TaskContext, TaskFailed

_PART = re.compile(r"(>=|<=|>|<|=|~|\^)?\s*v?(\d+|[xX*])((?:\.(?:\d+|[xX*]))*)")


def use_version(context: TaskContext) -> None:
    """Put a Python that fits first in the PATH of later steps: the runner's own, if it does."""
    spec = context.text("versionspec", "3.x").strip()
    own = tuple(sys.version_info[:3])
    if fits(own, spec):
        version, path = own, _own()
    else:
        known = _others()
        found = [(version, path) for version, path in known if fits(version, spec)]
        if not found:
            have = ", ".join(".".join(map(str, v)) for v, _ in [(own, None), *known])
            raise TaskFailed(f"no Python on this machine fits {spec!r} (there are: {have})")
        version, path = max(found)
    context.log(f"Found Python {'.'.join(map(str, version))}: {path}")
    folder = context.folders.tools / "python"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3", f"python3.{version[1]}"):
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(path)
    context.set_variable("pythonLocation", str(folder))
    if context.flag("addtopath", True):
        context.prepend_path(folder)


def fits(version: tuple[int, ...], spec: str) -> bool:
    """Does a version fit a range such as ``3.x``, ``3.11``, ``>=3.9 <3.13``, ``3.9 || 3.11``?

    Raises:
        TaskFailed: the range cannot be read.
    """
    return any(_fits_all(version, part.strip()) for part in spec.split("||"))


def _fits_all(version: tuple[int, ...], spec: str) -> bool:
    parts = list(_PART.finditer(spec))
    if not parts or _PART.sub("", spec).strip():
        raise TaskFailed(f"the version range {spec!r} cannot be read")
    return all(_fits(version, part[1] or "=", f"{part[2]}{part[3]}") for part in parts)


def _fits(version: tuple[int, ...], operator: str, text: str) -> bool:
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    wanted = tuple(numbers)
    same = version[: len(wanted)]
    if operator in ("=", "~"):
        return same == wanted if operator == "=" else same[:2] == wanted[:2] and version >= wanted
    if operator == "^":
        return version[:1] == wanted[:1] and version >= wanted
    return {
        ">=": version >= wanted,
        ">": same > wanted,
        "<=": same <= wanted,
        "<": version < wanted,
    }[operator]


def _own() -> Path:
    """The interpreter of the runner, without its virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _others() -> list[tuple[tuple[int, ...], Path]]:
    """The other Pythons of this machine."""
    own = _own()
    found: list[tuple[tuple[int, ...], Path]] = []
    for minor in range(8, 20):
        name = shutil.which(f"python3.{minor}")
        path = Path(name).resolve() if name else own
        if path == own:
            continue
        code = "import sys; print(*sys.version_info[:3])"
        done = subprocess.run(
            [str(path), "-I", "-c", code], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            found.append((tuple(int(part) for part in done.stdout.split()), path))
    return found
