"""Quality: the challenger's metrics, compared with the champion, with confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbrelease.records.published import Comparison, Metric
from nbrelease.report import formats, labels
from nbrelease.report.labels import Tone
from nbrelease.report.main_metrics import main_metrics
from nbrelease.report.metric_labels import direction_name, metric_name
from nbrelease.report.overview._facts import Box, Fact, FactWriter

HEADLINE_METRICS = 2
"""Metrics in the box: the main metric and the next one."""


def box(writer: FactWriter) -> Box:
    """The box."""
    _ = writer.translate
    label, comparison = _("Quality"), writer.record.comparison
    if comparison is None:
        return Box("quality", label, *_of_the_training_job(writer))
    metrics = comparison.metrics[:HEADLINE_METRICS]
    if comparison.champion is None or not metrics or metrics[0].difference is None:
        return Box("quality", label, *_without_champion(writer, comparison, metrics))
    details = [_difference(writer, metric) for metric in metrics]
    details.append(
        writer.fact(
            "paired-intervals",
            "%(level)s confidence intervals, paired on the same %(rows)s rows",
            **_level_and_rows(writer, comparison),
        )
    )
    return Box("quality", label, *_result(writer, metrics[0], details))


def _of_the_training_job(writer: FactWriter) -> tuple[Fact, list[Fact]]:
    metrics = main_metrics(writer.record, HEADLINE_METRICS)
    if not metrics:
        return writer.fact("not-measured", "Not measured"), []
    return _values(writer, metrics, "metrics"), [
        writer.fact("not-compared", "Not compared with the champion, no confidence intervals.")
    ]


def _without_champion(
    writer: FactWriter, comparison: Comparison, metrics: list[Metric]
) -> tuple[Fact, list[Fact]]:
    lead = _values(writer, {m.name: m.challenger for m in metrics}, "comparison")
    intervals = [
        writer.fact(
            "interval", "%(metric)s %(interval)s",
            metric=_name_with_direction(writer, metric),
            interval=writer.linked(
                "comparison",
                formats.interval(metric.challenger_interval, like=metric.challenger),
            ),
        )
        for metric in metrics
    ]  # fmt: skip
    return lead, [
        writer.fact("no-champion", "No champion to compare with."),
        *intervals,
        writer.fact(
            "intervals", "%(level)s confidence intervals on %(rows)s held-out rows",
            **_level_and_rows(writer, comparison),
        ),
    ]  # fmt: skip


def _level_and_rows(writer: FactWriter, comparison: Comparison) -> dict[str, Any]:
    return {
        "level": formats.percent(comparison.confidence),
        "rows": writer.linked("comparison", formats.count(comparison.rows)),
    }


def _values(writer: FactWriter, values: Mapping[str, float], source: str) -> Fact:
    import markupsafe

    metrics = [
        writer.fact(
            "value", "%(metric)s %(value)s",
            metric=metric_name(name, writer.translate),
            value=writer.linked(source, formats.metric(value)),
        ).text
        for name, value in values.items()
    ]  # fmt: skip
    return Fact("metrics", markupsafe.Markup(" · ").join(metrics))


def _result(
    writer: FactWriter, metric: Metric, details: list[Fact]
) -> tuple[Fact, list[Fact], Tone]:
    """Better or worse only if the whole interval of the difference is on one side of zero."""
    change = formats.difference(metric.difference, metric.challenger)
    values = {
        "metric": metric_name(metric.name, writer.translate),
        "difference": writer.linked("comparison", change),
    }
    tone = labels.tone_of_interval(metric.difference_interval, metric.direction)
    if tone == "good":
        lead = writer.fact("better", "Better: %(metric)s %(difference)s", **values)
    elif tone == "bad":
        lead = writer.fact("worse", "Worse: %(metric)s %(difference)s", **values)
    elif tone == "wait":
        lead = writer.fact(
            "not-significant", "No significant difference: %(metric)s %(difference)s", **values
        )
    else:
        lead = writer.fact(
            "no-interval", "%(metric)s %(difference)s, no confidence interval", **values
        )
    return lead, details, tone


def _difference(writer: FactWriter, metric: Metric) -> Fact:
    like = metric.challenger
    change = formats.difference(metric.difference, like)
    bounds = formats.interval(metric.difference_interval, signed=True, like=like)
    return writer.fact(
        "difference", "%(metric)s %(old)s → %(new)s, difference %(difference)s",
        metric=_name_with_direction(writer, metric),
        old=writer.linked("comparison", formats.metric(metric.champion, like)),
        new=writer.linked("comparison", formats.metric(metric.challenger, like)),
        difference=writer.linked("comparison", f"{change} {bounds}"),
    )  # fmt: skip


def _name_with_direction(writer: FactWriter, metric: Metric) -> str:
    """The metric's label; where lower is better, it says so."""
    name = metric_name(metric.name, writer.translate)
    if metric.direction == "higher":
        return name
    return f"{name} ({direction_name(metric.direction, writer.translate)})"
