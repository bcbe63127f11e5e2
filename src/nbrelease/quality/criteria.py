"""The criteria file: limits that were committed before the run that they judge.

Every limit is judged the same way: something was found, it is held against a bound, and the result
says so in words. A limit that nothing measures is an error, never a pass.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nbrelease.errors import SettingsError
from nbrelease.records.criterion import CriterionResult

Share = Annotated[float, Field(ge=0, le=1)]
ChampionGate = Literal["stop", "report"]
Verdict = Literal["passed", "failed", "waived"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Part):
    """Bounds of one measured number; ``margin`` and ``loss`` are held against the champion.

    ``margin`` is the least that the difference challenger minus champion may be, at the lower end
    of its confidence interval: 0 asks for better, -0.01 lets it be a little worse. ``loss`` asks
    less, for groups too small to prove anything by: it is broken when the upper end lies below its
    negative, that is when the challenger is certainly worse by more than that.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    margin: float | None = None
    loss: Share | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> Limit:
        if (self.at_least, self.at_most, self.margin, self.loss) == (None,) * 4:
            raise ValueError("needs at_least, at_most, margin or loss")
        return self


class Slices(_Part):
    """Bands of a column; a band is [edge, next edge)."""

    column: str
    edges: Annotated[list[float], Field(min_length=2)]
    smallest: Annotated[int, Field(ge=1)] = 30
    limits: list[Limit] = Field(default_factory=list)


class Range(_Part):
    """What a column may hold."""

    min: float | None = None
    max: float | None = None
    missing: Share = 0.0


class DataCriteria(_Part):
    """What the training data has to be like."""

    columns: dict[str, Range] = Field(default_factory=dict)
    id_column: str | None = None
    duplicates: Share = 0.0
    overlap: Share = 0.0
    drift: float | None = None


class RequestLimits(_Part):
    """Limits on requests to a deployment; ``drift`` is that of its predictions."""

    error_rate: Share = 0.0
    p95_ms: Annotated[float, Field(gt=0)]
    drift: float | None = None


class Monitor(_Part):
    """When what a released model is asked or answers has moved too far.

    Effect sizes count from the given value on, and only when the shift is certain: ``significance``
    after Holm's correction. ``wasserstein`` is in standard deviations of the reference, ``missing``
    and ``accuracy_loss`` are shares of the rows. An alarm needs ``breached`` of ``windows``.
    """

    significance: Annotated[float, Field(gt=0, lt=1)] = 0.01
    smallest: Annotated[int, Field(ge=1)] = 200
    wasserstein: Annotated[float, Field(gt=0)] = 0.2
    psi: Annotated[float, Field(gt=0)] = 0.1
    cramers_v: Annotated[float, Field(gt=0)] = 0.1
    missing: Share = 0.02
    accuracy_loss: Share = 0.05
    windows: Annotated[int, Field(ge=1)] = 3
    breached: Annotated[int, Field(ge=1)] = 2

    @model_validator(mode="after")
    def _can_be_reached(self) -> Monitor:
        if self.breached > self.windows:
            raise ValueError(f"breached {self.breached} of windows {self.windows}: never reached")
        return self


class Waiver(_Part):
    """Somebody's word that a failed gate may be passed until a day."""

    name: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    until: date


class Criteria(_Part):
    """The whole file."""

    metrics: list[Limit]
    smallest_sample: Annotated[int, Field(ge=1)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    slices: Slices | None = None
    fairness: list[Limit] = Field(default_factory=list)
    data: DataCriteria = DataCriteria()
    endpoint: RequestLimits
    rollout: RequestLimits
    monitor: Monitor = Monitor()
    waiver: Waiver | None = None


def load(path: Path | str) -> Criteria:
    """Read a criteria file.

    Raises:
        SettingsError: it is missing, is no YAML, or has a key or value that is none; one line that
            names the place and, for a key, the nearest valid one.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = Path(path)
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        return Criteria.model_validate(content)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such criteria file") from None
    except YAMLError as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise SettingsError(f"{path}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    # A misspelt key is a missing one too; the misspelling is what helps.
    errors = error.errors()
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    where = ".".join(map(str, first["loc"])) or "the file"
    if first["type"] == "extra_forbidden":
        known = sorted({name for part in _PARTS for name in part.model_fields})
        close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        return f"{where}: no such key" + (f"; did you mean {close[0]}?" if close else "")
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"


_PARTS: tuple[type[BaseModel], ...] = (
    Criteria, DataCriteria, Limit, Monitor, Range, RequestLimits, Slices, Waiver,
)  # fmt: skip


def judge(limits: list[Limit], found: Mapping[str, float], name: str = "") -> list[CriterionResult]:
    """Hold what was found against limits.

    Args:
        limits: of single numbers.
        found: by metric; ``<metric>.difference_low`` and ``.difference_high`` are the ends of the
            confidence interval of the difference to the champion, and absent where there is none.
        name: of the group that was measured, for people.

    Raises:
        SettingsError: a limit's metric was not measured.
    """
    judged = []
    for limit in limits:
        if limit.metric not in found:
            close = difflib.get_close_matches(limit.metric, found, n=1)
            mend = f"did you mean {close[0]}?" if close else f"measured: {', '.join(found)}"
            raise SettingsError(f"criteria: nothing measures {limit.metric}; {mend}")
        value = found[limit.metric]
        if limit.at_least is not None:
            judged.append(_compare(limit.metric, name, value, "at least", limit.at_least))
        if limit.at_most is not None:
            judged.append(_compare(limit.metric, name, value, "at most", limit.at_most))
        judged += _against_champion(limit, found, name)
    return judged


def _against_champion(limit: Limit, found: Mapping[str, float], name: str) -> list[CriterionResult]:
    bounds: list[tuple[Literal["low", "high"], float | None]] = [
        ("low", limit.margin), ("high", None if limit.loss is None else -limit.loss)
    ]  # fmt: skip
    judged = []
    for end, bound in bounds:
        value = found.get(f"{limit.metric}.difference_{end}")
        if bound is not None and value is not None:
            result = _compare(limit.metric, name, value, "at least", bound)
            update = {"baseline": "champion", "interval_end": end}
            judged.append(result.model_copy(update=update))
    return judged


def _compare(
    metric: str,
    name: str,
    value: float,
    operator: Literal["at least", "at most"],
    threshold: float,
) -> CriterionResult:
    # A number that could not be measured (nan) is no pass.
    passed = value >= threshold if operator == "at least" else value <= threshold
    return CriterionResult(
        metric=metric,
        slice=name or None,
        operator=operator,
        threshold=threshold,
        value=None if math.isnan(value) else value,
        passed=passed,
    )


def verdict(
    judged: list[CriterionResult], waiver: Waiver | None, today: date | None = None
) -> Verdict:
    """``passed`` when all is met; ``waived`` when not, and a waiver that has not run out says so.

    Args:
        judged: every limit; none at all is no pass.
        waiver: of the criteria file.
        today: the day to hold the waiver against; in UTC.
    """
    if judged and all(each.passed for each in judged):
        return "passed"
    day = today or datetime.now(UTC).date()
    return "waived" if judged and waiver is not None and day <= waiver.until else "failed"


def gate(
    judged: list[CriterionResult],
    criteria: Criteria,
    commit: str,
    *,
    champion: ChampionGate = "stop",
) -> dict[str, Any]:
    """The gate's result as runbooks publish it.

    Args:
        judged: every limit, held against what was found.
        criteria: where a waiver would stand.
        commit: in which the file last changed before the release began; empty where unknown.
        champion: ``report``: limits that are held against the champion are shown and do not count,
            for environments in which what is live is no reference.
    """
    counted = [each for each in judged if champion == "stop" or not each.relative]
    decided = verdict(counted, criteria.waiver)
    waiver = criteria.waiver.model_dump(mode="json") if criteria.waiver else None
    return {
        "verdict": decided,
        "criteria": [each.model_dump() for each in judged],
        "champion": champion,
        "criteria_commit": commit or None,
        "waiver": waiver if decided == "waived" else None,
        "waiver_over": waiver if decided == "failed" else None,
    }
