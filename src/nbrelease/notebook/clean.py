"""A notebook without what a run leaves in it, except what is kept on purpose.

Outputs, counts and the marks of tools go; sources, ids, tags and the outputs that a check compares
with stay. Cleaning what was cleaned, or what was run after it was cleaned, gives the same bytes, so
that a git filter shows edits and nothing else.
"""

from __future__ import annotations

import json
import re
from typing import Any

KEPT_TAGS = frozenset({"check", "keep_output", "nbval-check-output"})
KEPT_COMMENT = re.compile(r"^\s*#\s*(?:NBVAL_CHECK_OUTPUT|\|\s*check)\s*$", re.MULTILINE)
# Cells that papermill adds to a copy; a source never has them.
ADDED_TAGS = frozenset({"injected-parameters", "papermill-error-cell-tag"})
CELL_MARKS = (
    "ExecuteTime",
    "collapsed",
    "execution",
    "nbrelease",
    "papermill",
    "scrolled",
    "trusted",
    "vscode",
)
NOTEBOOK_MARKS = ("interpreter", "nbrelease", "papermill", "signature", "vscode", "widgets")


def cleaned(content: bytes) -> bytes:
    """The file without what a run left, formatted as Jupyter formats it.

    Args:
        content: the file's bytes.

    Raises:
        ValueError: it is no notebook of format 4; nothing is known about how to clean it.
    """
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise ValueError("no notebook of format 4")
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not all(_is_cell(cell) for cell in cells):
        raise ValueError("its cells are not what format 4 says")
    metadata = notebook.get("metadata")
    if isinstance(metadata, dict):
        _forget(metadata, NOTEBOOK_MARKS)
        language = metadata.get("language_info")
        if isinstance(language, dict) and "name" in language:
            metadata["language_info"] = {"name": language["name"]}  # its version is the kernel's
    notebook["cells"] = [cell for cell in cells if not _tags(cell) & ADDED_TAGS]
    for cell in notebook["cells"]:
        _clean(cell)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("it holds half a character") from None


def _is_cell(cell: Any) -> bool:
    return (
        isinstance(cell, dict)
        and isinstance(cell.get("metadata", {}), dict)
        and isinstance(cell.get("source"), str | list)
        and all(isinstance(line, str) for line in cell["source"])
        and _are_tags(cell.get("metadata", {}).get("tags", []))
    )


def _are_tags(tags: Any) -> bool:
    return isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)


def _tags(cell: dict[str, Any]) -> frozenset[str]:
    return frozenset(cell.get("metadata", {}).get("tags", []))


def _forget(metadata: dict[str, Any], marks: tuple[str, ...]) -> None:
    for mark in marks:
        metadata.pop(mark, None)


def _clean(cell: dict[str, Any]) -> None:
    source = "".join(cell["source"])
    cell["source"] = [part for part in re.split(r"(?<=\n)", source) if part]
    _forget(cell.get("metadata", {}), CELL_MARKS)
    if cell.get("cell_type") != "code":
        return
    outputs = cell.get("outputs")
    kept = bool(_tags(cell) & KEPT_TAGS or KEPT_COMMENT.search(source)) and bool(outputs)
    # nbval takes outputs without a count for ones that nobody has run; which count does not matter.
    cell["execution_count"] = 1 if kept else None
    if not kept:
        cell["outputs"] = []
        return
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict):
            if "execution_count" in output:
                output["execution_count"] = 1
            if isinstance(output.get("metadata"), dict):
                _forget(output["metadata"], CELL_MARKS)
