"""Move keys of an older settings.ini to the section of the training notebook's parameters.

Until ``[train]`` existed, some parameters of the training notebook were keys of their own.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

from nbrelease import files
from nbrelease.errors import NbreleaseError
from nbrelease.notebook import read
from nbrelease.project_root import SETTINGS_FILE
from nbrelease.settings.file import Settings
from nbrelease.settings.keys import Environment

SECTION = re.compile(r"^\[([^]]+)]\s*$")
KEY = re.compile(r"^([A-Za-z_]\w*)\s*[=:]")
SCORING = "scoring_notebook"
COMMENT = "# parameters of notebooks/train.ipynb; [train:prod] overrides them in prod"


def move_parameters(root: Path) -> list[str]:
    """Move unknown keys that are parameters of the training notebook to ``[train]``.

    Those of an environment move to ``[train:ENVIRONMENT]``. Comments stay where they are.

    Returns:
        What was moved, a line for each section.
    """
    path = root / SETTINGS_FILE
    names = _parameter_names(root)
    lines = path.read_text(encoding="utf-8").splitlines()
    remaining: list[str] = []
    moved: dict[str, list[str]] = {}
    section = ""
    for line in lines:
        if match := SECTION.match(line):
            section = match[1]
        key = KEY.match(line)
        movable = key and not section.startswith(("train", "model:")) and key[1] in names
        if movable and key and key[1] not in Environment.model_fields:
            target = "train" if section == "DEFAULT" else f"train:{section}"
            moved.setdefault(target, []).append(line)
        else:
            remaining.append(line)
    if not moved:
        return []
    first = next(
        (n for n, line in enumerate(remaining) if SECTION.match(line) and line != "[DEFAULT]"),
        len(remaining),
    )
    added = [COMMENT]
    for target in sorted(moved):
        added += [f"[{target}]", *moved[target], ""]
    text = "\n".join([*remaining[:first], *added, *remaining[first:]]) + "\n"
    files.write_text(path, text)
    return [
        f"{', '.join(str(line).partition('=')[0].strip() for line in moved[target])} "
        f"moved to [{target}]"
        for target in sorted(moved)
    ]


def keep_deployments(root: Path, base: Path, current: Path) -> list[str]:
    """Leave ``scoring_notebook`` out of an update if the project's version did not have it.

    With the key, online deployments get a scoring script: only the user decides that.

    Args:
        root: the project.
        base: the project as its version writes it.
        current: the project as the installed version writes it; its settings.ini is changed.

    Returns:
        What was left out, one line.
    """
    line = re.compile(rf"^(?:#.*\n)?{SCORING}\s*=.*\n", re.MULTILINE)
    texts = [
        (folder / SETTINGS_FILE).read_text(encoding="utf-8") for folder in (root, base, current)
    ]
    if line.search(texts[1]) or not line.search(texts[2]):
        return []
    files.write_text(current / SETTINGS_FILE, line.sub("", texts[2], count=1))
    if line.search(texts[0]):
        return []
    return [
        f"{SETTINGS_FILE}: without {SCORING}, online deployments have no scoring script, as "
        f"before; set {SCORING} = score to deploy notebooks/score.ipynb"
    ]


def check(root: Path, *, exported: bool) -> list[str]:
    """The errors of the settings, at most one for each environment and model.

    Args:
        root: the project.
        exported: whether the exported code is up to date. Only then are parameters checked too.
    """
    errors: dict[str, None] = {}
    try:
        settings = Settings(root / SETTINGS_FILE)
        read_settings = settings.check_parameters if exported else settings.environment
        for name, model in product(settings.names, ("", *settings.models)):
            try:
                read_settings(name, model)
            except NbreleaseError as error:
                errors[str(error)] = None
    except NbreleaseError as error:
        errors[str(error)] = None
    return list(errors)


def _parameter_names(root: Path) -> set[str]:
    """The parameters of the training notebook; empty if it has another name or is invalid."""
    try:
        return {each.name for each in read(root / "notebooks" / "train.ipynb").parameters}
    except (NbreleaseError, OSError):
        return set()
