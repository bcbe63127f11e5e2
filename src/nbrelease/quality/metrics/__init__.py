"""Metrics by scikit-learn's scorer names, measured on many samples of the rows at once.

A metric is prepared for one model and then measured on positions of rows: of shape (..., n) it
gives (...). Bootstrap samples are one more dimension of the positions, and each group of rows is a
part of them. A metric that is better when it is lower has the name of its scorer without ``neg_``.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from nbrelease.errors import SettingsError
from nbrelease.quality.metrics import classification, probability, regression
from nbrelease.quality.metrics.metric import Measure, Metric, MetricKind
from nbrelease.quality.metrics.own import make_own_metric, read_own_metrics
from nbrelease.quality.metrics.scorer import make_scorer_metric

__all__ = ["Measure", "Metric", "MetricKind", "get_metric", "make_own_metric", "read_own_metrics"]

VECTORIZED = {
    each.name: each for each in (*classification.METRICS, *probability.METRICS, *regression.METRICS)
}


def get_metric(name: str, own: Sequence[Metric] = ()) -> Metric:
    """The metric with a name.

    Args:
        name: as in criteria.yml: of a function of the project, or of a scorer of scikit-learn.
        own: the metrics of the project; they come first.

    Raises:
        SettingsError: there is no such metric; names the closest one.
    """
    for each in own:
        if each.name == name:
            return each
    if name in VECTORIZED:
        return VECTORIZED[name]
    from sklearn.metrics import get_scorer_names

    scorers = {each.removeprefix("neg_"): each for each in get_scorer_names()}
    if name in scorers:
        return make_scorer_metric(name, scorers[name])
    if (positive := name.removeprefix("neg_")) in scorers and positive != name:
        raise SettingsError(f"criteria: {name}: write {positive}; it is better when it is lower")
    known = [*(each.name for each in own), *scorers]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else (
        "it is neither a scorer of scikit-learn nor a function in a cell tagged metric"
    )  # fmt: skip
    raise SettingsError(f"criteria: unknown metric {name}; {hint}")
