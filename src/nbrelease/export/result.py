"""Result of exporting one notebook: files to write, diagnostics, edits by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nbrelease import files
from nbrelease.export.diagnostic import Diagnostic, Level
from nbrelease.export.manual_edits import ManualEdit
from nbrelease.export.source import Source


@dataclass(frozen=True)
class ExportedFile:
    """A file of the export: its new text, and its text on disk (None if it does not exist)."""

    path: Path
    text: str
    current: str | None

    @property
    def stale(self) -> bool:
        """Whether the file must be written."""
        return self.text != self.current


@dataclass
class Export:
    """The export of one notebook.

    Attributes:
        path: the notebook, relative to the project.
        source: the parsed notebook; None if it cannot be read.
        files: the files to write; empty if there is an error.
        edits: edits by hand; any edit prevents writing.
        diagnostics: problems of the notebook and of its files.
        untested: public functions that no test uses.
        exports: whether a cell is tagged for export.
        shared: shared modules that are copied next to its ``main.py``.
    """

    path: str
    source: Source | None = None
    files: list[ExportedFile] = field(default_factory=list)
    edits: list[ManualEdit] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    exports: bool = False
    shared: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether an error prevents writing."""
        return any(each.rule.level is Level.ERROR for each in self.diagnostics)

    @property
    def stale(self) -> list[ExportedFile]:
        """The files that are out of date."""
        return [file for file in self.files if file.stale]

    def write(self) -> list[ExportedFile]:
        """Write the files that are out of date, each atomically, and return them."""
        stale = self.stale
        for file in stale:
            files.write_text(file.path, file.text)
        return stale
