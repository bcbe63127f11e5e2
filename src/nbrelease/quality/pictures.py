"""Pictures of what moved, for the runbook of the monitor."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 30
COLUMNS = 4
GREY, BLUE, RED = "#8a8f98", "#1f5fbf", "#b3261e"


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
