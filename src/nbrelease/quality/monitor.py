"""Watch a released model: windows of collected requests against what it was trained on.

One window that looks odd is no alarm; several of the last ones are. A window with too few rows is
not judged, and when none could be judged that is said, because a collector that is silent is no
sign of health.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from nbrelease.quality import drift
from nbrelease.quality.criteria import Monitor

PREDICTION = "prediction"
LABEL = "label"
TIME = "time"


@dataclass(frozen=True)
class Reference:
    """What a model was released with.

    ``features`` has one row for each held-out row, ``predictions`` the model's class for each, and
    ``labels`` the true one.
    """

    features: pd.DataFrame
    predictions: pd.Series
    labels: pd.Series


def windows(
    collected: pd.DataFrame,
    reference: Reference,
    limits: Monitor,
    *,
    until: datetime,
    hours: float,
) -> list[dict[str, Any]]:
    """Judge the last windows.

    Args:
        collected: a row for each that was asked for: ``time`` (UTC), the features, ``prediction``
            and, where it has arrived, ``label``; missing ones are nan.
        reference: what they are held against.
        limits: of the criteria file.
        until: the end of the last window.
        hours: the length of each.

    Returns:
        Oldest first: start, end, rows, labels (how many have arrived), judged, breached, findings,
        why.
    """
    found = []
    for back in range(limits.windows, 0, -1):
        start = until - timedelta(hours=hours * back)
        end = start + timedelta(hours=hours)
        inside = collected[(collected[TIME] >= start) & (collected[TIME] < end)]
        found.append(_window(inside, reference, limits, start, end))
    return found


def alarm(judged_windows: list[dict[str, Any]], limits: Monitor) -> dict[str, Any]:
    """What all windows together come to.

    Returns:
        verdict (``calm``, ``drift`` or ``unknown`` when none could be judged), breached, judged,
        needed, why (each thing that moved in the last breached window).
    """
    counted = [window for window in judged_windows if window["judged"]]
    breached = [window for window in counted if window["breached"]]
    verdict = "unknown" if not counted else "calm"
    if len(breached) >= limits.breached:
        verdict = "drift"
    return {
        "verdict": verdict,
        "breached": len(breached),
        "judged": len(counted),
        "needed": limits.breached,
        "why": breached[-1]["why"] if breached else [],
    }


def _window(
    rows: pd.DataFrame, reference: Reference, limits: Monitor, start: datetime, end: datetime
) -> dict[str, Any]:
    enough = len(rows) >= limits.smallest
    findings = _findings(rows, reference, limits) if enough else []
    why = [each.why for each in findings if each.drifted]
    labels = int(rows[LABEL].notna().sum()) if LABEL in rows else 0
    return {
        "start": start.isoformat(timespec="seconds"),
        "end": end.isoformat(timespec="seconds"),
        "rows": len(rows),
        "labels": labels,
        "judged": enough,
        "breached": bool(why),
        "findings": [each.shown() for each in findings],
        "why": why,
    }


def _findings(rows: pd.DataFrame, reference: Reference, limits: Monitor) -> list[drift.Finding]:
    more = []
    answered = rows[rows[PREDICTION].notna()] if PREDICTION in rows else rows.head(0)
    if len(answered):
        more.append(
            drift.categories(
                PREDICTION,
                reference.predictions.astype(float),
                answered[PREDICTION].astype(float),
                limits,
            )
        )
    known = answered[answered[LABEL].notna()] if LABEL in answered else answered.head(0)
    if len(known) >= limits.smallest:
        wrong_now = int((known[PREDICTION].astype(float) != known[LABEL].astype(float)).sum())
        right = reference.predictions.to_numpy(float) == reference.labels.to_numpy(float)
        more.append(
            drift.proportion(
                "performance",
                "wrong answers",
                (int((~right).sum()), len(right)),
                (wrong_now, len(known)),
                limits.accuracy_loss,
            )
        )
    return drift.compare(reference.features, rows, limits, *more)
