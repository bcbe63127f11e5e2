"""Python interpreters built from conda files when the server runs with ``--isolation``.

On Azure an environment is an image with the packages of its conda file. Here its Python packages
are installed into a virtual environment, by uv if it is installed, else by pip. The folder's name
is a digest of the packages, so the next job or deployment with the same packages starts at once. A
package that conda has and PyPI does not have fails the build.

With ``--isolation auto`` a build that cannot reach the package index is no error: the server's own
interpreter is used, with a warning in the log.

With ``--interpreter`` nothing is built: all jobs and deployments use one virtual environment.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

import child_processes
from azureml_local import packages
from azureml_local.errors import AzureError, BadRequest

LOG = "azureml-logs/20_image_build_log.txt"
"""The file in which Azure writes the log of a job's image build."""
BUILD_FAILED = "ImageBuildFailure"
"""Azure's code of a deployment whose image cannot be built."""
WRITES_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""uv does not compile modules: the first import does, and has to store the result."""
OLDEST_WORKER = 8
"""The minor version of the oldest Python 3 that can run the workers of azureml-local."""
COMPLETE = "complete"
SERVER_BIN = Path(sys.executable).parent
"""The folder of this server's own interpreter."""
UV_SIGN = "\N{MULTIPLICATION SIGN}"
UV_FRAME = re.compile(rf"^(error:|hint:|[{UV_SIGN}╰─▶│\s])+")
"""What uv writes before the lines of an error."""
UNREACHABLE = re.compile(
    r"error sending request|tcp connect error|dns error|network was disabled"
    r"|NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError"
)
"""What uv and pip print if they cannot reach the package index."""
POLL_SECONDS = 0.05
RETRY_SECONDS = 600.0
"""How long builds are skipped after the package index could not be reached."""
Run = Callable[[list[str]], Awaitable[int]]
"""Runs a command with its output in the build log; returns the exit code."""


@dataclass(frozen=True)
class Requirements:
    """What an environment requires: versions of Python, and requirement lines of pip."""

    python: SpecifierSet
    lines: tuple[str, ...]

    @classmethod
    def from_conda_file(cls, conda_file: str) -> Requirements:
        """The requirements of a conda file.

        Raises:
            BadRequest: it is not valid YAML, or pip cannot express one of its dependencies.
        """
        try:
            content = yaml.safe_load(conda_file)
        except yaml.YAMLError as error:
            message = f"the conda file is not valid YAML: {error}"
            raise BadRequest(message.replace("\n", " ")) from None
        python, lines = SpecifierSet(), []
        for package in packages.conda_packages(content):
            if package.versions is None:
                raise BadRequest(
                    f"the conda file's dependency {package.text!r} was not understood; write "
                    "NAME, NAME=VERSION or NAME>=VERSION,<VERSION"
                )
            if package.name == "python":
                python = package.versions
            else:
                lines.append(f"{package.name}{package.versions}")
        return cls(python, (*lines, *packages.pip_lines(content)))


@dataclass(frozen=True)
class Interpreter:
    """A virtual environment, and the variables with which its processes can import azureml_local.

    Attributes:
        folder: of the virtual environment.
        modules: a folder that has the package ``azureml_local`` and nothing else.
    """

    folder: Path
    modules: Path

    @property
    def python(self) -> str:
        """The program."""
        return str(self.folder / "bin" / "python")

    def has_package(self, name: str) -> bool:
        """Whether a top-level package is installed in it."""
        return any(self.folder.glob(f"lib/python*/site-packages/{name}"))

    def add_variables(self, variables: Mapping[str, str]) -> dict[str, str]:
        """A worker's environment variables, with those of processes in this interpreter.

        Raises:
            BadRequest: its Python is too old for a worker of azureml-local.
        """
        for path in self.folder.glob("lib/python3.*"):
            if int(path.name.rpartition(".")[2]) < OLDEST_WORKER:
                raise BadRequest(
                    f"the environment has {path.name.capitalize()}: deployments and parallel jobs "
                    f"of azureml-local need Python 3.{OLDEST_WORKER} or later"
                )
        paths = [variables.get("PYTHONPATH", ""), str(self.modules)]
        return {
            "PATH": os.pathsep.join([str(self.folder / "bin"), os.environ.get("PATH", "")]),
            "VIRTUAL_ENV": str(self.folder),
            **WRITES_BYTECODE,
            **variables,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }


class _IndexUnreachable(AzureError):
    """The build could not reach the package index."""


class Interpreters:
    """The virtual environments of one data folder."""

    def __init__(
        self, folder: Path, *, optional: bool = False, existing: Path | None = None
    ) -> None:
        """Open the folder of the virtual environments.

        Args:
            folder: has one folder for each environment.
            optional: whether an unreachable package index is no error.
            existing: a virtual environment for all conda files, so that none is built.
        """
        self._folder = folder
        self._existing = existing
        self._optional = optional
        self._no_builds_until = 0.0
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(
        self, conda_file: str | None, log: Path, run: Run | None = None
    ) -> Interpreter | None:
        """The interpreter of an environment, which is built if it is missing.

        None without a conda file, and if it is optional and the package index cannot be reached.

        Args:
            conda_file: the text of the environment's conda file.
            log: the file for the output of the build.
            run: runs a command of the build; None: as a child process of the server.

        Raises:
            AzureError: it cannot be built.
        """
        if self._existing is not None:
            return Interpreter(self._existing, modules_folder(self._folder))
        if conda_file is None:
            return None
        requirements = Requirements.from_conda_file(conda_file)
        python = await asyncio.to_thread(_find_python, requirements.python)
        content = json.dumps([python, sorted(requirements.lines)])
        name = hashlib.sha256(content.encode()).hexdigest()[:20]
        folder = self._folder / name
        # If two jobs need it and the first is cancelled, the second builds it.
        async with self._locks.setdefault(name, asyncio.Lock()):
            if (folder / COMPLETE).is_file():
                _write(log, f"the environment {name} is already built")
            elif not await self._build(folder, python, requirements.lines, log, run):
                return None
        return Interpreter(folder, modules_folder(self._folder))

    async def _build(
        self, folder: Path, python: str, lines: tuple[str, ...], log: Path, run: Run | None
    ) -> bool:
        """Build an interpreter; False if that is optional and the index cannot be reached."""
        begun = time.monotonic()
        try:
            if begun < self._no_builds_until:
                raise _IndexUnreachable("the package index could not be reached")
            _write(log, f"building the environment {folder.name} with {len(lines)} packages")
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            await _build(folder, python, lines, log, run or _runner(log))
        except _IndexUnreachable as error:
            if not self._optional:
                raise
            self._no_builds_until = max(self._no_builds_until, begun + RETRY_SECONDS)
            _write(log, f"warning: {error.message}; the packages of azureml-local are used")
            return False
        _write(log, f"built the environment in {time.monotonic() - begun:.1f} s")
        return True


def modules_folder(folder: Path) -> Path:
    """The folder with a link to this package; its other files would hide those of a job."""
    folder = folder / "modules"
    link, package = folder / "azureml_local", Path(__file__).parent
    if not link.is_symlink() or link.readlink() != package:
        folder.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(package, target_is_directory=True)
    return folder


async def _build(folder: Path, python: str, lines: tuple[str, ...], log: Path, run: Run) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    requirements = folder.with_suffix(".txt")
    requirements.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    uv, new_python = find_uv(), str(folder / "bin" / "python")
    if uv:
        steps = [[uv, "venv", "--python", python, str(folder)]]
        steps += [[uv, "pip", "install", "--python", new_python, "-r", str(requirements)]]
    else:
        pip = [new_python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        pip += ["--progress-bar", "off"]
        steps = [[python, "-m", "venv", str(folder)], [*pip, "-r", str(requirements)]]
    for step in steps if lines else steps[:1]:
        start = log.stat().st_size if log.is_file() else 0
        if await run(step) != 0:
            output = log.read_bytes()[start:].decode(errors="replace")
            kind = _IndexUnreachable if UNREACHABLE.search(output) else AzureError
            raise kind(f"the environment could not be built: {build_error(output)}", BUILD_FAILED)
    (folder / COMPLETE).touch()


def build_error(output: str) -> str:
    """The error in the output of pip or uv, as one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    if not errors:
        starts = [i for i, line in enumerate(lines) if line.startswith(("error:", UV_SIGN))]
        errors = lines[starts[0] :] if starts else lines[-1:]
    text = " ".join(UV_FRAME.sub("", line) for line in errors)
    return text or "the command printed no error"


def find_uv() -> str | None:
    """The program uv: on the PATH, or next to this server's interpreter."""
    own = SERVER_BIN / "uv"
    return shutil.which("uv") or (str(own) if own.is_file() else None)


def _write(log: Path, line: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"azureml-local: {line}\n")


def _runner(log: Path) -> Run:
    async def run(command: list[str]) -> int:
        with log.open("ab") as file:
            process = child_processes.spawn(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            # Not in a thread: the server has few, and a build takes minutes.
            while (code := process.poll()) is None:
                await asyncio.sleep(POLL_SECONDS)
        except asyncio.CancelledError:
            child_processes.end_group(process, 0.0)
            raise
        return code

    return run


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
    if find_uv():
        return str(versions)
    raise BadRequest(
        f"the environment requires Python {versions}, and this machine has none; install it, "
        "or install uv, which downloads it",
        BUILD_FAILED,
    )


def _version_of(python: str) -> str:
    command = [python, "-c", "import platform; print(platform.python_version())"]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    return result.stdout.strip() or "0"
