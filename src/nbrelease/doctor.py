"""Checks of the development environment, on a laptop or a compute instance.

Each check has a fix where one is possible. A fix changes the local set-up (kernels, packages,
``.git``, ``.vscode``) and never a committed file.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from nbrelease import files, git, new
from nbrelease.export.diagnostic import Level
from nbrelease.export.layout import Layout
from nbrelease.notebook import read
from nbrelease.packages import SERVER_PACKAGES, read_environment_file
from nbrelease.packages import check as check_packages
from nbrelease.project_root import SETTINGS_FILE

# VS Code and JupyterLab start git without the environment's PATH, so name the interpreter.
# Worktrees share git's configuration and hooks: the environment in a worktree comes first.
PYTHON = (
    '"$(test -x .venv/bin/nbrelease && echo .venv/bin/python'
    f' || echo {shlex.quote(Path(sys.executable).as_posix())})"'
)
FILTER = f"{PYTHON} -m nbrelease clean -"
HOOK_HEAD = """#!/bin/sh
# Set up by nbrelease doctor --fix: checks that exported files match the notebooks.
"""
CHECK = "nbrelease export --check --staged"
# A line of a hook that starts a check; a comment does not.
CHECKS_COMMITS = re.compile(r"^[^#\n]*\b(?:nbrelease|pre-commit|m?pre_commit)\b", re.MULTILINE)
NBDIME = {
    "diff.jupyternotebook.command": f"{PYTHON} -m nbdime.vcs.git.diffdriver diff",
    "merge.jupyternotebook.driver": (
        f"{PYTHON} -m nbdime.vcs.git.mergedriver merge %O %A %B %L %P"
    ),
    "merge.jupyternotebook.name": "jupyter notebook merge driver",
}
NBDIME_ATTRIBUTES = "diff=jupyternotebook merge=jupyternotebook"
INTERPRETER = re.compile(r"(?<=\|\| echo )(.+?)(?=\)\")")
"""The interpreter in the texts above."""
SUPPORTED = ("3.11.", "3.12.", "3.13.", "3.14.")
"""The versions of Python with which the same packages are tested."""
MAX_NAMES = 4
"""The number of different packages that a message names."""


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: what was checked.
        passed: whether it is set up correctly.
        message: its state, or what is missing and how to fix it.
        fix: fixes it; None where the user has to.
    """

    name: str
    passed: bool
    message: str
    fix: Callable[[], None] | None = None


def run_checks(layout: Layout, notebooks: list[Path]) -> Iterator[Check]:
    """Run all checks in order."""
    root = layout.root
    yield from _check_kernels(notebooks)
    yield from _check_packages(root / "conda")
    differences = [
        f"{each.path}: {each.message}; {each.fix}"
        for each in check_packages(layout)
        if each.rule.level is Level.ERROR
    ]
    message = "; ".join(differences) or "job, model and requirements.txt have the same packages"
    yield Check("package lists", not differences, message)
    yield from check_git(root)
    yield _check_vs_code(root)


def check_git(root: Path) -> Iterator[Check]:
    """Check how git handles the notebooks of a project."""
    if not _git(root, "rev-parse", "--git-dir"):
        yield Check("git", False, "not a git repository; run git init, or clone the project")
        return
    yield _check_filter(root)
    yield _check_nbdime(root)
    yield _check_hook(root)


def set_up_filter(root: Path) -> bool:
    """Set up the git filter that strips run outputs; return whether there is a repository."""
    if not _git(root, "rev-parse", "--git-dir"):
        return False
    check = _check_filter(root)
    if check.fix is not None and not check.passed:
        check.fix()
    return True


def _check_kernels(notebooks: list[Path]) -> Iterator[Check]:
    """Check that each kernel that a notebook names is installed and its program exists."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    for name in sorted({_kernel_name(path) for path in notebooks} or {"python3"}):
        try:
            spec = manager.get_kernel_spec(name)
        except NoSuchKernel:
            command = f"{sys.executable} -m ipykernel install --sys-prefix --name {name}"
            yield Check(
                f"kernel {name}",
                False,
                f"not installed; run: {command}",
                lambda name=name: _install_kernel(name),  # type: ignore[misc]
            )
            continue
        # In Jupyter's default kernel spec "python" is the interpreter that runs Jupyter.
        is_default = re.fullmatch(r"python[\d.]*", spec.argv[0])
        program = sys.executable if is_default else shutil.which(spec.argv[0])
        message = (
            f"starts {program}"
            if program
            else f"{spec.argv[0]} does not exist; install the kernel again"
        )
        fix = None if program else (lambda name=name: _install_kernel(name))
        yield Check(f"kernel {name}", program is not None, message, fix)


def _kernel_name(path: Path) -> str:
    read(path)  # raises for a file that is not a notebook
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    spec = content.get("metadata", {}).get("kernelspec", {})
    return str(spec.get("name") or "python3") if isinstance(spec, dict) else "python3"


def _install_kernel(name: str) -> None:
    command = [sys.executable, "-m", "ipykernel", "install", "--sys-prefix", "--name", name]
    subprocess.run(command, check=True, capture_output=True)


def _check_packages(folder: Path) -> Iterator[Check]:
    """Check the installed packages against the pins of ``conda/*.yml``."""
    for file in sorted(folder.glob("*.yml")):
        relative = f"conda/{file.name}"
        try:
            environment = read_environment_file(file)
        except (OSError, ValueError) as error:
            yield Check(relative, False, f"cannot be read: {' '.join(str(error).split())}")
            continue
        running = ".".join(map(str, sys.version_info[:3]))
        python = environment.python
        differs = bool(python) and not f"{running}.".startswith(f"{python}.")
        if differs and not f"{python}.".startswith(SUPPORTED):
            message = (
                f"needs Python {python} (installed: {running}); run: conda env create -f {relative}"
            )
            yield Check(relative, False, message)
            continue
        wrong = {
            name: version
            for name, version in environment.pins.items()
            if name not in SERVER_PACKAGES and _installed_version(name) != version
        }
        if not wrong:
            note = f"; it names Python {python}, and this is {running}" if differs else ""
            yield Check(relative, True, f"matches the installed packages{note}")
            continue
        examples = [
            f"{name}=={wrong[name]} (installed: {_installed_version(name)})"
            for name in list(wrong)[:MAX_NAMES]
        ]
        more = f" and {len(wrong) - MAX_NAMES} more" if len(wrong) > MAX_NAMES else ""
        yield Check(
            relative,
            False,
            f"different versions: {', '.join(examples)}{more}; run: nbrelease doctor --fix",
            lambda wrong=wrong: _install(wrong),  # type: ignore[misc]
        )


def _installed_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def _install(pins: dict[str, str]) -> None:
    requirements = [f"{name}=={version}" for name, version in pins.items()]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *requirements]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip failed without a message"]
        raise OSError(lines[-1])


def _git(root: Path, *words: str) -> str:
    """The output of git; empty if it fails."""
    done = git.run(root, *words)
    return done.stdout.strip() if done.returncode == 0 else ""


def _check_filter(root: Path) -> Check:
    def fix() -> None:
        _git(root, "config", "filter.nbrelease.clean", FILTER)
        _git(root, "config", "filter.nbrelease.smudge", "cat")
        # Notebooks among the tests are inputs that have to stay as they are.
        _set_attributes(
            root, ("*.ipynb", "filter=nbrelease"), ("tests/**/*.ipynb", "-filter"), replace=True
        )

    configured = _git(root, "config", "filter.nbrelease.clean")
    if _has_other_folders(root, "filter=nbrelease"):
        message = "strips the notebooks of other folders too; run: nbrelease doctor --fix"
        return Check("git filter", False, message, fix)
    passed = _starts(configured, FILTER) and _has_attribute(root, "filter", "nbrelease")
    message = (
        "strips outputs from notebooks"
        if passed
        else "not set up: outputs would be committed; run: nbrelease doctor --fix"
    )
    return Check("git filter", passed, message, fix)


def _check_nbdime(root: Path) -> Check:
    if importlib.util.find_spec("nbdime") is None:
        return Check("nbdime", False, f"not installed; run: {sys.executable} -m pip install nbdime")

    def fix() -> None:
        for key, value in NBDIME.items():
            _git(root, "config", key, value)
        _set_attributes(root, ("*.ipynb", NBDIME_ATTRIBUTES))

    passed = (
        all(_starts(_git(root, "config", key), value) for key, value in NBDIME.items())
        and _has_attribute(root, "merge", "jupyternotebook")
        and not _has_other_folders(root, NBDIME_ATTRIBUTES)
    )
    message = "diffs and merges notebooks" if passed else "not set up; run: nbrelease doctor --fix"
    return Check("nbdime", passed, message, fix)


def _starts(text: str, expected: str) -> bool:
    """Whether a text is the expected one, maybe with another interpreter that exists."""
    match = INTERPRETER.search(text)
    if match is None or not os.access(shlex.split(match[0])[0], os.X_OK):
        return text == expected
    interpreter = shlex.quote(Path(sys.executable).as_posix())
    return INTERPRETER.sub(lambda _: interpreter, text) == expected


def _has_attribute(root: Path, attribute: str, value: str) -> bool:
    return _git(root, "check-attr", attribute, "x.ipynb").endswith(f": {value}")


def _has_other_folders(root: Path, words: str) -> bool:
    """Whether attributes of a project in a subfolder apply to the whole repository."""
    path = _git_path(root, "info/attributes")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return f"*.ipynb {words}" in text.splitlines() and _is_only_project(root)


def _is_only_project(root: Path) -> bool:
    """Whether the project is a subfolder, and the top of the repository is not a project."""
    top = _git(root, "rev-parse", "--show-toplevel")
    return bool(git.prefix(root)) and not (Path(top) / SETTINGS_FILE).is_file()


def _set_attributes(root: Path, *pairs: tuple[str, str], replace: bool = False) -> None:
    """Set attributes in ``.git/info/attributes``, which is not committed.

    Args:
        root: the project.
        pairs: patterns of the project's files, and their attributes.
        replace: write existing lines again, in this order: of two that match, the last one counts.
    """
    path = _git_path(root, "info/attributes")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    prefix = git.prefix(root)
    if _is_only_project(root):
        lines = [line for line in lines if line not in {f"*.ipynb {words}" for _, words in pairs}]
    for pattern, words in pairs:
        line = f"{_quote_pattern(prefix, pattern)} {words}"
        if replace and line in lines:
            lines.remove(line)
        if line not in lines:
            lines.append(line)
    files.write_text(path, "".join(f"{line}\n" for line in lines))


def _quote_pattern(prefix: str, pattern: str) -> str:
    """A pattern for a folder of the repository, as git reads it in a file of attributes."""
    if not prefix and "/" not in pattern:
        return pattern
    inner = pattern if "/" in pattern else f"**/{pattern}"
    text = f"/{_escape(prefix)}{inner}"
    if not re.search(r"[\s\"\\]", text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text).replace("\t", "\\t") + '"'


def _escape(prefix: str) -> str:
    """A folder's name in which no character is a wildcard of git."""
    return re.sub(r"([\\*?\[])", r"\\\1", prefix)


def _add_line(path: Path, line: str) -> None:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if line not in text:
        files.write_text(path, text + ("" if text.endswith("\n") or not text else "\n") + line)


def _git_path(root: Path, name: str) -> Path:
    """The path of a file in git's folder; worktrees share that of the main checkout."""
    return root / _git(root, "rev-parse", "--git-path", name)


def _check_hook(root: Path) -> Check:
    path = _git_path(root, "hooks/pre-commit")
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    ours, line = text.startswith(HOOK_HEAD), _hook_line(git.prefix(root))
    lines = text.removeprefix(HOOK_HEAD).splitlines(keepends=True)
    if any(_starts(each, line) for each in lines) or (not ours and CHECKS_COMMITS.search(text)):
        return Check("git hook", True, "checks notebooks before a commit")
    if _git(root, "config", "core.hooksPath"):  # a committed folder, or one that a tool writes
        message = f"core.hooksPath is set; add this line to the hook {path}: {CHECK}"
        return Check("git hook", False, message)
    if text and not ours:
        message = f"{path}: not written by nbrelease; add this line: {CHECK}"
        return Check("git hook", False, message)

    def write() -> None:
        start = line.partition(PYTHON)[0]
        # Other projects of the repository have lines of their own.
        others = [each for each in lines if each.startswith("test ! -f") and start not in each]
        files.write_text(path, HOOK_HEAD + "".join([*others, line]))
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    state = "belongs to another environment or version" if ours else "not set up"
    return Check("git hook", False, f"{state}; run: nbrelease doctor --fix", write)


def _hook_line(prefix: str) -> str:
    """The line of the hook for the project in a folder of the repository.

    git runs the hook at the top of the checkout. Other branches may not have the project.
    """
    folder = shlex.quote(f"./{prefix}")
    return (
        f"test ! -f {folder}{SETTINGS_FILE} || (cd {folder} && exec {PYTHON} -m {CHECK}) || exit\n"
    )


def _check_vs_code(root: Path) -> Check:
    """Check the settings that a new project has. A committed file is not changed."""
    name, path = "VS Code", root / new.EDITOR_SETTINGS
    try:
        missing = missing_editor_settings(path)
    except ValueError:  # VS Code allows comments, which a rewrite would lose
        keys = ", ".join(new.editor_settings())
        return Check(name, False, f"{path.name} has comments; add {keys} by hand")
    if not missing:
        return Check(name, True, "finds the tests and runs notebooks in their folder")
    keys = ", ".join(missing)
    if _git(root, "ls-files", "--", new.EDITOR_SETTINGS):
        return Check(
            name, False, f"missing {keys}; add them to {new.EDITOR_SETTINGS}, which is committed"
        )

    def fix() -> None:
        add_editor_settings(path)
        if _git(root, "rev-parse", "--git-dir"):
            prefix = _escape(git.prefix(root))
            _add_line(_git_path(root, "info/exclude"), f"/{prefix}{new.EDITOR_SETTINGS}\n")

    return Check(name, False, f"missing {keys}; run: nbrelease doctor --fix", fix)


def missing_editor_settings(path: Path) -> dict[str, Any]:
    """The settings of a new project that a settings file of VS Code lacks.

    Raises:
        ValueError: the file has comments, or is not a JSON object.
    """
    present = _read_editor_settings(path)
    return {key: value for key, value in new.editor_settings().items() if key not in present}


def add_editor_settings(path: Path) -> None:
    """Add the settings that a settings file of VS Code lacks; others stay as they are.

    Raises:
        ValueError: the file has comments, or is not a JSON object.
    """
    content = _read_editor_settings(path)
    for key, value in new.editor_settings().items():
        content.setdefault(key, value)
    files.write_text(path, json.dumps(content, indent=2) + "\n")


def _read_editor_settings(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - the callers handle bad content
    return content
