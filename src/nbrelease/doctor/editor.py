"""The settings of VS Code that a new project has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbrelease import files, new
from nbrelease.doctor import git_setup
from nbrelease.doctor.check import Check


def check_vs_code(root: Path) -> Check:
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
    if git_setup.git_output(root, "ls-files", "--", new.EDITOR_SETTINGS):
        return Check(
            name, False, f"missing {keys}; add them to {new.EDITOR_SETTINGS}, which is committed"
        )

    def fix() -> None:
        add_editor_settings(path)
        git_setup.exclude(root, new.EDITOR_SETTINGS)

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
