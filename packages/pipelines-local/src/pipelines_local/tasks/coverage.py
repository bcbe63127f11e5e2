"""PublishCodeCoverageResults@1 and @2 for Cobertura and JaCoCo."""

from __future__ import annotations

from xml.etree import ElementTree

from pipelines_local.tasks.context import TaskContext, TaskFailed
from pipelines_local.tasks.report_files import find_reports, keep_report, parse_report


def publish_coverage(context: TaskContext) -> None:
    """Log the line rate and keep the files."""
    paths = find_reports(context.folders.sources, context.text("summaryfilelocation"))
    if not paths:
        message = "No code coverage results were found to publish."
        if context.flag("failifcoverageempty"):
            raise TaskFailed("missing-coverage", message)
        context.add_issue("warning", "missing-coverage", message)
        return
    for path in paths:
        keep_report(path, context.run_folder / "coverage")
        try:
            rate = _line_rate(parse_report(path))
        except (ElementTree.ParseError, OSError, ValueError):
            context.add_issue("warning", "invalid-coverage", f"{path}: not a coverage file")
            continue
        summary = "no line rate" if rate is None else f"{rate:.1%} of lines"
        context.log(f"Coverage {path.name}: {summary}")


def _line_rate(root: ElementTree.Element) -> float | None:
    """Return the line rate of a Cobertura or JaCoCo report; None if it has none."""
    if root.get("line-rate"):
        return float(root.attrib["line-rate"])
    for counter in root.findall("counter"):
        if counter.get("type") == "LINE":
            covered, missed = (int(counter.get(name, "0")) for name in ("covered", "missed"))
            return covered / (covered + missed) if covered + missed else None
    return None
