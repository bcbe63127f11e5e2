"""The tests of a runbook as JUnit XML, for the Tests tab of a pipeline run.

A test case is a test cell: tagged ``test``, or with a compared output. junitparser would replace a
quarter of this module. It writes control characters as they are, which is not valid XML, and its
import takes 48 ms longer.
"""

from __future__ import annotations

from xml.etree import ElementTree

from nbrelease.control_characters import remove_terminal_codes, replace_control_characters
from nbrelease.records import CellResult, RunbookResult


def report(result: RunbookResult) -> str:
    """The report of one runbook; without a test case it says ``tests="0"``."""
    cells = [cell for cell in result.cells if cell.is_test]
    failed = sum(1 for cell in cells if cell.state in ("failed", "check failed"))
    # A kernel that died between two cells has failed the runbook, but no cell.
    stopped = result.reason is not None and not any(c.state == "failed" for c in result.cells)
    skipped = sum(1 for cell in cells if cell.state in ("skipped", "not run"))
    suite = ElementTree.Element(
        "testsuite",
        name=result.name,
        tests=str(len(cells) + stopped),
        failures=str(failed),
        errors=str(int(stopped)),
        skipped=str(skipped),
        time=f"{result.seconds or 0:.3f}",
        timestamp=result.started.isoformat(),
    )
    for cell in cells:
        _case(suite, result, cell)
    if stopped:
        case = ElementTree.SubElement(suite, "testcase", classname=result.name, name="kernel")
        ElementTree.SubElement(case, "error", message=_clean(result.reason or ""))
    ElementTree.indent(suite)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, "unicode") + "\n"
    )


def _case(suite: ElementTree.Element, result: RunbookResult, cell: CellResult) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=result.name, name=cell.id, time=f"{cell.seconds or 0:.3f}"
    )
    if cell.state in ("skipped", "not run"):
        ElementTree.SubElement(case, "skipped", message=cell.state)
    elif cell.check is not None and not cell.check.passed:
        failure = ElementTree.SubElement(case, "failure", message="the output differs")
        failure.text = _clean(f"expected:\n{cell.check.expected}\nfound:\n{cell.check.found}")
    elif cell.error is not None and cell.state == "failed":
        message = _clean(f"{cell.error.ename}: {cell.error.evalue}")
        ElementTree.SubElement(case, "failure", message=message)


def _clean(text: str) -> str:
    """Text that XML 1.0 can hold, without colours."""
    return replace_control_characters(remove_terminal_codes(text))
