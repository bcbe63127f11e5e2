"""The metrics of the criteria and of the task, prepared for challenger and champion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from nbrelease.errors import SettingsError
from nbrelease.quality.criteria import Criteria
from nbrelease.quality.metrics import Measure, Metric, get_metric
from nbrelease.quality.predictions import Predictions, ScoredRows
from nbrelease.quality.tasks import Task, get_task
from nbrelease.quality.values import format_value


def find_metrics(criteria: Criteria, task: str, own_metrics: Sequence[Metric] = ()) -> list[Metric]:
    """The metrics that the criteria name, the main one first, then those of the task.

    Raises:
        SettingsError: there is no such metric, or it is not for this task.
    """
    of_task = get_task(task)
    limits = [*criteria.metrics, *(criteria.slices.limits if criteria.slices else ())]
    names = dict.fromkeys([*(each.metric for each in limits), *of_task.metrics])
    if not names:
        raise SettingsError(f"criteria: metrics: name one; task = {task} has none of its own")
    metrics = [get_metric(name, own_metrics) for name in names]
    for each in metrics:
        check_kind(each, task)
    return metrics


def check_kind(metric: Metric, task: str) -> None:
    """Raise a SettingsError if a metric is not for a task."""
    kind = "classification" if get_task(task).classifier else "regression"
    if task != "custom" and metric.kind not in (kind, "any"):
        raise SettingsError(
            f"criteria: {metric.name} is a metric of {metric.kind}, and task = {task}"
        )


class Models:
    """The predictions of challenger and champion in the form that metrics need."""

    def __init__(self, predictions: Predictions, task: str) -> None:
        self.task_name = task
        self.task: Task = get_task(task)
        if task == "binary" and predictions.positive is None and len(predictions.classes) == 2:
            # Also where a model predicts a third value, the second class is the positive one.
            positive = format_value(predictions.classes[1])
            predictions = replace(predictions, positive=positive)
        self._predictions = predictions
        self._rows: dict[bool, tuple[ScoredRows, ScoredRows | None]] = {}

    @property
    def scored_rows(self) -> tuple[ScoredRows, ScoredRows | None]:
        """Challenger and champion, with classes if the task has them."""
        return self._scored_rows(classify=self.task.classifier)

    def prepare(self, metric: Metric) -> ModelMetric:
        """The measures of a metric.

        Raises:
            SettingsError: it cannot be measured on the challenger.
        """
        classify = self.task.classifier if metric.kind == "any" else metric.kind == "classification"
        challenger, champion = self._scored_rows(classify=classify)
        if not self.has_probability(metric):
            raise SettingsError(
                f"criteria: {metric.name} needs probabilities, and the model has none"
            )
        if champion is not None and metric.probability and champion.scores.probability is None:
            champion = None
        return ModelMetric(
            metric,
            metric.prepare(challenger),
            None if champion is None else metric.prepare(champion),
        )

    def has_probability(self, metric: Metric) -> bool:
        """Whether the challenger has what a metric needs."""
        return not metric.probability or self._predictions.challenger.probability is not None

    def _scored_rows(self, *, classify: bool) -> tuple[ScoredRows, ScoredRows | None]:
        if classify not in self._rows:
            self._rows[classify] = self._predictions.scored_rows(classify=classify)
        return self._rows[classify]


class ModelMetric(NamedTuple):
    """A metric with the measure of each model; None where the champion cannot be measured."""

    metric: Metric
    challenger: Measure
    champion: Measure | None
