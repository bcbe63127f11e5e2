"""The criteria file, ``runbooks/criteria.yml``: the release criteria and the monitor's limits."""

from __future__ import annotations

import difflib
import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nbrelease.errors import SettingsError
from nbrelease.records import published
from nbrelease.records.published import ColumnKind

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


class ColumnLimits(_Part):
    """The values that a column may have; ``missing`` is the largest share of missing ones.

    ``min`` and ``max`` are of numbers or dates, ``pattern`` (of the whole text) and the lengths of
    text. The kind follows from them where ``kind`` does not name it.
    """

    kind: ColumnKind | None = None
    missing: Share = 0.0
    min: float | datetime | date | None = None
    max: float | datetime | date | None = None
    values: list[bool | int | float | str] | None = None
    pattern: str | None = None
    min_length: Annotated[int, Field(ge=0)] | None = None
    max_length: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _fits_one_kind(self) -> ColumnLimits:
        kinds = self._kinds_of_limits
        if self.kind in ("boolean", "categorical"):
            kinds.discard("categorical")
        if len(kinds | ({self.kind} if self.kind else set())) > 1:
            raise ValueError(f"limits of several kinds of columns: {', '.join(sorted(kinds))}")
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"pattern: {error}") from None
        return self

    @property
    def needed_kind(self) -> ColumnKind | None:
        """The kind that the column has to be of; None: any."""
        return self.kind or next(iter(self._kinds_of_limits), None)

    @property
    def reads_as_text(self) -> bool:
        """Whether values stay text: 01234 is a code and NA is no missing value."""
        if self.kind is None and self.values is not None:
            return all(isinstance(value, str) for value in self.values)
        return self.needed_kind in ("text", "categorical")

    @property
    def _kinds_of_limits(self) -> set[ColumnKind]:
        ends = [each for each in (self.min, self.max) if each is not None]
        kinds: set[ColumnKind] = {"date" if isinstance(x, date) else "numeric" for x in ends}
        if (self.pattern, self.min_length, self.max_length) != (None,) * 3:
            kinds.add("text")
        if self.values is not None:
            kinds.add("categorical")
        return kinds


class LabelLimits(_Part):
    """The label of a classifier: its classes, and the smallest share of the rows of each."""

    values: list[bool | int | float | str] | None = None
    smallest_share: Share | None = None


class DataCriteria(_Part):
    """Checks of the training data; ``drift`` is the largest stability index of a column."""

    columns: dict[str, ColumnLimits] = Field(default_factory=dict)
    label: LabelLimits = LabelLimits()
    id_column: str | None = None
    duplicates: Share = 0.0
    overlap: Share = 0.0
    drift: float | None = None


class RequestLimits(_Part):
    """Limits on requests to a deployment; ``drift`` of its predictions is only in ``rollout``."""

    error_rate: Share = 0.0
    p95_ms: Annotated[float, Field(gt=0)] = 1000
    drift: float | None = None


class Monitor(_Part):
    """When requests to a released model, or its predictions, count as drift.

    An effect size counts from its limit on, and only when the finding is significant after Holm's
    correction. ``wasserstein`` is in standard deviations of the reference, ``missing`` and
    ``accuracy_loss`` are shares of the rows, ``vocabulary_loss`` is a share of a text's words, and
    ``error_increase`` a share of the mean absolute error. Columns of ``ignore`` are not compared.
    An alarm needs ``breached`` of ``windows``.
    """

    significance: Annotated[float, Field(gt=0, lt=1)] = 0.01
    smallest: Annotated[int, Field(ge=1)] = 200
    wasserstein: Annotated[float, Field(gt=0)] = 0.2
    psi: Annotated[float, Field(gt=0)] = 0.1
    cramers_v: Annotated[float, Field(gt=0)] = 0.1
    missing: Share = 0.02
    vocabulary_loss: Share = 0.1
    accuracy_loss: Share = 0.05
    error_increase: Annotated[float, Field(gt=0)] = 0.25
    ignore: list[str] = Field(default_factory=list)
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

    @model_validator(mode="after")
    def _endpoint_has_no_drift(self) -> Criteria:
        if self.endpoint.drift is not None:
            raise ValueError("endpoint.drift is not measured; use rollout.drift")
        return self


def load(path: Path | str) -> Criteria:
    """Read a criteria file.

    Raises:
        SettingsError: the file is missing, cannot be read, is not YAML, or has an unknown key or an
            invalid value; one line that names the key and the closest valid one.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = Path(path)
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8-sig"))
        return Criteria.model_validate({} if content is None else content)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such criteria file") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: the text is not in UTF-8; save it as UTF-8") from None
    except OSError as error:  # a folder, or not readable
        raise SettingsError(f"{path}: not a file that can be read: {error.strerror}") from None
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
    ColumnLimits, Criteria, DataCriteria, LabelLimits, Limit, Monitor, RequestLimits, Slices,
    Waiver,
)  # fmt: skip
