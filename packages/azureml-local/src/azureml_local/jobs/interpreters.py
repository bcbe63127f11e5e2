"""Python interpreters built for jobs when the server runs with ``--isolation uv``.

On Azure an environment is an image with the packages of its conda file. Here its Python packages
are installed into a virtual environment, by uv if it is installed, else by pip. The folder's name
is a digest of the packages, so the next job with the same packages starts at once. A package that
conda has and PyPI does not have fails the job.
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
"""The file in which Azure writes the log of an image build."""
COMPLETE = "complete"
SERVER_BIN = Path(sys.executable).parent
"""The folder of this server's own interpreter."""
Run = Callable[[list[str]], Awaitable[int]]
"""Runs a command as part of the job, with its output in the build log; returns the exit code."""


@dataclass(frozen=True)
class Requirements:
    """What an environment requires: versions of Python, and requirement lines of pip."""

    python: SpecifierSet
    lines: tuple[str, ...]

    @classmethod
    def from_conda_file(cls, conda_file: str) -> Requirements:
        """The requirements of a conda file.

        Raises:
            BadRequest: it is not valid YAML.
        """
        try:
            content = yaml.safe_load(conda_file)
        except yaml.YAMLError as error:
            message = f"the conda file is not valid YAML: {error}"
            raise BadRequest(message.replace("\n", " ")) from None
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
        self._locks: dict[str, asyncio.Lock] = {}

    async def bin_folder(self, conda_file: str, run: Run) -> Path:
        """The ``bin`` folder of the environment's interpreter, which is built if it is missing.

        Raises:
            BadRequest: it cannot be built.
        """
        requirements = Requirements.from_conda_file(conda_file)
        python = await asyncio.to_thread(_find_python, requirements.python)
        content = json.dumps([python, sorted(requirements.lines)])
        name = hashlib.sha256(content.encode()).hexdigest()[:20]
        folder = self._folder / name
        # If two jobs need it and the first is cancelled, the second builds it.
        async with self._locks.setdefault(name, asyncio.Lock()):
            if not (folder / COMPLETE).is_file():
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                await _build(folder, python, requirements.lines, run)
        return folder / "bin"


async def _build(folder: Path, python: str, lines: tuple[str, ...], run: Run) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    requirements = folder.with_suffix(".txt")
    requirements.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    uv, new_python = shutil.which("uv"), str(folder / "bin" / "python")
    if uv:
        steps = [[uv, "venv", "--python", python, str(folder)]]
        steps += [[uv, "pip", "install", "--python", new_python, "-r", str(requirements)]]
    else:
        pip = [new_python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        steps = [[python, "-m", "venv", str(folder)], [*pip, "-r", str(requirements)]]
    for step in steps if lines else steps[:1]:
        if await run(step) != 0:
            raise BadRequest(f"the job's environment could not be built; see {LOG}", "UserError")
    (folder / COMPLETE).touch()


def _find_python(versions: SpecifierSet) -> str:
    """An interpreter with a matching version: the server's own, or another of this machine.

    With uv, the version specifier itself is returned, because uv downloads an interpreter.

    Raises:
        BadRequest: this machine has none.
    """
    if versions.contains(platform.python_version(), prereleases=True):
        # Not the one of a virtual environment: pip would see the packages installed there.
        return str(Path(sys.executable).resolve())
    for minor in range(sys.version_info.minor + 4, 7, -1):
        python = shutil.which(f"python3.{minor}")
        if python and versions.contains(_version_of(python), prereleases=True):
            return python
    if shutil.which("uv"):
        return str(versions)
    raise BadRequest(
        f"the job's environment requires Python {versions}, and this machine has none; install it, "
        "or install uv, which downloads it",
        "UserError",
    )


def _version_of(python: str) -> str:
    command = [python, "-c", "import platform; print(platform.python_version())"]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    return result.stdout.strip() or "0"
