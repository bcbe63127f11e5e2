"""Figures for runbooks: distributions, feature importance, calibration, charts of a comparison."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbrelease.quality.columns import Kind, detect_kind
from nbrelease.records.published import Comparison, Fairness, Importance, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
GREY, BLUE, RED = "#8a8f98", "#1f5fbf", "#b3261e"
LABELLED_CLASSES = 12
"""More classes than these have a confusion matrix without numbers."""
CURVES = {
    "roc": ("ROC curve", "false positive rate", "true positive rate"),
    "precision_recall": ("Precision-recall curve", "recall", "precision"),
    "calibration": ("Calibration curve", "predicted probability", "observed share"),
    "predicted_actual": ("Predicted and actual", "predicted", "actual"),
    "residuals": ("Residuals", "predicted", "actual minus predicted"),
    "errors_by_horizon": ("Error by horizon", "steps ahead", "mean absolute error"),
}
"""Title and axes of each kind of curves."""


def render(figure: Figure, alt: str) -> Any:
    """A figure as a PNG image for a cell; a Figure itself is shown only after pyplot's import.

    Args:
        figure: of this module.
        alt: the alternative text of the image.
    """
    from IPython.display import Image

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return Image(data=content.getvalue(), format="png", alt=alt)


def plot_distributions(
    reference: pd.DataFrame, current: pd.DataFrame, *, drifted: Collection[str] = ()
) -> Figure:
    """The distribution of each column of ``reference`` (grey) and ``current`` (blue).

    Numbers, dates and lengths of texts have histograms, categories have bars; all are shares of
    the rows.

    Args:
        reference: its values decide the kind of each column.
        current: the same columns; one that is missing has no bars.
        drifted: columns to mark.
    """
    from matplotlib.figure import Figure

    count = len(reference.columns)
    lines = -(-count // COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 2.3 * lines), layout="constrained")
    for number, name in enumerate(reference):
        axes = figure.add_subplot(lines, COLUMNS, number + 1)
        kind = detect_kind(reference[name])
        now = current[name] if name in current else pd.Series(dtype=object)
        _draw_bars(axes, kind, *(kind.convert(each).dropna() for each in (reference[name], now)))
        title, color = (f"{name}: drift", RED) if name in drifted else (str(name), "black")
        axes.set_title(title, fontsize=10, color=color, loc="left")
        axes.tick_params(labelsize=8)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _draw_bars(axes: Any, kind: Kind, before: pd.Series, now: pd.Series) -> None:
    bars = kind.bars(before, now)
    if bars.edges is None:
        places: Any = np.arange(len(bars.before))
        axes.bar(places, bars.before, width=0.8, color=GREY)
        axes.bar(places, bars.now, width=0.8, fill=False, edgecolor=BLUE, lw=1.5)
        labels = [label if len(label) <= 10 else f"{label[:9]}…" for label in bars.labels or ()]
        axes.set_xticks(places, labels, rotation=45, ha="right")
        return
    edges: list[Any] = [*bars.edges]
    if kind.name == "date":
        edges = [np.datetime64(round(edge * 1000), "ms") for edge in edges]
    axes.stairs(bars.before, edges, fill=True, color=GREY)
    if len(now):
        axes.stairs(bars.now, edges, color=BLUE, lw=1.5)
    if kind.name == "text":
        axes.set_xlabel("characters", fontsize=8)


def plot_importance(importances: Sequence[Importance], metric: str | None) -> Figure:
    """Permutation importance of each feature, with its standard deviation over the shuffles.

    Args:
        importances: the largest first.
        metric: whose loss the importance is.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.35 * len(importances) + 1), layout="constrained")
    axes = figure.subplots()
    rows = list(reversed(importances))
    names, means = [row.feature for row in rows], [row.mean for row in rows]
    deviations = [row.std or 0.0 for row in rows]
    axes.barh(names, means, xerr=deviations, color=BLUE, error_kw={"ecolor": "black", "capsize": 3})
    label = f"Loss of {metric or 'the metric'} when the column is shuffled"
    axes.set_xlabel(f"{label}, mean and spread of five shuffles")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def plot_calibration(fairness: Fairness) -> Figure:
    """Observed shares over predicted probabilities, a panel for each group."""
    from matplotlib.figure import Figure

    groups = {str(each["group"]): each for each in fairness.groups}
    figure = Figure(figsize=(2.6 * len(groups), 2.9), layout="constrained")
    panels = figure.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)
    for axes, (name, group) in zip(panels[0], groups.items(), strict=True):
        predicted, observed = zip(*fairness.calibration[name], strict=True)
        axes.plot([0, 1], [0, 1], color=GREY, lw=1)
        axes.plot(predicted, observed, color=BLUE, marker="o", ms=4)
        axes.set_title(f"{fairness.sensitive} {name}, {group['rows']} rows", fontsize=9)
        axes.set_xlabel("predicted", fontsize=9)
        axes.tick_params(labelsize=8)
    panels[0][0].set_ylabel("observed", fontsize=9)
    return figure


def plot_curves(comparison: Comparison) -> Figure | None:
    """The charts of both models, a panel for each kind; None where the task has none."""
    from matplotlib.figure import Figure

    if comparison.curves is None:
        return None
    models = {"challenger": comparison.curves.challenger}
    if comparison.curves.champion is not None:
        models = {"champion": comparison.curves.champion, **models}
    confusion = comparison.curves.challenger.confusion
    kinds = [kind for kind in CURVES if any(getattr(each, kind) for each in models.values())]
    if not (count := len(kinds) + (confusion is not None)):
        return None
    figure = Figure(figsize=(3.4 * count, 3.2), layout="constrained")
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    for axes, kind in zip(panels, kinds, strict=False):
        _plot_curve(axes, kind, {name: getattr(each, kind) for name, each in models.items()})
    if confusion is not None:
        _plot_confusion(panels[-1], confusion, comparison.classes)
    return figure


def _plot_curve(axes: Axes, kind: str, points: dict[str, Sequence[Point]]) -> None:
    title, x_label, y_label = CURVES[kind]
    scattered = kind in ("predicted_actual", "residuals")
    for name, pairs in points.items():
        color = BLUE if name == "challenger" else GREY
        line, size = ("", 3) if scattered else ("-", 4)
        x, y = np.reshape(pairs, (-1, 2)).T
        axes.plot(x, y, color=color, label=name, ls=line, marker=".", ms=size)
    if kind in ("roc", "calibration", "predicted_actual"):
        axes.axline((0, 0), slope=1, color=GREY, lw=0.8)
    if kind == "residuals":
        axes.axhline(0, color=GREY, lw=0.8)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x_label, fontsize=9)
    axes.set_ylabel(y_label, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8)


def _plot_confusion(axes: Axes, confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> None:
    """The challenger's confusion matrix; a cell is darker the more of the actual class it has."""
    counts = np.array(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= LABELLED_CLASSES:
        for (row, column), number in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(number), ha="center", va="center", color=color, fontsize=8)
        axes.set_xticks(range(len(classes)), classes, fontsize=8, rotation=90)
        axes.set_yticks(range(len(classes)), classes, fontsize=8)
    axes.set_title("Confusion matrix of the challenger", fontsize=10, loc="left")
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("actual", fontsize=9)
