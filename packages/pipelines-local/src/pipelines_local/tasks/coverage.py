"""PublishCodeCoverageResults@2 for Cobertura."""

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
            rate = parse_report(path).get("line-rate")
        except (ElementTree.ParseError, OSError, ValueError):
            context.add_issue("warning", "invalid-coverage", f"{path}: not a Cobertura file")
            continue
        summary = f"{float(rate):.1%} of lines" if rate else "no line rate"
        context.log(f"Coverage {path.name}: {summary}")
