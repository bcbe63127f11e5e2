"""Folders of a project that the export reads and writes.

These few keys of settings.ini are read here and not by ``nbrelease.settings``: they are the same in
every environment, and an export runs on every save and every commit. Loading and validating all
settings with pydantic takes longer than a whole export without changes.
"""

from __future__ import annotations

import configparser
import contextlib
import keyword
import os
import sys
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from nbrelease.errors import SettingsError
from nbrelease.project_root import SETTINGS_FILE, find_root

DEFAULTS = {"notebooks": "notebooks", "exported": "exported", "exported_tests": "tests/exported"}
DEFAULT_WIDTH = 88
"""ruff's default ``line-length``."""


@dataclass(frozen=True)
class Layout:
    """The folders.

    Attributes:
        root: the project's folder.
        notebooks: notebooks.
        exported: exported modules, one folder per notebook.
        tests: exported tests.
        width: maximum line length of generated code.
    """

    root: Path
    notebooks: Path
    exported: Path
    tests: Path
    width: int = DEFAULT_WIDTH

    @property
    def sources(self) -> tuple[Path, Path]:
        """The folders with the project's own packages, as ruff and isort assume by default."""
        return self.root, self.root / "src"

    def own_modules(self) -> frozenset[str]:
        """The names of the project's own modules and packages, whose imports are sorted last."""
        names: set[str] = set()
        for folder in self.sources:
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                names |= {
                    each.name.removesuffix(".py")
                    for each in entries
                    if each.name.endswith(".py") or each.is_dir()
                }
        return frozenset(filter(str.isidentifier, names))

    def relative(self, path: Path) -> str:
        """A path relative to the project's folder, with forward slashes."""
        return _relative(path, self.root)


def default_layout(root: Path) -> Layout:
    """The layout of a folder without settings."""
    notebooks, exported, tests = (root / folder for folder in DEFAULTS.values())
    return Layout(root, notebooks, exported, tests)


@lru_cache(16)
def _resolve(root: Path) -> Path:
    return root.resolve()


@lru_cache(4096)  # an export asks for each path several times
def _relative(path: Path, root: Path) -> str:
    path, root = path.resolve(), _resolve(root)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


@dataclass(frozen=True)
class ExportSettings:
    """The folders, and whether ``--check`` fails on functions without a test."""

    layout: Layout
    fail_on_untested: bool


def load(start: Path | None = None) -> ExportSettings:
    """Read the export settings of the project that contains ``start``.

    Args:
        start: a folder of the project; by default the current folder.

    Raises:
        SettingsError: no parent folder has a settings.ini, or the file is invalid.
    """
    root = find_root(start)
    parser = configparser.ConfigParser()
    try:
        with (root / SETTINGS_FILE).open(encoding="utf-8-sig") as file:
            parser.read_file(file, source=SETTINGS_FILE)
        section = parser[parser.default_section]
        folders = {key: root / section.get(key, value) for key, value in DEFAULTS.items()}
        untested = section.get("export_untested", "list")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise SettingsError(f"{SETTINGS_FILE}: {' '.join(str(error).split())}") from None
    if untested not in ("list", "fail"):
        raise SettingsError(
            f"{SETTINGS_FILE} [DEFAULT] export_untested: must be list or fail (got {untested})"
        )
    layout = Layout(
        root, folders["notebooks"], folders["exported"], folders["exported_tests"], _width(root)
    )
    _check_importable(layout)
    return ExportSettings(layout, untested == "fail")


def _check_importable(layout: Layout) -> None:
    """Check that tests can import the exported modules: ``from exported.train.main import ...``.

    Raises:
        SettingsError: a folder of the path has no name of a module, or one of the standard library.
    """
    folder = layout.relative(layout.exported)
    for part in PurePosixPath(folder).parts:
        if not part.isidentifier() or keyword.iskeyword(part):
            raise SettingsError(
                f"{SETTINGS_FILE} [DEFAULT] exported: must be a folder of the project that Python "
                f"can import, of letters, digits and _ (got {folder})"
            )
    top = PurePosixPath(folder).parts[:1]
    if top and top[0] in sys.stdlib_module_names:
        raise SettingsError(
            f"{SETTINGS_FILE} [DEFAULT] exported: {top[0]} is a module of the standard library, "
            "which Python imports instead; use another name"
        )


def _width(root: Path) -> int:
    """Ruff's ``line-length`` of the project."""
    try:
        tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
        width = tools["ruff"]["line-length"]
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_WIDTH
    return width if isinstance(width, int) and 40 <= width <= 320 else DEFAULT_WIDTH
