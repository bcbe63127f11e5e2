"""Interpreters of their own for jobs, where the server was started with ``--isolation uv``.

On Azure an environment is an image with what its conda file names. Here its Python packages are
installed into a virtual environment, by uv where there is one and by pip else, and kept under the
digest of what it was made of: the next job with the same packages starts at once. Packages of
conda's own world that PyPI does not have cannot be had, and then the job fails and says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

from azureml_local.errors import BadRequest
from azureml_local.jobs import packages

LOG = "azureml-logs/20_image_build_log.txt"
"""Where Azure writes what the build of an image said."""
COMPLETE = "complete"
OWN = Path(sys.executable).parent
"""Where this server's own interpreter is."""
Run = Callable[[list[str]], Awaitable[int]]
"""Runs a command as part of the job, its output to the build's log; gives the exit code."""


@dataclass(frozen=True)
class Wanted:
    """What an environment asks for: versions of Python, and lines as pip takes them."""

    python: SpecifierSet
    lines: tuple[str, ...]

    @classmethod
    def read(cls, conda_file: str) -> Wanted:
        """What a conda file asks for.

        Raises:
            BadRequest: it is no conda file.
        """
        try:
            content = yaml.safe_load(conda_file)
        except yaml.YAMLError as error:
            raise BadRequest(f"the conda file is no YAML: {error}".replace("\n", " ")) from None
        python, lines = SpecifierSet(), []
        for name, versions in packages.conda_packages(content):
            if name == "python":
                python = versions
            else:
                lines.append(f"{name}{versions}")
        return cls(python, (*lines, *packages.pip_lines(content)))


class Interpreters:
    """The virtual environments of one data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._building: dict[str, asyncio.Lock] = {}

    async def programs(self, conda_file: str, run: Run) -> Path:
        """The folder of an interpreter's programs; the interpreter is built where it is missing.

        Raises:
            BadRequest: it cannot be built.
        """
        wanted = Wanted.read(conda_file)
        python = await asyncio.to_thread(_python, wanted.python)
        made_of = json.dumps([python, sorted(wanted.lines)])
        name = hashlib.sha256(made_of.encode()).hexdigest()[:20]
        folder = self._folder / name
        # Two jobs may want the same one; where the first is cancelled, the second builds it.
        async with self._building.setdefault(name, asyncio.Lock()):
            if not (folder / COMPLETE).is_file():
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                await _build(folder, python, wanted.lines, run)
        return folder / "bin"


async def _build(folder: Path, python: str, lines: tuple[str, ...], run: Run) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    asked = folder.with_suffix(".txt")
    asked.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    uv, own = shutil.which("uv"), str(folder / "bin" / "python")
    if uv:
        steps = [[uv, "venv", "--python", python, str(folder)]]
        steps += [[uv, "pip", "install", "--python", own, "-r", str(asked)]]
    else:
        pip = [own, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        steps = [[python, "-m", "venv", str(folder)], [*pip, "-r", str(asked)]]
    for step in steps if lines else steps[:1]:
        if await run(step) != 0:
            raise BadRequest(f"the job's environment cannot be built; {LOG} says why", "UserError")
    (folder / COMPLETE).touch()


def _python(wanted: SpecifierSet) -> str:
    """An interpreter of a version that will do: the server's own, or another of this machine.

    With uv the versions themselves will do as well: it fetches one.

    Raises:
        BadRequest: there is none.
    """
    if wanted.contains(platform.python_version(), prereleases=True):
        # Not that of a virtual environment: pip would see where its packages are.
        return str(Path(sys.executable).resolve())
    for minor in range(sys.version_info.minor + 4, 7, -1):
        found = shutil.which(f"python3.{minor}")
        if found and wanted.contains(_version(found), prereleases=True):
            return found
    if shutil.which("uv"):
        return str(wanted)
    raise BadRequest(
        f"the job's environment wants Python {wanted}, and there is none here; install it, or uv, "
        "which fetches it",
        "UserError",
    )


def _version(python: str) -> str:
    ask = [python, "-c", "import platform; print(platform.python_version())"]
    answer = subprocess.run(ask, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    return answer.stdout.strip() or "0"
