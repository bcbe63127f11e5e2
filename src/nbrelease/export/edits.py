"""Edits by hand in written files, told from stale blocks by what was written last."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from nbrelease.export.blocks import Block


@dataclass(frozen=True)
class Edit:
    """A block that somebody changed in the file.

    Attributes:
        path: the file.
        key: the block's heading; empty for the top of the file.
        line: the line of the file that the block begins in.
        base: what was written; None when that is not known, or when there was no such block.
        file: what the file says; None when the block is gone from it.
        notebook: what the notebook gives; None when it gives no such block.
        block: the notebook's block; none when it gives none.
        conflict: whether the notebook's side changed as well.
        owner: the notebook that the file is a copy of; empty for a file of its own.
    """

    path: str
    key: str
    line: int
    base: str | None
    file: str | None
    notebook: str | None
    block: Block | None
    conflict: bool
    owner: str = ""

    @property
    def title(self) -> str:
        """The block in words."""
        if self.owner:
            return f"the copy of {self.owner}'s module"
        return f"the block «{self.key}»" if self.key else "the top of the file"

    def report(self) -> str:
        """The difference; with changes on both sides, each against what was written."""
        if not self.conflict or self.base is None:
            return _diff(self.notebook, self.file, "notebook", self.path)
        return _diff(self.base, self.file, "written", self.path) + _diff(
            self.base, self.notebook, "written", "notebook"
        )


def find(
    path: str,
    text: str,
    there: Mapping[str, str],
    base: Mapping[str, str] | None,
    blocks: list[Block],
) -> list[Edit]:
    """The edits by hand in a file.

    Args:
        path: what to call it.
        text: its text.
        there: the blocks of the text that can be edits, by key.
        base: the blocks as they were written; None when that is not known.
        blocks: what the notebook gives now.
    """
    if base is not None and dict(there) == dict(base):
        return []
    new = {block.key: block for block in blocks}
    found = []
    for key in dict.fromkeys((*there, *new)):
        block = new.get(key)
        ours = block.text if block is not None else None
        theirs, was = there.get(key), (base or {}).get(key)
        if theirs == ours:
            continue
        if base is not None and theirs == was:
            continue
        conflict = base is not None and ours != was
        found.append(Edit(path, key, _line(text, key), was, theirs, ours, block, conflict))
    return found


def _line(text: str, key: str) -> int:
    """The line of a block's heading."""
    if not key:
        return 1
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() == f"# %% {key}":
            return number
    return 1


def _diff(old: str | None, new: str | None, old_name: str, new_name: str) -> str:
    lines = difflib.unified_diff(
        (old or "").split("\n"), (new or "").split("\n"), old_name, new_name, n=2, lineterm=""
    )
    return "".join(f"{line}\n" for line in lines)
