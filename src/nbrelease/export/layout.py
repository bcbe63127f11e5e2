"""Where a project keeps its notebooks and what is written from them.

These few keys of settings.ini are read here and not by ``nbrelease.settings``: they are the same in
every environment, and an export, which runs on every save and every commit, has to start in a
fraction of the time that validating all the others takes.
"""

from __future__ import annotations

import configparser
import tomllib
from dataclasses import dataclass
from pathlib import Path

from nbrelease.errors import SettingsError
from nbrelease.export.cache import Cache, place
from nbrelease.export.result import DEFAULT_WIDTH, Layout

FILE = "settings.ini"
DEFAULTS = {"notebooks": "notebooks", "exported": "exported", "exported_tests": "tests/exported"}


@dataclass(frozen=True)
class Choices:
    """The layout, and whether untested functions are a failure."""

    layout: Layout
    untested_fails: bool


def load(start: Path | None = None) -> Choices:
    """The layout of the project that ``start`` (the current folder by default) lies in.

    Raises:
        SettingsError: there is no settings.ini here or above, or it cannot be read.
    """
    folder = (start or Path.cwd()).resolve()
    for root in (folder, *folder.parents):
        if (root / FILE).is_file():
            break
    else:
        raise SettingsError(f"no {FILE} in {folder} or above; run nbrelease in a project's folder")
    parser = configparser.ConfigParser()
    try:
        with (root / FILE).open(encoding="utf-8") as file:
            parser.read_file(file, source=FILE)
        section = parser[parser.default_section]
        where = {key: root / section.get(key, value) for key, value in DEFAULTS.items()}
        untested = section.get("export_untested", "list")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise SettingsError(f"{FILE}: {' '.join(str(error).split())}") from None
    if untested not in ("list", "fail"):
        raise SettingsError(f"{FILE}:[DEFAULT] export_untested = {untested}: wants list or fail")
    layout = Layout(
        root, where["notebooks"], where["exported"], where["exported_tests"], _width(root)
    )
    return Choices(layout, untested == "fail")


def cache_of(layout: Layout) -> Cache:
    """What is known of the project's notebooks from last time."""
    folders = (layout.notebooks, layout.exported, layout.tests)
    return Cache(place(layout.root), " ".join([*map(str, folders), str(layout.width)]))


def _width(root: Path) -> int:
    """The line length that ruff holds the project to; its own default without one."""
    try:
        tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
        width = tools["ruff"]["line-length"]
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_WIDTH
    return width if isinstance(width, int) and 40 <= width <= 320 else DEFAULT_WIDTH
