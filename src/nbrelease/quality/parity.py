"""Parity: the answers of an endpoint compared with the predictions of the training job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""How far an answer may be from the job's prediction: libraries sum in another order."""


@dataclass(frozen=True)
class Parity:
    """Answers compared with the job's predictions.

    ``different``: positions of the rows that differ. ``max_abs_diff``: of numbers; of labels 1
    where any differs. ``tolerance``: how far the largest number may be off; 0 for labels.
    """

    rows: int
    different: list[int]
    max_abs_diff: float
    tolerance: float


def compare_answers(expected: Sequence[Any], answers: Sequence[Any]) -> Parity:
    """Compare answers with the job's predictions: numbers by closeness, labels by equality.

    Args:
        expected: the predictions of the job, of length rows.
        answers: of an endpoint.

    Raises:
        ValueError: another number of answers.
    """
    if len(expected) != len(answers):
        raise ValueError(f"{len(expected)} rows in, {len(answers)} predictions out")
    differences = [_difference(one, other) for one, other in zip(expected, answers, strict=True)]
    tolerances = [_tolerance(one) for one in expected]
    different = [
        row
        for row, (difference, tolerance) in enumerate(zip(differences, tolerances, strict=True))
        if not difference <= tolerance
    ]
    largest, tolerance = max(differences, default=0.0), max(tolerances, default=0.0)
    return Parity(len(expected), different, largest, tolerance)


def _difference(expected: Any, answer: Any) -> float:
    import numpy as np

    if hasattr(expected, "tolist"):
        expected = expected.tolist()
    if isinstance(expected, list) and isinstance(answer, list) and len(expected) == len(answer):
        pairs = zip(expected, answer, strict=True)
        return max((_difference(*pair) for pair in pairs), default=0.0)
    if isinstance(expected, float):
        number = isinstance(answer, int | float) and not isinstance(answer, bool)
        if not number and answer is not None:
            return float("inf")
        if expected != expected:  # NaN is null in JSON
            return 0.0 if answer is None or answer != answer else float("inf")
        return abs(float(np.inf if answer is None else answer) - expected)
    return 0.0 if type(expected) is type(answer) and expected == answer else 1.0


def _tolerance(expected: Any) -> float:
    import numpy as np

    values = np.asarray(expected)
    if values.dtype.kind != "f":
        return 0.0
    return ABSOLUTE + RELATIVE * float(np.abs(np.nan_to_num(values)).max(initial=0.0))
