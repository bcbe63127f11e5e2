"""What a compute instance or a laptop needs for this project, and how to get it.

Each check looks at one thing and knows its mend. A mend touches the machine's own set-up (the
kernel, ``.git``, ``.vscode``) and never a file that is committed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from nbrelease import files
from nbrelease.notebook import read

# git starts these without anybody's PATH, from VS Code and JupyterLab too: by the interpreter.
PYTHON = f'"{Path(sys.executable).as_posix()}"'
FILTER = f"{PYTHON} -m nbrelease clean -"
HOOK_HEAD = """#!/bin/sh
# Set up by nbrelease doctor --fix: what is committed is what the notebooks give.
"""
HOOK = f"{HOOK_HEAD}exec {PYTHON} -m nbrelease export --check\n"
NBDIME = {
    "diff.jupyternotebook.command": f"{PYTHON} -m nbdime.vcs.git.diffdriver diff",
    "merge.jupyternotebook.driver": (
        f"{PYTHON} -m nbdime.vcs.git.mergedriver merge %O %A %B %L %P"
    ),
    "merge.jupyternotebook.name": "jupyter notebook merge driver",
}
SHOWN = 4
"""How many packages are named that differ; who has a hundred needs no list."""
# «name==version», extras left out; what holds for some platforms only is no pin.
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*==\s*([^\s;#]+)\s*(?:#|$)")
VS_CODE = {
    "jupyter.notebookFileRoot": "${fileDirname}",
    "python.testing.pytestArgs": ["tests"],
    "python.testing.pytestEnabled": True,
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: the thing.
        right: whether it is as it should be.
        message: what it is, or what is missing and how to get it.
        mend: does that; none where only people can.
    """

    name: str
    right: bool
    message: str
    mend: Callable[[], None] | None = None


def examine(root: Path, notebooks: list[Path]) -> Iterator[Finding]:
    """Look at everything, one after the other.

    Args:
        root: the project's folder.
        notebooks: its notebooks and runbooks.
    """
    yield from _kernels(notebooks)
    yield from _packages(root / "conda")
    if not _git(root, "rev-parse", "--git-dir"):
        yield Finding("git", False, "no repository here; git init, or clone the project")
    else:
        yield _filter(root)
        yield _nbdime(root)
        yield _hook(root)
    yield _vs_code(root / ".vscode" / "settings.json")


def _kernels(notebooks: list[Path]) -> Iterator[Finding]:
    """Each kernel that a notebook names is installed, and starts an interpreter that is there."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    for name in sorted({_kernel(path) for path in notebooks} or {"python3"}):
        try:
            spec = manager.get_kernel_spec(name)
        except NoSuchKernel:
            yield Finding(
                f"kernel {name}",
                False,
                f"not installed; {sys.executable} -m ipykernel install --sys-prefix --name {name}",
                lambda name=name: _install_kernel(name),  # type: ignore[misc]
            )
            continue
        # Jupyter's own kernel says «python» and means the one that Jupyter runs with.
        own = re.fullmatch(r"python[\d.]*", spec.argv[0])
        program = sys.executable if own else shutil.which(spec.argv[0])
        message = f"starts {program}" if program else f"{spec.argv[0]} is gone; install it again"
        mend = None if program else (lambda name=name: _install_kernel(name))
        yield Finding(f"kernel {name}", program is not None, message, mend)


def _kernel(path: Path) -> str:
    read(path)  # a file that is no notebook is said to be none
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    spec = content.get("metadata", {}).get("kernelspec", {})
    return str(spec.get("name") or "python3") if isinstance(spec, dict) else "python3"


def _install_kernel(name: str) -> None:
    command = [sys.executable, "-m", "ipykernel", "install", "--sys-prefix", "--name", name]
    subprocess.run(command, check=True, capture_output=True)


def _packages(folder: Path) -> Iterator[Finding]:
    """What runs here is what ``conda/*.yml`` pins, itself or in the files that it names."""
    for file in sorted(folder.glob("*.yml")):
        shown = f"conda/{file.name}"
        try:
            python, pins = _pins(file)
        except (OSError, ValueError) as error:
            yield Finding(shown, False, f"cannot be read: {' '.join(str(error).split())}")
            continue
        here = ".".join(map(str, sys.version_info[:3]))
        if python and not f"{here}.".startswith(f"{python}."):
            message = f"wants Python {python} (here: {here}); conda env create -f {shown}"
            yield Finding(shown, False, message)
            continue
        wrong = {name: version for name, version in pins.items() if _installed(name) != version}
        if not wrong:
            yield Finding(shown, True, "is what is installed here")
            continue
        some = [f"{name}=={wrong[name]} (here: {_installed(name)})" for name in list(wrong)[:SHOWN]]
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        yield Finding(
            shown,
            False,
            f"differs: {', '.join(some)}{more}; nbrelease doctor --fix installs them",
            lambda wrong=wrong: _install(wrong),  # type: ignore[misc]
        )


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _install(pins: dict[str, str]) -> None:
    wanted = [f"{name}=={version}" for name, version in pins.items()]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *wanted]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip gave no reason"]
        raise OSError(lines[-1])


def _pins(file: Path) -> tuple[str, dict[str, str]]:
    """The version of Python and the packages that an environment file pins."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise ValueError(str(error)) from None
    dependencies = content.get("dependencies") if isinstance(content, dict) else None
    python, lines = "", []
    for item in dependencies if isinstance(dependencies, list) else []:
        if isinstance(item, dict):
            lines += [str(line) for line in item.get("pip") or []]
        elif match := re.match(r"^python\s*=+\s*([\d.]+?)(?:\.\*)?$", str(item)):
            python = match[1]
    return python, _pinned(lines, file.parent)


def _pinned(lines: list[str], folder: Path) -> dict[str, str]:
    """The pins of requirements, those of the files that they name included."""
    found: dict[str, str] = {}
    for line in lines:
        if match := re.match(r"^(?:-r|--requirement)[ =]\s*(\S+)", line):
            inner = folder / match[1]
            found |= _pinned(inner.read_text(encoding="utf-8").splitlines(), inner.parent)
        elif match := re.match(
            r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*==\s*([^\s;#]+)\s*(?:#|$)", line
        ):
            found[match[1]] = match[2]
    return found


def _git(root: Path, *words: str) -> str:
    """The answer of git; empty when it has none. Tools that git itself starts set GIT_DIR."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_DIR")}
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=False, env=clean
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _filter(root: Path) -> Finding:
    def mend() -> None:
        _git(root, "config", "filter.nbrelease.clean", FILTER)
        _git(root, "config", "filter.nbrelease.smudge", "cat")
        _attribute(root, "filter=nbrelease")

    right = _git(root, "config", "filter.nbrelease.clean") == FILTER and _has(
        root, "filter", "nbrelease"
    )
    message = "cleans notebooks" if right else "commits outputs too; nbrelease doctor --fix"
    return Finding("git filter", right, message, mend)


def _nbdime(root: Path) -> Finding:
    if importlib.util.find_spec("nbdime") is None:
        return Finding("nbdime", False, f"not installed; {sys.executable} -m pip install nbdime")

    def mend() -> None:
        for key, value in NBDIME.items():
            _git(root, "config", key, value)
        _attribute(root, "diff=jupyternotebook merge=jupyternotebook")

    right = all(_git(root, "config", key) == value for key, value in NBDIME.items()) and _has(
        root, "merge", "jupyternotebook"
    )
    message = "diffs and merges notebooks" if right else "not set up; nbrelease doctor --fix"
    return Finding("nbdime", right, message, mend)


def _has(root: Path, attribute: str, value: str) -> bool:
    return _git(root, "check-attr", attribute, "x.ipynb").endswith(f": {value}")


def _attribute(root: Path, words: str) -> None:
    """Add to ``.git/info/attributes``, which is this checkout's own."""
    path = _git_path(root, "info/attributes")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    line = f"*.ipynb {words}\n"
    if line not in text:
        files.write_text(path, text + ("" if text.endswith("\n") or not text else "\n") + line)


def _git_path(root: Path, name: str) -> Path:
    """A file of git's own; in a worktree it lies with the main one, or where the settings say."""
    return root / _git(root, "rev-parse", "--git-path", name)


def _hook(root: Path) -> Finding:
    path = _git_path(root, "hooks/pre-commit")
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    ours = text.startswith(HOOK_HEAD)
    if text == HOOK or (not ours and re.search(r"nbrelease|pre.commit", text.partition("\n")[2])):
        return Finding("git hook", True, "looks at notebooks before a commit")
    if text and not ours:
        mend = "add «nbrelease export --check» to it"
        return Finding("git hook", False, f"{path} is your own; {mend}")

    def write() -> None:
        files.write_text(path, HOOK)
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    what = "another environment's nbrelease" if ours else "no check before a commit"
    return Finding("git hook", False, f"{what}; nbrelease doctor --fix", write)


def _vs_code(path: Path) -> Finding:
    name = "VS Code"
    if not path.is_file():
        present: dict[str, Any] = {}
    else:
        try:
            present = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:  # with comments, which VS Code allows and we would lose
            missing = ", ".join(VS_CODE)
            return Finding(name, False, f"{path.name} has comments; see to {missing} yourself")
    missing_keys = [key for key in VS_CODE if key not in present]
    if not missing_keys:
        return Finding(name, True, "finds the tests, and starts notebooks in their folder")

    def mend() -> None:
        content = {**present, **{key: VS_CODE[key] for key in missing_keys}}
        files.write_text(path, json.dumps(content, indent=2) + "\n")

    return Finding(name, False, f"lacks {', '.join(missing_keys)}; nbrelease doctor --fix", mend)
