"""Edits by hand in exported files, distinguished from outdated blocks by the last export."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from nbrelease.export.blocks import Block


@dataclass(frozen=True)
class ManualEdit:
    """A block that was edited in the file.

    Attributes:
        path: the file.
        key: heading of the block; empty for the top of the file.
        line: line of the file that the block begins on.
        base: the block as it was exported; None if that is unknown or it did not exist.
        file: the block in the file; None if it was deleted.
        notebook: the block that the notebook produces; None if it produces none.
        block: the notebook's block as an object.
        conflict: whether the notebook's side changed as well.
        copied_from: the notebook of a copied shared module; empty for other files.
    """

    path: str
    key: str
    line: int
    base: str | None
    file: str | None
    notebook: str | None
    block: Block | None
    conflict: bool
    copied_from: str = ""

    @property
    def title(self) -> str:
        """Description of the block for messages."""
        if self.copied_from:
            return f"the copy of the module of {self.copied_from}"
        return f"the block `{self.key}`" if self.key else "the top of the file"

    def diff(self) -> str:
        """The difference; for a conflict, each side compared with the last export."""
        if not self.conflict or self.base is None:
            return _unified_diff(self.notebook, self.file, "notebook", self.path)
        return _unified_diff(self.base, self.file, "last export", self.path) + _unified_diff(
            self.base, self.notebook, "last export", "notebook"
        )


def find_edits(
    path: str,
    text: str,
    in_file: Mapping[str, str],
    base: Mapping[str, str] | None,
    blocks: list[Block],
) -> list[ManualEdit]:
    """The edits by hand in a file.

    Args:
        path: the file, for messages.
        text: the file's text.
        in_file: the blocks of the file that can hold edits, by heading.
        base: the blocks of the last export; None if unknown.
        blocks: the blocks that the notebook produces now.
    """
    if base is not None and dict(in_file) == dict(base):
        return []
    new = {block.key: block for block in blocks}
    edits = []
    for key in dict.fromkeys((*in_file, *new)):
        block = new.get(key)
        ours = block.text if block is not None else None
        theirs, before = in_file.get(key), (base or {}).get(key)
        if theirs == ours:
            continue
        if base is not None and theirs == before:
            continue
        conflict = base is not None and ours != before
        line = _heading_line(text, key)
        edits.append(ManualEdit(path, key, line, before, theirs, ours, block, conflict))
    return edits


def _heading_line(text: str, key: str) -> int:
    """The line of a block's heading; 1 if the file has none."""
    if not key:
        return 1
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() == f"# %% {key}":
            return number
    return 1


def _unified_diff(old: str | None, new: str | None, old_name: str, new_name: str) -> str:
    lines = difflib.unified_diff(
        (old or "").split("\n"), (new or "").split("\n"), old_name, new_name, n=2, lineterm=""
    )
    return "".join(f"{line}\n" for line in lines)
