"""The result of a runbook, cell by cell, in the metadata of its executed notebook."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from nbrelease.control_characters import remove_terminal_codes, replace_control_characters
from nbrelease.errors import NotebookError
from nbrelease.records._model import Strict

CellState = Literal["passed", "failed", "skipped", "not run", "check failed"]
RunbookVerdict = Literal["passed", "failed", "check failed", "not run"]


class CellError(Strict):
    """The error of a cell."""

    ename: str
    evalue: str

    @property
    def line(self) -> str:
        """The error in one line. The Azure SDK's job errors carry a JSON document: its message."""
        start = self.evalue.find("{")
        if start >= 0:
            try:
                message = json.loads(self.evalue[start:])["error"]["message"]
            except (ValueError, KeyError, TypeError):
                pass  # no job error of the SDK: shown unchanged
            else:
                return f"{self.ename}: {_line(message)}"
        return f"{self.ename}: {_line(self.evalue)}"


class CheckResult(Strict):
    """A cell's output compared with its reference; with both texts where they differ."""

    passed: bool
    expected: str | None = None
    found: str | None = None


class CellResult(Strict):
    """One code cell of an executed runbook. ``seconds`` is None where it did not run."""

    id: str
    index: int
    tags: list[str] = Field(default_factory=list)
    state: CellState
    seconds: float | None = None
    error: CellError | None = None
    check: CheckResult | None = None

    @property
    def is_test(self) -> bool:
        """Whether the cell is a test: tagged ``test``, or with a compared output."""
        return "test" in self.tags or self.check is not None


class Masked(Strict):
    """Secrets that were masked before a file of the pack was written.

    ``part`` is the text of the file or the cell that had them, ``what`` their kind.
    """

    file: str
    cell: str = ""
    part: str
    what: str
    times: int


class RunbookResult(Strict):
    """One execution of a runbook. ``ended`` is None while it runs, and after it was killed.

    ``reason`` is what ended it from outside: a dead kernel, a timeout. ``first_started`` is when
    the release ran it for the first time; None unless it ran again.
    """

    name: str
    source: str
    source_sha256: str
    env: str
    release_id: str
    parameters: dict[str, Any]
    started: datetime
    first_started: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None
    verdict: RunbookVerdict = "not run"
    reason: str | None = None
    stage: str = ""
    job: str = ""
    cells: list[CellResult] = Field(default_factory=list)
    values: dict[str, Any] = Field(default_factory=dict)
    masked: list[Masked] = Field(default_factory=list)

    @property
    def place(self) -> tuple[datetime, str]:
        """Sorts runbooks by their place in the release, which running one again does not change."""
        return self.first_started or self.started, self.name

    @property
    def why(self) -> str:
        """Why the runbook did not pass, in one line; empty where it passed."""
        if self.reason:
            return self.reason
        for cell in self.cells:
            if cell.state == "failed" and cell.error is not None:
                return f"cell {cell.id}: {cell.error.line}"
            if cell.check is not None and not cell.check.passed:
                expected, actual = (_line(cell.check.expected), _line(cell.check.found))
                return f"cell {cell.id}: expected '{expected}', found '{actual}'"
            if cell.state == "not run":
                return f"cell {cell.id} was not run"
        return "" if self.verdict == "passed" else "no cell was run"


def _line(text: str | None) -> str:
    """Shorten a text to one line without control characters."""
    visible = replace_control_characters(remove_terminal_codes(text or ""))
    return textwrap.shorten(visible, 300, placeholder=" …")


def read_results(folder: Path) -> list[RunbookResult]:
    """The results of the executed runbooks of a release, by name.

    Raises:
        NotebookError: a notebook has no result in its metadata.
    """
    return [result_of(path) for path in sorted((folder / "notebooks").glob("*.ipynb"))]


def result_of(notebook: Path) -> RunbookResult:
    """The result in an executed notebook's metadata.

    Raises:
        NotebookError: it is missing or malformed.
    """
    content = json.loads(notebook.read_text(encoding="utf-8"))
    try:
        return RunbookResult.model_validate(content["metadata"]["nbrelease"])
    except (KeyError, ValidationError) as error:
        raise NotebookError(
            f"{notebook}: no result of nbrelease run in its metadata: {type(error).__name__}"
        ) from None


def in_order_of_execution(results: Iterable[RunbookResult]) -> list[RunbookResult]:
    """The results by their start. It is not the order of names where a job was retried."""
    return sorted(results, key=lambda result: result.started)


def merge_values(results: Iterable[RunbookResult]) -> dict[str, Any]:
    """The published values of several runbooks; of one name the value that was published last."""
    values: dict[str, Any] = {}
    for result in in_order_of_execution(results):
        values.update(result.values)
    return values
