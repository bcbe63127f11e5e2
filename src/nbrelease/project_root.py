"""The folder of a project: the nearest one with a settings.ini."""

from __future__ import annotations

from pathlib import Path

from nbrelease.errors import SettingsError

SETTINGS_FILE = "settings.ini"


def find_root(start: Path | None = None) -> Path:
    """The nearest folder with a settings.ini: ``start`` or a parent of it.

    Args:
        start: a folder of the project; by default the current folder.

    Raises:
        SettingsError: neither has one.
    """
    folder = (start or Path.cwd()).resolve()
    for root in (folder, *folder.parents):
        if (root / SETTINGS_FILE).is_file():
            return root
    raise SettingsError(
        f"{folder}: no {SETTINGS_FILE} here or in a parent folder; "
        "run nbrelease in the folder of a project"
    )
