"""The model card of a release in Markdown, written from the facts of the record.

The model itself is never loaded: unpickling it would run its code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prettytable import PrettyTable, TableStyle

from nbrelease.records import ReleaseRecord
from nbrelease.records.published import Comparison, DataProfile, Fairness
from nbrelease.report import criteria, formats, sections
from nbrelease.report.headline import headline, reason
from nbrelease.report.labels import state_name
from nbrelease.report.limitations import limitations
from nbrelease.report.lineage import exported_modules
from nbrelease.report.metric_labels import direction_name, metric_name
from nbrelease.report.tasks import SliceNames, describe_task, kind_name
from nbrelease.report.training_parameters import used_parameters
from nbrelease.report.translations import Translate, translator

Table = dict[str, list[Any]]


def render_model_card(record: ReleaseRecord) -> str:
    """The card as Markdown.

    Args:
        record: of a release with a registered model.
    """
    _ = translator(record.language)
    texts = _texts(record, _)
    for title, (text, table) in _tables(record, _).items():
        texts[title] = "\n\n".join(filter(None, [text, _render_table(table)]))
    texts[_("Limitations")] = _bullets(limitations(record, _))
    return "".join(f"\n# {title}\n\n{text}\n" for title, text in texts.items())


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
    if record.comparison is not None:
        task = describe_task(record.comparison, _)
        description.append(_("Task: %(task)s") % {"task": task})
    texts = {_("Model description"): "\n\n".join(filter(None, description))}
    if use := _intended_use(record, _):
        texts[_("Intended use")] = _bullets(use)
    texts[_("Lineage")] = _bullets(_lineage(record, _))
    if record.job_parameters:
        texts[_("Training parameters")] = _bullets(used_parameters(record))
    texts[_("Approvals")] = _bullets(_approvals(record, _))
    return texts


def _intended_use(record: ReleaseRecord, _: Translate) -> list[str]:
    """What the model was measured for; the record does not know more."""
    comparison, profile = record.comparison, record.data_profile
    if comparison is None or comparison.label is None:
        return []
    lines = [_("The model predicts %(label)s.") % {"label": comparison.label}]
    if comparison.classes:
        lines.append(_("Classes: %(names)s") % {"names": ", ".join(comparison.classes)})
    features = (
        [each.name for each in profile.columns if each.name != comparison.label] if profile else []
    )
    if features:
        lines.append(_("Columns of the data: %(names)s") % {"names": ", ".join(features)})
    lines.append(
        _("Its quality is known for rows like the %(rows)s held-out rows, and not for others.")
        % {"rows": formats.count(comparison.rows)}
    )
    return lines


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
    slices = SliceNames(record.comparison, _)
    if record.comparison is not None:
        tables[_("Metrics")] = _metrics(record.comparison, _)
        if record.comparison.slices:
            tables[_("Slices")] = "", _slices(record.comparison, slices, _)
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
                _("Criterion"): [criteria.criterion_name(each, _, slices) for each in rows],
                _("Threshold"): [criteria.threshold(each, _) for each in rows],
                _("Actual"): [criteria.actual(each) for each in rows],
                _("Result"): [_("met") if each.passed else _("not met") for each in rows],
            },
        )
    if record.importance:
        most = max(abs(each.mean) for each in record.importance)
        metric = metric_name(record.importance_metric or "", _)
        tables[_("Feature importance")] = (
            _("Metric: %(name)s") % {"name": metric} if metric else "",
            {
                _("Feature"): [each.feature for each in record.importance],
                _("Mean"): [formats.metric(each.mean, most) for each in record.importance],
            },
        )
    if record.fairness is not None:
        tables[_("Fairness by %(column)s") % {"column": record.fairness.sensitive}] = (
            "",
            _fairness(record, record.fairness, slices, _),
        )
    if record.data_profile is not None and record.data_profile.columns:
        tables[_("Data")] = "", _columns(record.data_profile, _)
    return tables


def _metrics(comparison: Comparison, _: Translate) -> tuple[str, Table]:
    level = _("Confidence level: %(level)s.") % {"level": formats.percent(comparison.confidence)}
    metrics = comparison.metrics
    table: Table = {
        _("Metric"): [metric_name(each.name, _) for each in metrics],
        _("Direction"): [direction_name(each.direction, _) for each in metrics],
        _("Challenger"): [formats.metric(each.challenger, each.challenger) for each in metrics],
        _("Confidence interval"): [
            formats.interval(each.challenger_interval, like=each.challenger) for each in metrics
        ],
    }
    if comparison.champion is not None:
        table[_("Champion")] = [formats.metric(each.champion, each.challenger) for each in metrics]
        table[_("Difference")] = [
            f"{formats.difference(each.difference, each.challenger)}"
            f" {formats.interval(each.difference_interval, signed=True, like=each.challenger)}"
            for each in metrics
        ]
    return f"{_('Held-out rows')}: {comparison.rows}. {level}", table


def _slices(comparison: Comparison, names: SliceNames, _: Translate) -> Table:
    slices = comparison.slices
    measured = list(dict.fromkeys(name for each in slices for name in each.metrics))
    sizes = {each.name: each.challenger for each in comparison.metrics}
    return {
        _("Slice"): [names.slice_name(each.slice) for each in slices],
        _("Rows"): [each.rows for each in slices],
        **{
            metric_name(name, _): [
                formats.metric(each.metrics.get(name), sizes.get(name)) for each in slices
            ]
            for name in measured
        },
    }


def _fairness(record: ReleaseRecord, fairness: Fairness, slices: SliceNames, _: Translate) -> Table:
    keys = [name for name in sections.group_keys(record) if name != "rows"]
    sizes = sections.metric_sizes(record)
    return {
        _("Group"): [
            slices.group_name(fairness.sensitive, str(g["group"])) for g in fairness.groups
        ],
        _("Rows"): [formats.metric(group.get("rows")) for group in fairness.groups],
        **{
            metric_name(name, _): [
                formats.metric(group.get(name), sizes.get(name)) for group in fairness.groups
            ]
            for name in keys
        },
    }


def _columns(profile: DataProfile, _: Translate) -> Table:
    columns = profile.columns
    return {
        _("Column"): [each.name for each in columns],
        _("Type"): [each.type for each in columns],
        _("Kind"): [kind_name(each.kind, _) for each in columns],
        _("Missing"): [formats.count(each.missing) for each in columns],
    }


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _render_table(columns: Table) -> str:
    """A Markdown table; a line break in a cell becomes an HTML one."""
    table = PrettyTable()
    table.set_style(TableStyle.MARKDOWN)
    for name, values in columns.items():
        table.add_column(name, [str(value).replace("\n", "<br />") for value in values])
    return table.get_string()
