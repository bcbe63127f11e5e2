"""Result of exporting one notebook: files to write, diagnostics, edits by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nbrelease import files
from nbrelease.errors import UsageError
from nbrelease.export.diagnostic import Diagnostic, Level
from nbrelease.export.manual_edits import ManualEdit
from nbrelease.export.source import Source
from nbrelease.notebook import json_text


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


@dataclass(frozen=True)
class NotebookChange:
    """The content of a notebook's file before and after a change."""

    path: Path
    before: bytes
    after: bytes

    def undo(self) -> None:
        """Write the content from before the change.

        Raises:
            UsageError: an editor has saved the notebook since.
        """
        if self.path.read_bytes() != self.after:
            raise UsageError(f"{self.path}: changed meanwhile; run the command again")
        files.write_bytes(self.path, self.before)


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
        sha256: the digest of the notebook that was read.
    """

    path: str
    source: Source | None = None
    files: list[ExportedFile] = field(default_factory=list)
    edits: list[ManualEdit] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    exports: bool = False
    shared: list[str] = field(default_factory=list)
    sha256: str = ""

    @property
    def failed(self) -> bool:
        """Whether an error prevents writing."""
        return any(each.rule.level is Level.ERROR for each in self.diagnostics)

    @property
    def stale(self) -> list[ExportedFile]:
        """The files that are out of date."""
        return [file for file in self.files if file.stale]

    def replace_sources(self, root: Path, sources: Mapping[int, str]) -> NotebookChange:
        """Replace the sources of cells in the notebook's file, and drop the outputs of these cells.

        Args:
            root: the project's folder.
            sources: the new sources by the index of the cell.

        Raises:
            UsageError: an editor has saved the notebook since it was read: the indices may be those
                of other cells.
        """
        path = root / self.path
        before = path.read_bytes()
        if hashlib.sha256(before).hexdigest() != self.sha256:
            raise UsageError(f"{self.path}: changed meanwhile; run the command again")
        change = NotebookChange(path, before, json_text.replace_sources(before, sources))
        files.write_bytes(path, change.after)
        return change

    def write(self) -> list[ExportedFile]:
        """Write the files that are out of date, each atomically, and return them."""
        stale = self.stale
        for file in stale:
            files.write_text(file.path, file.text)
        return stale
