"""UsePythonVersion@0: select an installed Python that matches the version range."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from pipelines_local.tasks.context import TaskContext, TaskFailed
from pipelines_local.tasks.python_environment import create_python_shims, own_interpreter

_RANGE = re.compile(r"(>=|<=|>|<|=|~|\^)?\s*v?(\d+|[xX*])((?:\.(?:\d+|[xX*]))*)")


def use_python_version(context: TaskContext) -> None:
    """Put a matching Python first in PATH; the Python of this process if it matches."""
    spec = context.text("versionspec", "3.x").strip()
    own = tuple(sys.version_info[:3])
    if matches(own, spec):
        version, path = own, own_interpreter()
    else:
        installed = _other_interpreters()
        candidates = [(version, path) for version, path in installed if matches(version, spec)]
        if not candidates:
            versions = ", ".join(".".join(map(str, v)) for v, _ in [(own, None), *installed])
            message = f"no installed Python matches {spec!r} (installed: {versions})"
            raise TaskFailed("missing-python", message)
        version, path = max(candidates)
    context.log(f"Found Python {'.'.join(map(str, version))}: {path}")
    if context.options.host_python:
        folders = [context.folders.tools / "python"]
        folders[0].mkdir(parents=True, exist_ok=True)
        for name in ("python", "python3", f"python3.{version[1]}"):
            link = folders[0] / name
            link.unlink(missing_ok=True)
            link.symlink_to(path)
    else:
        folder = context.folders.tools / f"python-{'.'.join(map(str, version))}"
        folders = create_python_shims(folder, path, version[1])
    context.set_output("pythonLocation", str(folders[0]))
    if context.flag("addtopath", True):
        for folder in reversed(folders):
            context.prepend_path(folder)


def matches(version: tuple[int, ...], spec: str) -> bool:
    """Whether a version matches a range: ``3.x``, ``3.11``, ``>=3.9 <3.13``, ``3.9 || 3.11``.

    Raises:
        TaskFailed: the range is invalid.
    """
    return any(_matches_all(version, part.strip()) for part in spec.split("||"))


def _matches_all(version: tuple[int, ...], spec: str) -> bool:
    parts = list(_RANGE.finditer(spec))
    if not parts or _RANGE.sub("", spec).strip():
        raise TaskFailed("invalid-version-range", f"invalid version range {spec!r}")
    return all(_compare(version, part[1] or "=", f"{part[2]}{part[3]}") for part in parts)


def _compare(version: tuple[int, ...], operator: str, text: str) -> bool:
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    bound = tuple(numbers)
    prefix = version[: len(bound)]
    if operator == "=":
        return prefix == bound
    if operator == "~":
        return prefix[:2] == bound[:2] and version >= bound
    if operator == "^":
        return version[:1] == bound[:1] and version >= bound
    return {
        ">=": version >= bound,
        ">": prefix > bound,
        "<=": prefix <= bound,
        "<": version < bound,
    }[operator]


def _other_interpreters() -> list[tuple[tuple[int, ...], Path]]:
    """Return the other installed interpreters with their versions."""
    own = own_interpreter()
    interpreters: list[tuple[tuple[int, ...], Path]] = []
    for minor in range(6, 20):
        name = shutil.which(f"python3.{minor}")
        path = Path(name).resolve() if name else own
        if path == own:
            continue
        code = "import sys; print(*sys.version_info[:3])"
        process = subprocess.run(
            [str(path), "-I", "-c", code], capture_output=True, text=True, check=False
        )
        if process.returncode == 0:
            interpreters.append((tuple(int(part) for part in process.stdout.split()), path))
    return interpreters
