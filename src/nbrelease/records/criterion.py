"""The result of one release criterion: a measured number compared with a threshold.

It is data: what reads a record compares and renders the fields, and never the English text. The
texts are made here, from the fields, for readers of schema 1.0 and for the output of runbooks.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field


class _Result(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class CriterionResult(_Result):
    """One release criterion, or one check of the data, and what was measured.

    ``metric``: the name of what was measured: ``roc_auc``, ``rows``, ``missing``, ``column``.
    ``slice``: the slice, group or column that it was measured on; None for all rows.
    ``operator``: how ``value`` is compared with ``threshold``. ``present`` says that the column
    named by ``slice`` has to exist; it has neither a threshold nor a value.
    ``value``: the measured number; None where it could not be measured, which never passes.
    ``baseline``: None where ``value`` is the metric itself; ``champion`` where the metric of the
    challenger is compared with the champion's. Such a criterion does not count where the gate
    has ``champion: report``.
    ``interval_end``: with a baseline, which end of the confidence interval of the difference
    challenger minus champion ``value`` is; None where it is no such end (drift of the data).
    ``direction``: of a metric of the model, which of its values are better.
    """

    metric: str
    slice: str | None = None
    operator: Literal["at least", "at most", "present"]
    threshold: float | None = None
    value: float | None = None
    baseline: Literal["champion"] | None = None
    interval_end: Literal["low", "high"] | None = None
    direction: Literal["higher", "lower"] | None = None
    passed: bool

    @property
    def meets_threshold(self) -> bool:
        """Whether ``value`` meets ``threshold``; what cannot be compared does not."""
        if self.value is None or self.threshold is None:
            return False
        at_least = self.operator == "at least"
        return self.value >= self.threshold if at_least else self.value <= self.threshold

    @computed_field  # type: ignore[prop-decorator]
    @property
    def name(self) -> str:
        """Text of schema 1.0: the metric with its slice and baseline."""
        if self.operator == "present":
            return f"{self.metric} {self.slice}"
        of = f" ({self.slice})" if self.slice else ""
        return f"{self.metric}{of}" + (" against the champion" if self.interval_end else "")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def limit(self) -> str:
        """Text of schema 1.0: the operator with its threshold."""
        return "there" if self.threshold is None else f"{self.operator} {self.threshold:g}"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def found(self) -> float | None:
        """Name that ``value`` has in schema 1.0."""
        return self.value

    @computed_field  # type: ignore[prop-decorator]
    @property
    def relative(self) -> bool:
        """Schema 1.0: whether there is a baseline."""
        return self.baseline is not None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def why(self) -> str:
        """The whole result as one line of English."""
        if self.operator == "present":
            return f"{self.name}: {'in the data' if self.passed else 'not in the data'}"
        value = "not measured" if self.value is None else f"{self.value:.4g}"
        better = f" ({self.direction} is better)" if self.direction else ""
        result = "" if self.passed else ": not met"
        return f"{self.name}: {value}, required {self.limit}{better}{result}"


class CriterionText(_Result):
    """A criterion as schema 1.0 has it: its slice, operator and threshold are texts."""

    name: str
    metric: str = ""
    limit: str
    found: float | None = None
    passed: bool
    why: str = ""
    relative: bool = False


# Records of schema 1.0 are read too; what is written is always the first.
AnyCriterion = Annotated[CriterionResult | CriterionText, Field(union_mode="left_to_right")]
