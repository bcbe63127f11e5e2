"""What a compute instance or a laptop needs for this project, and how to get it.

Each check looks at one thing and knows its mend. A mend touches the machine's own set-up (the
kernel, ``.git``, ``.vscode``) and never a file that is committed.
"""

from __future__ import annotations

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

FILTER = "nbrelease clean -"
HOOK = """#!/bin/sh
# Set up by nbrelease doctor --fix: what is committed is what the notebooks give.
exec nbrelease export --check
"""
NBDIME = {
    "diff.jupyternotebook.command": "git-nbdiffdriver diff",
    "merge.jupyternotebook.driver": "git-nbmergedriver merge %O %A %B %L %P",
    "merge.jupyternotebook.name": "jupyter notebook merge driver",
}
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
    git = _git_folder(root)
    if git is None:
        yield Finding("git", False, "no repository here; git init, or clone the project")
    else:
        yield _filter(root, git)
        yield _nbdime(root, git)
        yield _hook(root, git)
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
    """What runs here is what ``conda/*.yml`` pins, as far as it pins."""
    for file in sorted(folder.glob("*.yml")):
        wrong = []
        for name, version in _pins(file):
            try:
                here = metadata.version(name)
            except metadata.PackageNotFoundError:
                here = "not installed"
            if here != version:
                wrong.append(f"{name}=={version} (here: {here})")
        shown = f"conda/{file.name}"
        if wrong:
            mend = f"pip install {' '.join(each.partition(' ')[0] for each in wrong)}"
            yield Finding(shown, False, f"differs: {', '.join(wrong)}; {mend}")
        else:
            yield Finding(shown, True, "is what is installed here")


def _pins(file: Path) -> list[tuple[str, str]]:
    from ruamel.yaml import YAML

    content = YAML(typ="safe").load(file.read_text(encoding="utf-8")) or {}
    found = []
    for item in content.get("dependencies", []):
        for line in item.get("pip", []) if isinstance(item, dict) else []:
            match = re.match(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^\s;]+)$", str(line))
            if match:
                found.append((match[1], match[2]))
    return found


def _git_folder(root: Path) -> Path | None:
    found = _git(root, "rev-parse", "--absolute-git-dir")
    return Path(found) if found else None


def _git(root: Path, *words: str) -> str:
    """The answer of git; empty when it has none. Tools that git itself starts set GIT_DIR."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_DIR")}
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=False, env=clean
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _filter(root: Path, git: Path) -> Finding:
    def mend() -> None:
        _git(root, "config", "filter.nbrelease.clean", FILTER)
        _git(root, "config", "filter.nbrelease.smudge", "cat")
        _attribute(git, "filter=nbrelease")

    right = _git(root, "config", "filter.nbrelease.clean") == FILTER and _has(
        root, "filter", "nbrelease"
    )
    message = "cleans notebooks" if right else "commits outputs too; nbrelease doctor --fix"
    return Finding("git filter", right, message, mend)


def _nbdime(root: Path, git: Path) -> Finding:
    if shutil.which("git-nbdiffdriver") is None:
        return Finding("nbdime", False, "not installed; pip install nbdime, then doctor --fix")

    def mend() -> None:
        for key, value in NBDIME.items():
            _git(root, "config", key, value)
        _attribute(git, "diff=jupyternotebook merge=jupyternotebook")

    right = all(_git(root, "config", key) == value for key, value in NBDIME.items()) and _has(
        root, "merge", "jupyternotebook"
    )
    message = "diffs and merges notebooks" if right else "not set up; nbrelease doctor --fix"
    return Finding("nbdime", right, message, mend)


def _has(root: Path, attribute: str, value: str) -> bool:
    return _git(root, "check-attr", attribute, "x.ipynb").endswith(f": {value}")


def _attribute(git: Path, words: str) -> None:
    """Add to ``.git/info/attributes``, which is this checkout's own."""
    path = git / "info" / "attributes"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    line = f"*.ipynb {words}\n"
    if line not in text:
        files.write_text(path, text + ("" if text.endswith("\n") or not text else "\n") + line)


def _hook(root: Path, git: Path) -> Finding:
    folder = _git(root, "rev-parse", "--git-path", "hooks")
    path = (root / folder if folder else git / "hooks") / "pre-commit"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if "nbrelease" in text or "pre-commit" in text.partition("\n")[2]:
        return Finding("git hook", True, "looks at notebooks before a commit")
    if text:
        mend = "add «nbrelease export --check» to it"
        return Finding("git hook", False, f"{path} is your own; {mend}")

    def write() -> None:
        files.write_text(path, HOOK)
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    return Finding("git hook", False, "no check before a commit; nbrelease doctor --fix", write)


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
