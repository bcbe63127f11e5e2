"""The pages of a pack: the index, each executed notebook, the model card.

They ask the network for nothing and run no script; everything they say comes from the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nbrelease import secrets
from nbrelease.records import CellResult, ReleaseRecord, RunbookResult, Stage
from nbrelease.report import charts, lineage, outputs
from nbrelease.report.answers import answers
from nbrelease.report.headline import headline, reason
from nbrelease.report.limits import limits
from nbrelease.report.record_charts import Drawings
from nbrelease.report.templating import environment, tone_of
from nbrelease.report.timeline import Row, timeline
from nbrelease.report.words import translator

# The page's sections, in order: anchor and title.
CONTENTS = {
    "model": "Champion and challenger",
    "data": "Data",
    "tests": "Tests",
    "timeline": "Timeline",
    "rollout": "Rollout",
    "decisions": "Decisions",
    "lineage": "Lineage",
    "environment": "Environment",
    "limits": "Limits of this evidence",
}


def index(record: ReleaseRecord, *, card: bool = False) -> str:
    """The first page of a release.

    Args:
        record: of the release.
        card: whether there is a model card beside it.
    """
    _ = translator(record.language)
    comparison, fairness = record.comparison, record.fairness
    slices = comparison.slices if comparison else []
    keys = [name for group in (fairness.groups if fairness else []) for name in group]
    page = environment(record.language).get_template("index.html.j2")
    return str(
        page.render(
            record=record,
            card=card,
            headline=headline(record, _),
            reason=reason(record, _),
            answers=answers(record, _),
            contents=[(anchor, _(title)) for anchor, title in CONTENTS.items()],
            charts=Drawings(record),
            slice_metrics=list(dict.fromkeys(name for part in slices for name in part.metrics)),
            group_keys=sorted({*keys} - {"group"}, key=lambda name: (name != "rows", name)),
            tests=_tests(record),
            failing=(failing := _failing(record)),
            saying_no=_saying_no(record, failing),
            timeline=(rows := timeline(record)),
            span_of=_span_of(record, rows),
            rollout=_rollout(record),
            traffic=record.endpoints.online.traffic if record.endpoints.online else None,
            lineage=lineage.chain(record, _),
            exported=lineage.exported(record),
            limits=limits(record, _),
            masked=_masked(record),
        )
    )


def notebook(record: ReleaseRecord, result: RunbookResult, content: Mapping[str, Any]) -> str:
    """An executed notebook.

    Args:
        record: of its release.
        result: what is known of its execution.
        content: the notebook, as JSON.
    """
    names = [each.name for each in record.runbooks]
    here = names.index(result.name)
    page = environment(record.language).get_template("notebook.html.j2")
    return str(
        page.render(
            result=result,
            cells=outputs.cells(result, content),
            counts=Counter(cell.state for cell in result.cells),
            spans=_spans(result.cells),
            given=_given(record, result),
            before=names[here - 1] if here else None,
            after=names[here + 1] if here + 1 < len(names) else None,
        )
    )


def _given(record: ReleaseRecord, result: RunbookResult) -> dict[str, str]:
    """Where a runbook's parameters came from that an earlier one published."""
    return {
        name: record.sources[name]
        for name in result.parameters
        if record.sources.get(name, "").startswith("html/")
        and record.sources[name] < f"html/{result.name}.html"
    }


def card(record: ReleaseRecord, text: str) -> str:
    """The model card, from its Markdown."""
    page = environment(record.language).get_template("card.html.j2")
    return str(page.render(record=record, text=outputs.prose(text)))


def _tests(record: ReleaseRecord) -> list[tuple[RunbookResult, CellResult]]:
    """The tests, those that failed first."""
    found = [
        (runbook, cell) for runbook in record.runbooks for cell in runbook.cells if cell.is_test
    ]
    order = {"bad": 0, "wait": 1, "good": 2}
    return sorted(found, key=lambda each: order[tone_of(each[1].state)])


def _failing(record: ReleaseRecord) -> list[tuple[RunbookResult, CellResult]]:
    """The cells that said no, also those that are no tests, in the order in which they were run."""
    return [
        (runbook, cell)
        for runbook in record.runbooks
        for cell in runbook.cells
        if tone_of(cell.state) == "bad"
    ]


def _saying_no(record: ReleaseRecord, failing: list[tuple[RunbookResult, CellResult]]) -> str:
    """What the failing cell said, without its name: that stands in the link below, once."""
    if record.because is None or record.because.code != "runbook failed" or not failing:
        return ""
    cell = failing[0][1]
    if cell.error is None:
        return ""
    said = cell.error.line
    # An assertion's message says all; without one there is only its name.
    return said.removeprefix("AssertionError: ").removeprefix("AssertionError:") or said


def _masked(record: ReleaseRecord) -> list[dict[str, Any]]:
    """What was hidden, each with the cell or file that it was hidden in."""
    _ = translator(record.language)
    rows = []
    for each in record.masked:
        page = each.file.removeprefix("notebooks/").removesuffix(".ipynb")
        found = each.file != page and any(page == runbook.name for runbook in record.runbooks)
        name = each.what.removeprefix(secrets.VARIABLE_PREFIX)
        rows.append(
            {
                "href": f"html/{page}.html#{each.cell}" if found and each.cell else each.file,
                "place": f"{page} · {each.cell}" if each.cell else each.file,
                "part": _(each.part),
                "what": _(each.what)
                if name == each.what
                else _("the value of %(name)s") % {"name": name},
                "times": each.times,
            }
        )
    return rows


def _span_of(record: ReleaseRecord, rows: list[Row]) -> tuple[datetime, datetime | None]:
    """When it began and ended, the pipeline's own stages included."""
    starts = [row.started for row in rows if row.started]
    timed: list[Stage | RunbookResult] = [*record.stages, *record.runbooks]
    ends = [each.ended for each in timed if each.ended]
    return min([record.started, *starts]), max(ends, default=record.ended)


def _spans(cells: list[CellResult]) -> dict[str, Any]:
    """A bar for each cell, where its time lies in the time of all cells."""
    total = sum(cell.seconds or 0 for cell in cells) or 1
    spans, at = {}, 0.0
    for cell in cells:
        end = at + (cell.seconds or 0)
        kind = {"good": "go", "bad": "stop", "wait": "rest"}[tone_of(cell.state)]
        spans[cell.id] = charts.span(at / total, end / total, kind)
        at = end
    return spans


def _rollout(record: ReleaseRecord) -> list[dict[str, Any]]:
    """The steps of the rollout, with a bar of each traffic map: the new deployment first."""
    new = record.endpoints.online.deployment if record.endpoints.online else ""
    steps = []
    for step in record.rollout or []:
        new = step.deployment or new
        parts = sorted(step.traffic.items(), key=lambda item: item[0] != new)
        bar = charts.shares([("go" if name == new else "rest", share) for name, share in parts])
        steps.append(
            {**{name: getattr(step, name) for name in type(step).model_fields}, "bar": bar}
        )
    return steps
