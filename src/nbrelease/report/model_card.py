"""The model card of a release, written with skops.card from the facts of the record.

The model itself is never loaded: unpickling it would run its code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbrelease.records import ReleaseRecord
from nbrelease.records.published import Comparison
from nbrelease.report import criteria, formats
from nbrelease.report.headline import headline, reason
from nbrelease.report.labels import metric_name, slice_name, state_name
from nbrelease.report.limitations import limitations
from nbrelease.report.lineage import exported_modules
from nbrelease.report.translations import Translate, translator

Table = dict[str, list[Any]]


def render_model_card(record: ReleaseRecord) -> str:
    """The card as Markdown.

    Args:
        record: of a release with a registered model.
    """
    from skops.card import Card

    _ = translator(record.language)
    card = Card(None, model_diagram=False, template=None)
    card.add(folded=False, **_texts(record, _))
    for section, (text, table) in _tables(record, _).items():
        card.add_table(folded=False, description=text, **{section: table})
    card.add(folded=False, **{_("Limitations"): _bullets(limitations(record, _))})
    return str(card.render())


def card_contents(record: ReleaseRecord) -> Iterator[str]:
    """Every line and table cell that the card of this record has to contain."""
    _ = translator(record.language)
    for text in _texts(record, _).values():
        yield from filter(None, text.split("\n"))
    for text, table in _tables(record, _).values():
        yield from filter(None, text.split("\n"))
        yield from (str(value) for column in table.values() for value in column)


def _texts(record: ReleaseRecord, _: Translate) -> dict[str, str]:
    """The sections of text by their title."""
    description = [headline(record, _), reason(record, _)]
    if record.parameters.get("estimator"):
        description.append(_("Estimator: %(name)s") % {"name": record.parameters["estimator"]})
    sections = {
        _("Model description"): "\n\n".join(filter(None, description)),
        _("Lineage"): _bullets(_lineage(record, _)),
    }
    parameters = [
        f"{name}: {value}" for name, value in record.parameters.items() if value not in ("", None)
    ]
    if parameters:
        sections[_("Release parameters")] = _bullets(parameters)
    sections[_("Approvals")] = _bullets(_approvals(record, _))
    return sections


def _lineage(record: ReleaseRecord, _: Translate) -> list[str]:
    lines = [f"{_('Commit')}: {record.source.commit or formats.NO_VALUE}"]
    for each in exported_modules(record):
        lines.append(f"{_('Notebook')}: {each.notebook}, sha256 {each.notebook_sha256}")
        lines.append(f"{_('Module')}: {each.module}, sha256 {each.module_sha256}")
    if record.data is not None:
        data, rows = record.data, formats.count(record.data.rows)
        values = {"name": data.name, "version": data.version, "rows": rows}
        lines.append(_("Training data: %(name)s:%(version)s, %(rows)s rows") % values)
    if record.job:
        lines.append(f"{_('Training job')}: {record.job}")
    if record.model is not None:
        lines.append(f"{_('Model')}: {record.model.name}:{record.model.version}")
        lines.append(f"sha256: {record.model.sha256}")
    return lines


def _approvals(record: ReleaseRecord, _: Translate) -> list[str]:
    lines = [
        f"{formats.utc(each.time)}: {each.name}, {each.environment}:"
        f" {state_name(each.decision, _)}" + (f" ({each.comment})" if each.comment else "")
        for each in record.decisions
    ]
    return lines or [_("No approvals recorded")]


def _tables(record: ReleaseRecord, _: Translate) -> dict[str, tuple[str, Table]]:
    """The sections that are a table: the text above it, and the columns."""
    tables: dict[str, tuple[str, Table]] = {}
    if record.comparison is not None:
        tables[_("Metrics")] = _metrics(record.comparison, _)
        if record.comparison.slices:
            tables[_("Slices")] = "", _slices(record.comparison, _)
    elif record.metrics:
        tables[_("Metrics")] = (
            "",
            {
                _("Metric"): [metric_name(name, _) for name in record.metrics],
                _("Value"): [formats.metric(value) for value in record.metrics.values()],
            },
        )
    if record.gate is not None:
        rows = record.gate.criteria
        tables[_("Release criteria")] = (
            state_name(record.gate.verdict, _),
            {
                _("Criterion"): [criteria.criterion_name(each, _) for each in rows],
                _("Threshold"): [criteria.threshold(each, _) for each in rows],
                _("Actual"): [criteria.actual(each) for each in rows],
                _("Result"): [_("met") if each.passed else _("not met") for each in rows],
            },
        )
    if record.importance:
        tables[_("Feature importance")] = (
            "",
            {
                _("Feature"): [each.feature for each in record.importance],
                _("Mean"): [formats.metric(each.mean) for each in record.importance],
            },
        )
    return tables


def _metrics(comparison: Comparison, _: Translate) -> tuple[str, Table]:
    level = _("Confidence level: %(level)s.") % {"level": formats.percent(comparison.confidence)}
    metrics = comparison.metrics
    table: Table = {
        _("Metric"): [metric_name(each.name, _) for each in metrics],
        _("Challenger"): [formats.metric(each.challenger) for each in metrics],
        _("Confidence interval"): [formats.interval(each.challenger_interval) for each in metrics],
    }
    if comparison.champion is not None:
        table[_("Champion")] = [formats.metric(each.champion) for each in metrics]
        table[_("Difference")] = [
            f"{formats.difference(each.difference)}"
            f" {formats.interval(each.difference_interval, signed=True)}"
            for each in metrics
        ]
    return f"{_('Held-out rows')}: {comparison.rows}. {level}", table


def _slices(comparison: Comparison, _: Translate) -> Table:
    slices = comparison.slices
    measured = list(dict.fromkeys(name for each in slices for name in each.metrics))
    return {
        _("Slice"): [slice_name(each.slice, _) for each in slices],
        _("Rows"): [each.rows for each in slices],
        **{
            metric_name(name, _): [formats.metric(each.metrics.get(name)) for each in slices]
            for name in measured
        },
    }


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
