"""The cells of an executed notebook as its page shows them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbrelease.notebook import INJECTED
from nbrelease.records import CellResult, RunbookResult
from nbrelease.report.highlight import highlight
from nbrelease.report.markdown import render_markdown
from nbrelease.report.outputs import Output, convert_output, join_lines


@dataclass(frozen=True)
class Cell:
    """A cell. ``expected`` and ``actual`` are set if its output differs from the committed one."""

    id: str
    kind: str
    is_injected: bool
    result: CellResult | None
    code: Any
    prose: Any
    outputs: list[Output]
    expected: Any = ""
    actual: Any = ""


def notebook_cells(result: RunbookResult, notebook: Mapping[str, Any]) -> list[Cell]:
    """The cells of an executed notebook.

    Args:
        result: of its execution.
        notebook: as JSON of the notebook format.
    """
    results = {cell.id: cell for cell in result.cells}
    return [_convert_cell(cell, results.get(cell.get("id", ""))) for cell in notebook["cells"]]


def _convert_cell(cell: Mapping[str, Any], result: CellResult | None) -> Cell:
    kind, source = cell["cell_type"], join_lines(cell["source"])
    expected: Any = ""
    actual: Any = ""
    if result is not None and result.check is not None and not result.check.passed:
        expected, actual = mark_differences(result.check.expected or "", result.check.found or "")
    return Cell(
        id=cell.get("id", ""),
        kind=kind,
        is_injected=INJECTED in cell.get("metadata", {}).get("tags", []),
        result=result,
        code=highlight(source) if kind == "code" else "",
        prose=render_markdown(source, cell.get("attachments")) if kind == "markdown" else "",
        outputs=[each for raw in cell.get("outputs", []) if (each := convert_output(raw))],
        expected=expected,
        actual=actual,
    )


def mark_differences(expected: str, actual: str) -> tuple[Any, Any]:
    """Two texts as HTML, with the lines marked that only one of them has."""
    import markupsafe

    left: list[str] = []
    right: list[str] = []
    for line in difflib.ndiff(expected.splitlines(), actual.splitlines()):
        sign, content = line[:1], markupsafe.escape(line[2:] or " ")
        if sign == " ":
            left.append(f"{content}\n")
            right.append(f"{content}\n")
        elif sign == "-":
            left.append(f"<del>{content}</del>")
        elif sign == "+":
            right.append(f"<ins>{content}</ins>")
    return markupsafe.Markup("".join(left)), markupsafe.Markup("".join(right))  # noqa: S704 - lines are escaped above
