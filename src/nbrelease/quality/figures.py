"""Figures for runbooks: distributions, feature importance, calibration by group."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbrelease.records.published import Fairness, Importance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 30
COLUMNS = 4
GREY, BLUE, RED = "#8a8f98", "#1f5fbf", "#b3261e"


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
    """Histograms of each column of ``reference`` (grey) and ``current`` (blue), in shares of rows.

    Args:
        reference: numeric columns.
        current: the same columns; one that is missing has no histogram.
        drifted: columns to mark.
    """
    from matplotlib.figure import Figure

    count = len(reference.columns)
    lines = -(-count // COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 2.3 * lines), layout="constrained")
    for number, name in enumerate(reference):
        axes = figure.add_subplot(lines, COLUMNS, number + 1)
        old = reference[name].dropna().to_numpy(float)
        column = pd.to_numeric(current[name], errors="coerce") if name in current else pd.Series()
        new = column.dropna().to_numpy(float)
        both = np.concatenate([old, new])
        low, high = np.quantile(both, [0.005, 0.995]) if len(both) else (0.0, 1.0)
        edges = np.linspace(float(low), float(high), BINS + 1).tolist()
        if len(old):
            axes.hist(old, bins=edges, weights=np.full(len(old), 1 / len(old)), color=GREY)
        if len(new):
            shares = np.full(len(new), 1 / len(new))
            axes.hist(new, bins=edges, weights=shares, color=BLUE, histtype="step", lw=1.5)
        title, color = (f"{name}: drift", RED) if name in drifted else (str(name), "black")
        axes.set_title(title, fontsize=10, color=color, loc="left")
        axes.tick_params(labelsize=8)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


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
