"""Pictures for runbooks: what moved, what a model leans on, how it is calibrated by group."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 30
COLUMNS = 4
GREY, BLUE, RED = "#8a8f98", "#1f5fbf", "#b3261e"


def image(figure: Figure, alt: str) -> Any:
    """A figure as a cell shows it; a bare Figure is one only where pyplot was imported before.

    Args:
        figure: of this module.
        alt: what it shows, for those who cannot see it.
    """
    from IPython.display import Image

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return Image(data=content.getvalue(), format="png", alt=alt)


def distributions(
    reference: pd.DataFrame, current: pd.DataFrame, *, moved: Collection[str] = ()
) -> Figure:
    """Each column of ``reference`` as it was and as it is, shares of rows over values.

    Args:
        reference: columns of numbers.
        current: the same ones; one that is missing is drawn as nothing.
        moved: columns whose title is to say so.
    """
    from matplotlib.figure import Figure

    count = len(reference.columns)
    lines = -(-count // COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 2.3 * lines), layout="constrained")
    for number, name in enumerate(reference):
        axes = figure.add_subplot(lines, COLUMNS, number + 1)
        old = reference[name].dropna().to_numpy(float)
        found = pd.to_numeric(current[name], errors="coerce") if name in current else pd.Series()
        new = found.dropna().to_numpy(float)
        both = np.concatenate([old, new])
        low, high = np.quantile(both, [0.005, 0.995]) if len(both) else (0.0, 1.0)
        edges = np.linspace(float(low), float(high), BINS + 1).tolist()
        if len(old):
            axes.hist(old, bins=edges, weights=np.full(len(old), 1 / len(old)), color=GREY)
        if len(new):
            shares = np.full(len(new), 1 / len(new))
            axes.hist(new, bins=edges, weights=shares, color=BLUE, histtype="step", lw=1.5)
        said = f"{name} moved" if name in moved else str(name)
        axes.set_title(said, fontsize=10, color=RED if name in moved else "black", loc="left")
        axes.tick_params(labelsize=8)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def importances(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """How much each feature matters, with the spread over the shuffles.

    Args:
        rows: of :func:`nbrelease.quality.responsible.importance`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.35 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    names = [row["feature"] for row in reversed(rows)]
    means, spread = ([row[key] for row in reversed(rows)] for key in ("mean", "std"))
    axes.barh(names, means, xerr=spread, color=BLUE, error_kw={"ecolor": "black", "capsize": 3})
    axes.set_xlabel("ROC AUC lost when the column is shuffled, with its spread over five shuffles")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def calibration(fairness: Mapping[str, Any]) -> Figure:
    """Predicted probabilities against observed shares, a panel for each group.

    Args:
        fairness: of :func:`nbrelease.quality.responsible.fairness`.
    """
    from matplotlib.figure import Figure

    groups = {each["group"]: each for each in fairness["groups"]}
    figure = Figure(figsize=(2.6 * len(groups), 2.9), layout="constrained")
    panels = figure.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)
    for axes, (name, group) in zip(panels[0], groups.items(), strict=True):
        predicted, observed = zip(*fairness["calibration"][name], strict=True)
        axes.plot([0, 1], [0, 1], color=GREY, lw=1)
        axes.plot(predicted, observed, color=BLUE, marker="o", ms=4)
        axes.set_title(f"{fairness['sensitive']} {name}, {group['rows']} rows", fontsize=9)
        axes.set_xlabel("predicted", fontsize=9)
        axes.tick_params(labelsize=8)
    panels[0][0].set_ylabel("observed", fontsize=9)
    return figure
