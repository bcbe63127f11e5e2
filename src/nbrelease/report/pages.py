"""The pages of a pack: the report (index), each executed notebook, the model card.

They run no script and fetch nothing; everything they say comes from the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from nbrelease.records import CellResult, ReleaseRecord, RunbookResult
from nbrelease.report import lineage, sections, svg
from nbrelease.report.cells import notebook_cells
from nbrelease.report.charts import Charts
from nbrelease.report.headline import headline, reason
from nbrelease.report.labels import tone_of
from nbrelease.report.limitations import SMALL_SLICE, limitations
from nbrelease.report.main_metrics import directions
from nbrelease.report.markdown import render_markdown
from nbrelease.report.overview import overview
from nbrelease.report.tasks import SliceNames
from nbrelease.report.templating import environment
from nbrelease.report.timeline import timeline
from nbrelease.report.training_parameters import different_parameters
from nbrelease.report.translations import N_, translator

# The sections of the report in order: id (also the name of the template) and title.
SECTIONS = {
    "quality": N_("Quality"),
    "data": N_("Data"),
    "tests": N_("Tests"),
    "timeline": N_("Timeline"),
    "rollout": N_("Rollout"),
    "approvals": N_("Approvals"),
    "lineage": N_("Lineage"),
    "environment": N_("Environment"),
    "limitations": N_("Limitations"),
}


def render_index(record: ReleaseRecord, *, has_card: bool = False) -> str:
    """The first page of a release.

    Args:
        record: of the release.
        has_card: whether the pack has a model card.
    """
    _ = translator(record.language)
    boxes, failed_cells = overview(record, _), sections.failed_cells(record)
    template = environment(record.language).get_template("index.html.j2")
    return str(
        template.render(
            record=record,
            has_card=has_card,
            headline=headline(record, _),
            reason=reason(record, _),
            overview=boxes,
            approvals=next(box for box in boxes if box.id == "approvals"),
            contents=[(anchor, _(title)) for anchor, title in SECTIONS.items()],
            charts=Charts(record),
            slices=SliceNames(record.comparison, _),
            small_slice=SMALL_SLICE,
            slice_metrics=sections.slice_metrics(record),
            has_more_slice_metrics=sections.has_more_slice_metrics(record),
            group_keys=sections.group_keys(record),
            metric_sizes=sections.metric_sizes(record),
            metric_directions=directions(record),
            column_groups=sections.column_groups(record),
            different_parameters={each.name: each.setting for each in different_parameters(record)},
            test_cells=sections.test_cells(record),
            failed_cells=failed_cells,
            first_error=sections.first_error(record, failed_cells),
            timeline=timeline(record),
            rollout=sections.rollout(record),
            lineage=lineage.lineage(record, _),
            exported_modules=lineage.exported_modules(record),
            limitations=limitations(record, _),
            masked=sections.masked_secrets(record, _),
        )
    )


def render_notebook(
    record: ReleaseRecord, result: RunbookResult, notebook: Mapping[str, Any]
) -> str:
    """The page of an executed notebook.

    Args:
        record: of its release.
        result: of its execution.
        notebook: as JSON of the notebook format.
    """
    names = [each.name for each in record.runbooks]
    number = names.index(result.name)
    template = environment(record.language).get_template("notebook.html.j2")
    return str(
        template.render(
            result=result,
            cells=notebook_cells(result, notebook),
            state_counts=Counter(cell.state for cell in result.cells),
            bars=_bars(result.cells),
            parameter_sources=_parameter_sources(record, result),
            previous=names[number - 1] if number else None,
            next=names[number + 1] if number + 1 < len(names) else None,
        )
    )


def render_model_card_page(record: ReleaseRecord, text: str) -> str:
    """The page of the model card, from its Markdown."""
    template = environment(record.language).get_template("model_card.html.j2")
    return str(template.render(record=record, content=render_markdown(text)))


def _parameter_sources(record: ReleaseRecord, result: RunbookResult) -> dict[str, str]:
    """The cell that published a parameter, for those that an earlier runbook published."""
    return {
        name: record.sources[name]
        for name in result.parameters
        if record.sources.get(name, "").startswith("html/")
        and record.sources[name] < f"html/{result.name}.html"
    }


def _bars(cells: list[CellResult]) -> dict[str, Any]:
    """For each cell a bar: its time within the time of all cells."""
    total = sum(cell.seconds or 0 for cell in cells) or 1
    kinds = {"good": "go", "bad": "stop", "wait": "rest"}
    bars, start = {}, 0.0
    for cell in cells:
        end = start + (cell.seconds or 0)
        bars[cell.id] = svg.span(start / total, end / total, kinds[tone_of(cell.state)])
        start = end
    return bars
