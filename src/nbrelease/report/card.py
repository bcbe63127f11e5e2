"""The model card of a release, with skops.card, out of the record's facts alone.

The model itself is never loaded: a card that unpickles what it describes would run it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbrelease.records import ReleaseRecord
from nbrelease.report import lineage, names
from nbrelease.report import templating as forms
from nbrelease.report.headline import Translate, headline, reason
from nbrelease.report.limits import limits
from nbrelease.report.words import translator

Table = dict[str, list[Any]]


def render(record: ReleaseRecord) -> str:
    """The card as Markdown.

    Args:
        record: of a release with a registered model.
    """
    from skops.card import Card

    _ = translator(record.language)
    card = Card(None, model_diagram=False, template=None)
    card.add(folded=False, **_prose(record, _))
    for section, (prose, table) in _tables(record, _).items():
        card.add_table(folded=False, description=prose, **{section: table})
    card.add(folded=False, **{_("Limits of this evidence"): _bullets(limits(record, _))})
    return str(card.render())


def said(record: ReleaseRecord) -> Iterator[str]:
    """Every line and every cell of a table that the card of this record has to hold."""
    _ = translator(record.language)
    for text in _prose(record, _).values():
        yield from filter(None, text.split("\n"))
    for prose, table in _tables(record, _).values():
        yield from filter(None, prose.split("\n"))
        yield from (str(value) for column in table.values() for value in column)
    yield from _bullets(limits(record, _)).split("\n")


def _prose(record: ReleaseRecord, _: Translate) -> dict[str, str]:
    """Sections of text by their title."""
    about = [headline(record, _), reason(record, _)]
    if record.parameters.get("estimator"):
        about.append(_("Estimator %(name)s") % {"name": record.parameters["estimator"]})
    sections = {_("Model description"): "\n\n".join(filter(None, about))}
    made = [f"{_('Commit')}: {record.source.commit or forms.NOTHING}"]
    for each in lineage.exported(record):
        made.append(f"{_('Notebook')}: {each.notebook}, sha256 {each.notebook_sha256}")
        made.append(f"{_('Module')}: {each.main}, sha256 {each.main_sha256}")
    if record.data is not None:
        data = {
            "name": record.data.name,
            "version": record.data.version,
            "rows": forms.whole(record.data.rows),
        }
        made.append(_("Trained on %(name)s:%(version)s, %(rows)s rows") % data)
    if record.job:
        made.append(f"{_('Training job')}: {record.job}")
    if record.model is not None:
        made.append(f"{_('Model')}: {record.model.name}:{record.model.version}")
        made.append(f"sha256: {record.model.sha256}")
    sections[_("Lineage")] = _bullets(made)
    given = [
        f"{name}: {value}" for name, value in record.parameters.items() if value not in ("", None)
    ]
    if given:
        sections[_("Parameters of the release")] = _bullets(given)
    said = [
        f"{forms.utc(each.time)}: {each.name}, {each.environment}: {_(each.decision)}"
        + (f" ({each.comment})" if each.comment else "")
        for each in record.decisions
    ]
    sections[_("Decisions")] = _bullets(said or [_("Nobody was asked.")])
    return sections


def _tables(record: ReleaseRecord, _: Translate) -> dict[str, tuple[str, Table]]:
    """Sections that are a table: the sentence above it, and the columns."""
    found: dict[str, tuple[str, Table]] = {}
    comparison = record.comparison
    if comparison is not None:
        about = _("Intervals are at %(level)s confidence.") % {
            "level": forms.percent(comparison.confidence)
        }
        rows = f"{_('Rows held out')}: {comparison.rows}. {about}"
        table: Table = {
            _("Metric"): [names.metric_name(metric.name, _) for metric in comparison.metrics],
            _("Challenger"): [forms.figure(metric.challenger) for metric in comparison.metrics],
            _("Interval"): [forms.interval(m.challenger_interval) for m in comparison.metrics],
        }
        if comparison.champion is not None:
            table[_("Champion")] = [forms.figure(metric.champion) for metric in comparison.metrics]
            table[_("Difference")] = [
                f"{forms.signed(m.difference)} {forms.interval(m.difference_interval, sign=True)}"
                for m in comparison.metrics
            ]
        found[_("Metrics")] = (rows, table)
        measured = list(dict.fromkeys(name for part in comparison.slices for name in part.metrics))
        if comparison.slices:
            found[_("By slice")] = ("", {
                _("Slice"): [names.slice_name(part.slice, _) for part in comparison.slices],
                _("Rows"): [part.rows for part in comparison.slices],
                **{
                    names.metric_name(n, _): [
                        forms.figure(p.metrics.get(n)) for p in comparison.slices
                    ]
                    for n in measured
                },
            })  # fmt: skip
    elif record.metrics:
        values = [forms.figure(value) for value in record.metrics.values()]
        found[_("Metrics")] = (
            "",
            {
                _("Metric"): [names.metric_name(name, _) for name in record.metrics],
                _("Value"): values,
            },
        )
    if record.gate is not None:
        found[_("The gate")] = (_(record.gate.verdict), {
            _("Criterion"): [names.judged_name(each.name, _) for each in record.gate.criteria],
            _("Limit"): [names.limit_words(each.limit, _) for each in record.gate.criteria],
            _("Found"): [forms.figure(each.found) for each in record.gate.criteria],
            _("Result"): [_("met") if e.passed else _("not met") for e in record.gate.criteria],
        })  # fmt: skip
    if record.importance:
        found[_("What the model leans on")] = ("", {
            _("Feature"): [each.feature for each in record.importance],
            _("Mean"): [forms.figure(each.mean) for each in record.importance],
        })  # fmt: skip
    return found


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
