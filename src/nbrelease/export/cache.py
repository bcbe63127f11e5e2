"""Cache of export results for notebooks that have not changed.

The cache is a file in the user's cache folder and only saves time. An entry is used only while the
digests of the notebook, of its shared modules and of all its exported files still match.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from nbrelease import files
from nbrelease.export.diagnostic import RULES, Diagnostic
from nbrelease.export.layout import Layout

SCHEMA = 3
_Fields = tuple[str, str, str, int, int, str, str]


@dataclass
class CacheEntry:
    """The cached result of one notebook.

    Attributes:
        sha256: digest of the notebook.
        module: name of its module.
        runnable: whether the module has a ``main()``.
        exports: whether a cell is tagged for export.
        module_names: digest of the names of all modules of the project.
        shared: shared modules that it uses, each with the sha256 of its notebook.
        files: exported files, each with its sha256.
        diagnostics: the fields of its diagnostics; none is an error.
        untested: public functions that no test uses.
    """

    sha256: str
    module: str
    runnable: bool
    exports: bool
    module_names: str = ""
    shared: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    diagnostics: list[_Fields] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)

    def load_diagnostics(self) -> list[Diagnostic]:
        """Return its diagnostics as objects."""
        return [
            Diagnostic(RULES[code], path, cell, line, column, message, fix)
            for code, path, cell, line, column, message, fix in self.diagnostics
        ]

    def store_diagnostics(self, diagnostics: list[Diagnostic]) -> None:
        """Replace its diagnostics."""
        self.diagnostics = [
            (each.rule.code, each.path, each.cell, each.line, each.column, each.message, each.fix)
            for each in diagnostics
        ]

    def files_match(self) -> bool:
        """Whether all exported files are unchanged."""
        return all(_digest(Path(path)) == sha256 for path, sha256 in self.files.items())


class Cache:
    """The cached results of a project, by the path of the notebook."""

    def __init__(self, path: Path | None = None, key: str = "") -> None:
        """Load the cache.

        Args:
            path: the cache file; None for a cache in memory.
            key: everything else that results depend on.
        """
        self.path, self.key = path, key
        self.entries: dict[str, CacheEntry] = {}
        self._saved_text = ""
        if path is None:
            return
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            self._saved_text = path.read_text(encoding="utf-8")
            content = json.loads(self._saved_text)
            if content["key"] == self._full_key():
                self.entries = {
                    name: CacheEntry(**values) for name, values in content["entries"].items()
                }

    @classmethod
    def for_project(cls, layout: Layout) -> Cache:
        """Load the cache of a project."""
        folders = (layout.notebooks, layout.exported, layout.tests)
        key = [*map(str, folders), str(layout.width), *sorted(layout.own_modules())]
        return cls(_cache_path(layout.root), " ".join(key))

    def _full_key(self) -> str:
        return f"{SCHEMA} {_program_digest()} {self.key}"

    def save(self) -> None:
        """Write the cache file. A cache folder that is not writable only costs time."""
        if self.path is None:
            return
        entries = {name: vars(entry) for name, entry in sorted(self.entries.items())}
        text = json.dumps({"key": self._full_key(), "entries": entries})
        if text != self._saved_text:
            with contextlib.suppress(OSError):
                files.write_text(self.path, text)


def _cache_path(root: Path) -> Path | None:
    """The cache file of a project; None if ``NBRELEASE_NO_CACHE`` is set."""
    if os.environ.get("NBRELEASE_NO_CACHE"):
        return None
    import platformdirs

    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:24]
    return platformdirs.user_cache_path("nbrelease", appauthor=False) / f"export-{name}.json"


def _digest(path: Path) -> str:
    """The sha256 of a file; empty if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _program_digest() -> str:
    """Digest of the source files of the export: another version may render other files."""
    folder = Path(__file__).parent
    stamps = [
        f"{entry.name}:{entry.stat().st_size}:{entry.stat().st_mtime_ns}"
        for package in (folder, folder / "checks", folder.parent / "notebook")
        for entry in sorted(os.scandir(package), key=lambda each: each.name)
        if entry.name.endswith(".py")
    ]
    return hashlib.sha256("\n".join(stamps).encode()).hexdigest()
