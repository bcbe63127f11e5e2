"""The criteria file, ``runbooks/criteria.yml``: the release criteria and the monitor's limits."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nbrelease.errors import SettingsError
from nbrelease.records import published

Share = Annotated[float, Field(ge=0, le=1)]
ChampionGate = Literal["stop", "report"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Part):
    """Limits of one metric; ``margin`` and ``loss`` compare it with the champion's.

    ``margin`` is the minimum of the difference challenger minus champion, at the lower end of its
    confidence interval: 0 requires a better challenger, -0.01 accepts a slightly worse one.
    ``loss`` is less strict, for slices with few rows: it fails when the upper end lies below
    ``-loss``, that is when the challenger is significantly worse by more than ``loss``.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    margin: float | None = None
    loss: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> Limit:
        if self.metric.startswith("neg_"):
            name = self.metric.removeprefix("neg_")
            raise ValueError(f"write {name}, which is better when it is lower")
        if (self.at_least, self.at_most, self.margin, self.loss) == (None,) * 4:
            raise ValueError("needs at_least, at_most, margin or loss")
        return self


class Slices(_Part):
    """Slices of the rows by a column's values.

    With ``edges`` a slice is [edge, next edge) of numbers; otherwise it is one of ``categories``,
    by default of the most frequent values.
    """

    column: str
    edges: Annotated[list[float], Field(min_length=2)] | None = None
    categories: Annotated[list[str | int | float | bool], Field(min_length=1)] | None = None
    smallest: Annotated[int, Field(ge=1)] = 30
    limits: list[Limit] = Field(default_factory=list)

    @model_validator(mode="after")
    def _edges_or_categories(self) -> Slices:
        if self.edges is not None and self.categories is not None:
            raise ValueError("needs edges or categories, not both")
        if self.edges is not None and self.edges != sorted(set(self.edges)):
            raise ValueError("edges must rise")
        return self


class Range(_Part):
    """The values that a column may have; ``missing`` is the largest share."""

    min: float | None = None
    max: float | None = None
    missing: Share = 0.0


class DataCriteria(_Part):
    """Checks of the training data."""

    columns: dict[str, Range] = Field(default_factory=dict)
    id_column: str | None = None
    duplicates: Share = 0.0
    overlap: Share = 0.0
    drift: float | None = None


class RequestLimits(_Part):
    """Limits on requests to a deployment; ``drift`` is that of its predictions."""

    error_rate: Share = 0.0
    p95_ms: Annotated[float, Field(gt=0)] = 1000
    drift: float | None = None


class Monitor(_Part):
    """When requests to a released model, or its predictions, count as drift.

    An effect size counts from its limit on, and only when the finding is significant after Holm's
    correction. ``wasserstein`` is in standard deviations of the reference, ``missing`` and
    ``accuracy_loss`` are shares of the rows. An alarm needs ``breached`` of ``windows``.
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
            raise ValueError(f"breached ({self.breached}) must be at most windows ({self.windows})")
        return self


class Waiver(published.Waiver):
    """Lets a failed gate pass until a day (UTC), with the name of the person responsible."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]


class Criteria(_Part):
    """The criteria file; each section is optional. The first metric is the main one."""

    metrics: list[Limit] = Field(default_factory=list)
    smallest_sample: Annotated[int, Field(ge=1)] = 1
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    slices: Slices | None = None
    fairness: list[Limit] = Field(default_factory=list)
    data: DataCriteria = DataCriteria()
    endpoint: RequestLimits = RequestLimits()
    rollout: RequestLimits = RequestLimits()
    monitor: Monitor = Monitor()
    waiver: Waiver | None = None

    @model_validator(mode="after")
    def _fairness_has_groups(self) -> Criteria:
        if self.fairness and self.slices is None:
            raise ValueError("fairness needs slices: they are its groups")
        return self


def load(path: Path | str) -> Criteria:
    """Read a criteria file.

    Raises:
        SettingsError: the file is missing, is not YAML, or has an unknown key or an invalid value;
            one line that names the key and the closest valid one.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = Path(path)
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        return Criteria.model_validate({} if content is None else content)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such criteria file") from None
    except YAMLError as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise SettingsError(f"{path}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    # A misspelt key is also a missing one; the message is about the misspelling.
    errors = error.errors()
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    where = ".".join(map(str, first["loc"])) or "the file"
    if first["type"] == "extra_forbidden":
        known = sorted({name for part in _PARTS for name in part.model_fields})
        close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        return f"{where}: unknown key" + (f"; did you mean {close[0]}?" if close else "")
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"


_PARTS: tuple[type[BaseModel], ...] = (
    Criteria, DataCriteria, Limit, Monitor, Range, RequestLimits, Slices, Waiver,
)  # fmt: skip
