"""What was found out about notebooks that have not changed since.

A file of the user's cache folder, of no value beyond time saved: it holds digests of notebooks and
of the files written from them, and is believed only when all of them still match.
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

SCHEMA = 2


@dataclass
class Entry:
    """One notebook.

    Attributes:
        sha256: of its file.
        module: the module that it is exported to.
        runnable: whether that has a ``main``.
        exports: whether anything of it is exported.
        names: digest of the names of all modules of the project.
        uses: the shared modules that it has copies of, each with the sha256 of its notebook.
        files: what was written, with sha256.
        found: the findings, all of which let it be written.
        untested: public functions that no test uses.
    """

    sha256: str
    module: str
    runnable: bool
    exports: bool
    names: str = ""
    uses: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    found: list[tuple[str, str, str, int, int, str, str]] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)

    def diagnostics(self) -> list[Diagnostic]:
        """The findings."""
        return [
            Diagnostic(RULES[code], path, cell, line, column, message, mend)
            for code, path, cell, line, column, message, mend in self.found
        ]

    def files_match(self) -> bool:
        """Whether what was written is still there, byte for byte."""
        return all(digest(Path(path)) == sha256 for path, sha256 in self.files.items())


class Cache:
    """The entries of a project, by the notebook's path from its folder."""

    def __init__(self, path: Path | None, key: str) -> None:
        """Read what is there; ``key`` is all else that the result depends on."""
        self.path, self.key = path, key
        self.entries: dict[str, Entry] = {}
        self._before = ""
        if path is None:
            return
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            self._before = path.read_text(encoding="utf-8")
            content = json.loads(self._before)
            if content["key"] == self._full_key():
                self.entries = {
                    name: Entry(**values) for name, values in content["entries"].items()
                }

    def _full_key(self) -> str:
        return f"{SCHEMA} {_program()} {self.key}"

    def save(self) -> None:
        """Write it; a cache folder that cannot be written costs time and nothing else."""
        if self.path is None:
            return
        entries = {name: vars(entry) for name, entry in sorted(self.entries.items())}
        text = json.dumps({"key": self._full_key(), "entries": entries})
        if text != self._before:
            with contextlib.suppress(OSError):
                files.write_text(self.path, text)


def plain(found: list[Diagnostic]) -> list[tuple[str, str, str, int, int, str, str]]:
    """Findings as an entry keeps them."""
    return [
        (each.rule.code, each.path, each.cell, each.line, each.column, each.message, each.mend)
        for each in found
    ]


def place(root: Path) -> Path | None:
    """The file for a project; None where the user has no cache folder or wants none."""
    if os.environ.get("NBRELEASE_NO_CACHE"):
        return None
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    home = Path(base) if base else Path.home() / ".cache"
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:24]
    return home / "nbrelease" / f"export-{name}.json"


def digest(path: Path) -> str:
    """The sha256 of a file; empty when it is not there."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _program() -> str:
    """This very code: a change of the export is a change of everything it writes."""
    folder = Path(__file__).parent
    stamps = [
        f"{entry.name}:{entry.stat().st_size}:{entry.stat().st_mtime_ns}"
        for place in (folder, folder / "checks", folder.parent / "notebook")
        for entry in sorted(os.scandir(place), key=lambda each: each.name)
        if entry.name.endswith(".py")
    ]
    return hashlib.sha256("\n".join(stamps).encode()).hexdigest()
