"""Monitor a released model: compare windows of collected requests with its training data.

One window with drift is not an alarm; several of the last windows are. A window with too few rows
is not judged. When no window could be judged the verdict is ``unknown``, because the data collector
may be off.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nbrelease.errors import SettingsError
from nbrelease.quality import drift
from nbrelease.quality.columns import statistics
from nbrelease.quality.criteria import Monitor
from nbrelease.quality.finding import Finding
from nbrelease.quality.values import format_value

PREDICTION = "prediction"
LABEL = "label"
TIME = "time"


@dataclass(frozen=True)
class Reference:
    """The held-out rows of the model's training, shape (rows, columns).

    ``predictions`` holds the model's class or number for each row and ``labels`` the true one;
    which of the two it is follows from ``task``, and from the values where the task does not say.
    """

    features: pd.DataFrame
    predictions: pd.Series
    labels: pd.Series
    task: str = ""


class Window(BaseModel):
    """The rows of one window, and the drift in them.

    ``labels`` counts the rows whose label has arrived; ``why`` has a line for each finding that
    drifted. ``breached`` is whether there is one.
    """

    model_config = ConfigDict(frozen=True)

    start: str
    end: str
    rows: int
    labels: int
    judged: bool
    breached: bool
    findings: list[Finding]
    why: list[str]


class MonitorResult(BaseModel):
    """The verdict on all windows. ``why``: the drift in the last window that has any."""

    model_config = ConfigDict(frozen=True)

    verdict: Literal["calm", "drift", "unknown"]
    breached: int
    judged: int
    needed: int
    why: list[str]


def parse_end(text: str) -> datetime:
    """The end of the last window.

    Args:
        text: ISO 8601, in UTC unless it has a time zone; empty: now.

    Raises:
        SettingsError: it is not a time in ISO 8601.
    """
    if not text:
        return datetime.now(UTC)
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"monitor_until: must be a time such as 2026-01-31T12:00:00+00:00 (got {text})"
        ) from None
    return end if end.tzinfo else end.replace(tzinfo=UTC)


def judge_windows(
    collected: pd.DataFrame,
    reference: Reference,
    limits: Monitor,
    *,
    until: datetime,
    hours: float,
) -> list[Window]:
    """Judge the last windows.

    Args:
        collected: a row for each prediction: ``time`` (UTC), the features, ``prediction`` and,
            where it has arrived, ``label``; missing values are nan.
        reference: what to compare them with.
        limits: of the criteria file.
        until: the end of the last window.
        hours: the length of each window.

    Returns:
        The windows, oldest first.
    """
    windows = []
    for age in range(limits.windows, 0, -1):
        start = until - timedelta(hours=hours * age)
        end = start + timedelta(hours=hours)
        inside = collected[(collected[TIME] >= start) & (collected[TIME] < end)]
        windows.append(_judge_window(inside, reference, limits, start, end))
    return windows


def summarize(windows: list[Window], limits: Monitor) -> MonitorResult:
    """The verdict: ``drift``, ``calm``, or ``unknown`` where no window could be judged."""
    judged = [window for window in windows if window.judged]
    breached = [window for window in judged if window.breached]
    verdict: Literal["calm", "drift", "unknown"] = "calm" if judged else "unknown"
    if len(breached) >= limits.breached:
        verdict = "drift"
    return MonitorResult(
        verdict=verdict,
        breached=len(breached),
        judged=len(judged),
        needed=limits.breached,
        why=breached[-1].why if breached else [],
    )


def _judge_window(
    rows: pd.DataFrame, reference: Reference, limits: Monitor, start: datetime, end: datetime
) -> Window:
    judged = len(rows) >= limits.smallest
    findings = _find_drift(rows, reference, limits) if judged else []
    why = [each.why for each in findings if each.drifted]
    return Window(
        start=start.isoformat(timespec="seconds"),
        end=end.isoformat(timespec="seconds"),
        rows=len(rows),
        labels=int(rows[LABEL].notna().sum()) if LABEL in rows else 0,
        judged=judged,
        breached=bool(why),
        findings=findings,
        why=why,
    )


def _find_drift(rows: pd.DataFrame, reference: Reference, limits: Monitor) -> list[Finding]:
    results = []
    predicted = rows[rows[PREDICTION].notna()] if PREDICTION in rows else rows.head(0)
    if len(predicted):
        results += drift.compare_predictions(
            PREDICTION, reference.predictions, predicted[PREDICTION], limits, reference.task
        )
    labelled = predicted[predicted[LABEL].notna()] if LABEL in predicted else predicted.head(0)
    if len(labelled) >= limits.smallest:
        numbers = drift.are_numbers(reference.predictions, reference.task)
        compare = _compare_errors if numbers else _compare_wrong
        results += compare(reference, labelled, limits)
    return drift.find_drift(reference.features, rows, limits, *results)


def _compare_wrong(reference: Reference, labelled: pd.DataFrame, limits: Monitor) -> list[Finding]:
    """Are more predictions wrong?"""
    before = _count_wrong(reference.predictions, reference.labels)
    now = _count_wrong(labelled[PREDICTION], labelled[LABEL])
    question = "share of wrong predictions"
    return [statistics.compare_shares("performance", question, before, now, limits.accuracy_loss)]


def _compare_errors(reference: Reference, labelled: pd.DataFrame, limits: Monitor) -> list[Finding]:
    """Is the mean absolute error larger?"""
    before = _absolute_errors(reference.predictions, reference.labels)
    now = _absolute_errors(labelled[PREDICTION], labelled[LABEL])
    if not len(before) or not len(now):
        return []
    means = float(before.mean()), float(now.mean())
    increase = means[1] / means[0] - 1 if means[0] else float(means[1] > 0)
    finding = statistics.compare_means(
        "performance",
        "mean absolute error",
        before,
        now,
        ("error_increase", increase, limits.error_increase),
        (f"{means[0]:.4g}", f"{means[1]:.4g}"),
    )
    return [finding]


def _count_wrong(predictions: pd.Series, labels: pd.Series) -> tuple[int, int]:
    """The wrong predictions, and all."""
    pairs = zip(predictions, labels, strict=True)
    wrong = sum(format_value(prediction) != format_value(label) for prediction, label in pairs)
    return wrong, len(predictions)


def _absolute_errors(predictions: pd.Series, labels: pd.Series) -> NDArray[np.float64]:
    known = [pd.to_numeric(each, errors="coerce").to_numpy(float) for each in (predictions, labels)]
    errors: NDArray[np.float64] = np.abs(known[0] - known[1])
    return errors[np.isfinite(errors)]
