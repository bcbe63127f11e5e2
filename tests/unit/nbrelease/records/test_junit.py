"""The JUnit report of a runbook: well-formed whatever a cell prints, and a failure for each end."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest

from nbrelease.records import CellError, CellResult, CheckResult, RunbookResult, junit

NASTY = "got \x1b[31mred\x1b[0m, \x00, \x0b, \ud800 and \uffff"
SHOWN = "got red, \u2400, \u240b, \ufffd and \ufffd"


def report(*cells: CellResult, reason: str | None = None) -> ET.Element:
    result = RunbookResult(
        name="01_a", source="runbooks/01_a.ipynb", source_sha256="0", env="dev", release_id="r",
        parameters={}, started=datetime.now(UTC), cells=list(cells), reason=reason,
    )  # fmt: skip
    text = junit.report(result).encode("utf-8")
    return ET.fromstring(text)


def cell(state, **fields) -> CellResult:
    return CellResult(id="c", index=0, tags=["test"], state=state, **fields)


@pytest.mark.parametrize(
    ("failed", "text"),
    [
        (cell("failed", error=CellError(ename="ValueError", evalue=NASTY)), f"ValueError: {SHOWN}"),
        (
            cell("check failed", check=CheckResult(passed=False, expected=NASTY, found="x")),
            f"expected:\n{SHOWN}\nfound:\nx",
        ),
    ],
)
def test_control_characters_do_not_break_the_report(failed, text):
    suite = report(failed)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    failure = suite.find("testcase/failure")
    assert text in (failure.get("message"), failure.text)


def test_a_kernel_that_died_between_cells_is_an_error():
    suite = report(cell("passed"), reason="the kernel died")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "1")
    assert suite.find("testcase/error").get("message") == "the kernel died"


def test_a_cell_without_a_reply_is_one_failure():
    error = CellError(ename="DeadKernelError", evalue="the kernel died")
    suite = report(cell("failed", error=error), cell("not run"), reason="the kernel died")
    counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["2", "1", "0", "1"]
