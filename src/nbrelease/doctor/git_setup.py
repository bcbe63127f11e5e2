"""How git handles the notebooks of a project: filter, nbdime and the hook of commits.

A fix changes files in ``.git`` only.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from nbrelease import files, git
from nbrelease.doctor.check import Check
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


def check_git(root: Path) -> Iterator[Check]:
    """Check how git handles the notebooks of a project."""
    if not git_output(root, "rev-parse", "--git-dir"):
        yield Check("git", False, "not a git repository; run git init, or clone the project")
        return
    yield _check_filter(root)
    yield _check_nbdime(root)
    yield _check_hook(root)


def set_up_filter(root: Path) -> bool:
    """Set up the git filter that strips run outputs; return whether there is a repository."""
    if not git_output(root, "rev-parse", "--git-dir"):
        return False
    check = _check_filter(root)
    if check.fix is not None and not check.passed:
        check.fix()
    return True


def git_output(root: Path, *words: str) -> str:
    """The output of git; empty if it fails."""
    done = git.run(root, *words)
    return done.stdout.strip() if done.returncode == 0 else ""


def _check_filter(root: Path) -> Check:
    def fix() -> None:
        git_output(root, "config", "filter.nbrelease.clean", FILTER)
        git_output(root, "config", "filter.nbrelease.smudge", "cat")
        # Notebooks among the tests are inputs that have to stay as they are.
        _set_attributes(
            root, ("*.ipynb", "filter=nbrelease"), ("tests/**/*.ipynb", "-filter"), replace=True
        )

    configured = git_output(root, "config", "filter.nbrelease.clean")
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
            git_output(root, "config", key, value)
        _set_attributes(root, ("*.ipynb", NBDIME_ATTRIBUTES))

    passed = (
        all(_starts(git_output(root, "config", key), value) for key, value in NBDIME.items())
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
    return git_output(root, "check-attr", attribute, "x.ipynb").endswith(f": {value}")


def _has_other_folders(root: Path, words: str) -> bool:
    """Whether attributes of a project in a subfolder apply to the whole repository."""
    path = _git_path(root, "info/attributes")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return f"*.ipynb {words}" in text.splitlines() and _is_only_project(root)


def _is_only_project(root: Path) -> bool:
    """Whether the project is a subfolder, and the top of the repository is not a project."""
    top = git_output(root, "rev-parse", "--show-toplevel")
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


def exclude(root: Path, path: str) -> None:
    """Let git ignore a file of a project that is not committed; nothing without a repository."""
    if not git_output(root, "rev-parse", "--git-dir"):
        return
    file, line = _git_path(root, "info/exclude"), f"/{_escape(git.prefix(root))}{path}\n"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if line not in text:
        files.write_text(file, text + ("" if text.endswith("\n") or not text else "\n") + line)


def _git_path(root: Path, name: str) -> Path:
    """The path of a file in git's folder; worktrees share that of the main checkout."""
    return root / git_output(root, "rev-parse", "--git-path", name)


def _check_hook(root: Path) -> Check:
    path = _git_path(root, "hooks/pre-commit")
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    ours, line = text.startswith(HOOK_HEAD), _hook_line(git.prefix(root))
    lines = text.removeprefix(HOOK_HEAD).splitlines(keepends=True)
    if any(_starts(each, line) for each in lines) or (not ours and CHECKS_COMMITS.search(text)):
        return Check("git hook", True, "checks notebooks before a commit")
    if git_output(
        root, "config", "core.hooksPath"
    ):  # a committed folder, or one that a tool writes
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
