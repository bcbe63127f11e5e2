"""What an export is about and what it gives: folders, files, findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nbrelease import files
from nbrelease.export.diagnostic import Diagnostic, Level
from nbrelease.export.edits import Edit
from nbrelease.export.source import Source

DEFAULT_WIDTH = 88


@dataclass(frozen=True)
class Layout:
    """Where things are.

    Attributes:
        root: the project's folder.
        notebooks: the folder of the notebooks.
        exported: the folder of the modules, one folder a notebook.
        tests: the folder of the written tests.
        width: the longest line of written code.
    """

    root: Path
    notebooks: Path
    exported: Path
    tests: Path
    width: int = DEFAULT_WIDTH

    def shown(self, path: Path) -> str:
        """A path from the project's folder, with forward slashes."""
        path = path.resolve()
        root = self.root.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


@dataclass(frozen=True)
class File:
    """A written file: its new text and what is there now (None: nothing)."""

    path: Path
    text: str
    there: str | None

    @property
    def stale(self) -> bool:
        """Whether it has to be written."""
        return self.text != self.there


@dataclass
class Export:
    """What one notebook gives.

    Attributes:
        path: the notebook, from the project's folder.
        source: the notebook, read; None when it cannot be.
        files: what is to be written; empty when there is an error.
        edits: edits by hand, which keep everything from being written.
        found: the findings.
        untested: public functions that no test uses.
        exports: whether anything of it is exported.
        uses: the modules of other notebooks that lie beside it.
    """

    path: str
    source: Source | None = None
    files: list[File] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    exports: bool = False
    uses: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether an error keeps it from being written."""
        return any(each.rule.level is Level.ERROR for each in self.found)

    @property
    def stale(self) -> list[File]:
        """The files that are not what the notebook gives."""
        return [file for file in self.files if file.stale]

    def write(self) -> list[File]:
        """Bring the files up to date, beside and renamed; returns those that were not."""
        written = self.stale
        for file in written:
            files.write_text(file.path, file.text)
        return written
