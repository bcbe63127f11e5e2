"""Describe and check training data, and measure its drift from the champion's data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbrelease.errors import SettingsError
from nbrelease.quality.columns import KINDS, Kind, detect_kind
from nbrelease.quality.columns.statistics import count_distinct
from nbrelease.quality.criteria import ColumnLimits, Criteria, LabelLimits, Limit
from nbrelease.quality.gate import Measurement, evaluate_limits
from nbrelease.quality.metrics.probability import roc_auc
from nbrelease.quality.tables import BatchReader, RetypeError
from nbrelease.quality.tasks import CLASSIFICATION, NUMBERS
from nbrelease.quality.values import format_value
from nbrelease.records.criterion import CriterionResult
from nbrelease.records.published import Column, DataProfile, Drift

if TYPE_CHECKING:
    import pyarrow as pa

LEAKAGE_LIMIT = 0.1
"""How far from 0.5 the area under the ROC curve of ids as a score of the label may be."""
SHOWN_ROWS = 5


def profile_data(
    path: Path | str, criteria: Criteria, label: str, task: str = "binary"
) -> DataProfile:
    """Describe and check training data, a batch of rows at a time.

    Args:
        path: a CSV or Parquet file, or a folder of them.
        criteria: of the criteria file.
        label: the name of the label's column.
        task: decides how the label is checked.

    Returns:
        The profile; ``overlap`` and ``drift`` are None until the training job has run.

    Raises:
        DataError: the data cannot be read.
        SettingsError: the limits of the label do not fit the task.
    """
    limits = criteria.data.columns
    reader = BatchReader(Path(path), {name for name in limits if limits[name].reads_as_text})
    while True:
        data = _DataSummary(criteria, label, task)
        try:
            for batch in reader.read():
                data.add(batch)
        except RetypeError:  # at most twice for each column
            continue
        return data.profile(reader)


def measure_drift(older: pd.DataFrame, newer: pd.DataFrame) -> list[Drift]:
    """The population stability index of each column that both have, the largest first."""
    drift = []
    for name in newer:
        if name in older:
            kind = detect_kind(older[name])
            samples = (kind.convert(rows[name]).dropna() for rows in (older, newer))
            drift.append(
                Drift(column=str(name), kind=kind.name, psi=_finite(kind.stability_index(*samples)))
            )
    return sorted(drift, key=lambda row: -(row.psi or 0.0))


class _ColumnSummary:
    """A summary of one column, batch by batch."""

    def __init__(self, sample: pd.Series, limits: ColumnLimits) -> None:
        needed = limits.needed_kind
        self.kind: Kind = KINDS[needed] if needed else detect_kind(sample)
        self._limits = limits
        self._profile = self.kind.start_profile(limits)
        self.rows = self.missing = self.unreadable = 0

    def add(self, values: pd.Series) -> None:
        known = values.dropna()
        readable = self.kind.convert(known).dropna()
        self.rows += len(values)
        self.missing += len(values) - len(known)
        self.unreadable += len(known) - len(readable)
        self._profile.add(readable)

    @property
    def constant(self) -> bool:
        """Whether all numbers are the same."""
        measured = self._profile.measure()
        return measured["least"] == measured["most"]

    def describe(self, name: str, dtype: str) -> Column:
        return Column(
            name=name,
            type="float64" if dtype.startswith(("int", "uint")) and self.missing else dtype,
            kind=self.kind.name,
            missing=self.missing,
            **self._profile.describe(),
        )

    def check(self, name: str) -> list[CriterionResult]:
        limits = self._limits
        measured = {
            "missing": self.missing / self.rows if self.rows else float("nan"),
            "unreadable": float(self.unreadable),
            **self._profile.measure(),
        }
        applied = [Limit(metric="missing", at_most=limits.missing)]
        if limits.needed_kind is not None:
            applied.append(Limit(metric="unreadable", at_most=0))
        if isinstance(limits.min, float):
            applied.append(Limit(metric="least", at_least=limits.min))
        elif limits.min is not None:
            applied.append(Limit(metric="too_early", at_most=0))
        if isinstance(limits.max, float):
            applied.append(Limit(metric="most", at_most=limits.max))
        elif limits.max is not None:
            applied.append(Limit(metric="too_late", at_most=0))
        if limits.values is not None:
            applied.append(Limit(metric="other_values", at_most=0))
        if limits.pattern is not None:
            applied.append(Limit(metric="mismatches", at_most=0))
        if limits.min_length is not None:
            applied.append(Limit(metric="shortest", at_least=limits.min_length))
        if limits.max_length is not None:
            applied.append(Limit(metric="longest", at_most=limits.max_length))
        return evaluate_limits(applied, {k: Measurement(v) for k, v in measured.items()}, name)


class _DataSummary:
    """A summary of the data, batch by batch."""

    def __init__(self, criteria: Criteria, label: str, task: str) -> None:
        self._criteria, self._label, self._task = criteria.data, label, task
        self._limits = dict(criteria.data.columns)
        if task in NUMBERS:
            self._limits[label] = _limit_number(
                self._limits.get(label, ColumnLimits()), label, task
            )
        self._columns: dict[str, _ColumnSummary] = {}
        self._hashes: list[NDArray[np.uint64]] = []
        self._ids: list[NDArray[Any]] = []
        self._classes = _ClassSummary()

    def add(self, batch: pd.DataFrame) -> None:
        id_column = self._criteria.id_column
        for name, values in batch.items():
            summary = self._columns.get(str(name))
            if summary is None:
                limits = self._limits.get(str(name), ColumnLimits())
                summary = self._columns[str(name)] = _ColumnSummary(values, limits)
            summary.add(values)
        rows = batch.drop(columns=id_column or [], errors="ignore")
        hashes = pd.util.hash_pandas_object(rows, index=False)
        self._hashes.append(hashes.to_numpy().astype(np.uint64))
        if self._task in CLASSIFICATION and self._label in batch:
            known = batch[batch[self._label].notna()]
            self._classes.add(known[self._label])
            if self._task == "binary" and id_column in batch:
                self._ids.append(_sortable(known[id_column]))

    def profile(self, reader: BatchReader) -> DataProfile:
        rows = sum(map(len, self._hashes))
        duplicates = rows - count_distinct(self._hashes)
        return DataProfile(
            rows=rows,
            duplicates=duplicates,
            columns=[
                each.describe(name, _name_type(reader.types[name]))
                for name, each in self._columns.items()
            ],
            checks=[
                *_check_rows(rows, reader),
                *self._check_duplicates(duplicates, rows),
                *self._check_columns(),
                *self._check_label(),
                *self._check_leakage(),
            ],
        )

    def _check_duplicates(self, duplicates: int, rows: int) -> list[CriterionResult]:
        share = Measurement(duplicates / rows if rows else None)
        limit = Limit(metric="duplicates", at_most=self._criteria.duplicates)
        return evaluate_limits([limit], {limit.metric: share})

    def _check_columns(self) -> Iterator[CriterionResult]:
        for name in self._criteria.columns:
            if name in self._columns:
                yield from self._columns[name].check(name)
            else:
                yield _missing_column(name)

    def _check_label(self) -> list[CriterionResult]:
        if self._label not in self._columns:
            return [_missing_column(self._label)] if self._label else []
        summary = self._columns[self._label]
        measured = {"missing_labels": float(summary.missing)}
        limits = [Limit(metric="missing_labels", at_most=0)]
        if self._task in CLASSIFICATION:
            max_classes = 2 if self._task == "binary" else None
            limits.append(Limit(metric="label_values", at_least=2, at_most=max_classes))
            limits += _limit_classes(self._criteria.label)
            measured |= self._classes.measure(self._criteria.label)
        elif self._task in NUMBERS:
            limits.append(Limit(metric="unreadable_labels", at_most=0))
            limits.append(Limit(metric="constant_label", at_most=0))
            measured["unreadable_labels"] = float(summary.unreadable)
            measured["constant_label"] = float(summary.constant)
        values = {name: Measurement(value) for name, value in measured.items()}
        return evaluate_limits(limits, values, self._label)

    def _check_leakage(self) -> list[CriterionResult]:
        """Whether the ids predict the label, as when one class was added after the other."""
        name = self._criteria.id_column
        if name is None:
            return []
        if name not in self._columns:
            return [_missing_column(name)]
        if self._task != "binary" or self._label not in self._columns:
            return []
        limit = Limit(metric="id_leakage", at_most=LEAKAGE_LIMIT)
        area = _measure_area(np.concatenate(self._ids), self._classes.codes)
        distance = None if area is None else abs(area - 0.5)
        return evaluate_limits([limit], {limit.metric: Measurement(distance)}, name)


class _ClassSummary:
    """The class of each row, and the classes in the order of their appearance."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._codes: list[NDArray[np.int32]] = []

    @property
    def codes(self) -> NDArray[np.int32]:
        return np.concatenate(self._codes) if self._codes else np.array([], np.int32)

    def add(self, values: pd.Series) -> None:
        codes, distinct = pd.factorize(values)
        numbers = [self._names.setdefault(format_value(x), len(self._names)) for x in distinct]
        self._codes.append(np.array(numbers, np.int32)[codes])

    def measure(self, limits: LabelLimits) -> dict[str, float]:
        counts = np.bincount(self.codes, minlength=len(self._names))
        allowed = {format_value(value) for value in limits.values or ()}
        others = (int(counts[code]) for name, code in self._names.items() if name not in allowed)
        return {
            "label_values": len(self._names),
            "other_labels": sum(others),
            "absent_classes": len(allowed - self._names.keys()),
            "smallest_class": counts.min() / counts.sum() if len(counts) else float("nan"),
        }


def _limit_number(limits: ColumnLimits, label: str, task: str) -> ColumnLimits:
    """The limits of a label that is a number."""
    if limits.needed_kind not in (None, "numeric"):
        raise SettingsError(
            f"criteria: data.columns.{label}: task = {task} needs a number, and these limits are "
            f"for the kind {limits.needed_kind}; use min, max and missing"
        )
    return limits.model_copy(update={"kind": "numeric"})


def _limit_classes(limits: LabelLimits) -> list[Limit]:
    applied = []
    if limits.values is not None:
        applied += [Limit(metric=name, at_most=0) for name in ("other_labels", "absent_classes")]
    if limits.smallest_share is not None:
        applied.append(Limit(metric="smallest_class", at_least=limits.smallest_share))
    return applied


def _check_rows(rows: int, reader: BatchReader) -> list[CriterionResult]:
    results = evaluate_limits(
        [Limit(metric="data_rows", at_least=1)], {"data_rows": Measurement(rows)}
    )
    first = ", ".join(reader.ragged_rows[:SHOWN_ROWS])
    ragged = {"ragged_rows": Measurement(len(reader.ragged_rows))}
    return results + evaluate_limits(
        [Limit(metric="ragged_rows", at_most=0)], ragged, f"first: {first}" if first else None
    )


def _missing_column(name: str) -> CriterionResult:
    return CriterionResult(metric="column", slice=name, operator="present", passed=False)


def _sortable(ids: pd.Series) -> NDArray[Any]:
    """The ids as numbers, or as bytes, which need less memory than texts."""
    if pd.api.types.is_numeric_dtype(ids):
        return ids.to_numpy(float, na_value=np.nan)
    return np.array([str(each).encode() for each in ids.astype(object)], dtype=bytes)


def _measure_area(ids: NDArray[Any], classes: NDArray[np.int32]) -> float | None:
    """The area under the ROC curve of ids as a score of two classes; None without two classes."""
    counts = np.bincount(classes, minlength=2)
    if len(counts) != 2 or not counts.all():
        return None
    if ids.dtype.kind == "S":
        ids = np.unique(ids, return_inverse=True)[1].astype(float)
    return roc_auc(classes == 1, ids)


def _name_type(kind: pa.DataType) -> str:
    """The name that pandas has for a type."""
    name = str(np.dtype(kind.to_pandas_dtype()))
    return "datetime64[ns]" if name.startswith("datetime64") else name


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
