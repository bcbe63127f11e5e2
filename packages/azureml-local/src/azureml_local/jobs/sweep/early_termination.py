"""Early termination policies: which trials are cancelled before their end.

Each value of the primary metric that a trial logs is one interval of it. A policy is applied to a
trial at each interval that is a multiple of ``evaluation_interval`` and at least
``delay_evaluation``. It compares the trial with all trials that have reached that interval.
The rules are those of Azure's documentation.
"""

from __future__ import annotations

import math
import statistics
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from azureml_local.documents.jobs import JobProperties
from azureml_local.errors import BadRequest
from azureml_local.json_fields import JsonObject, number_or_nan, object_of, text_of

Histories = Mapping[str, Sequence[float]]
"""The logged values of the primary metric of each trial, oldest first."""
POLICIES = ("Bandit", "MedianStopping", "TruncationSelection")


@dataclass(frozen=True, kw_only=True)
class Policy(ABC):
    """A policy: when it is applied, and which trials it cancels."""

    evaluation_interval: int = 1
    delay_evaluation: int = 0

    def intervals(self, applied: int, reached: int) -> range:
        """The intervals after ``applied`` up to ``reached`` at which the policy is applied."""
        first = max(applied + 1, self.delay_evaluation, 1)
        first += -first % self.evaluation_interval
        return range(first, reached + 1, self.evaluation_interval)

    def cancels(self, trial: str, interval: int, histories: Histories, *, maximize: bool) -> bool:
        """Whether the trial is cancelled at an interval that it has reached."""
        sign = 1.0 if maximize else -1.0
        scores = {
            name: [sign * value for value in values[:interval]]
            for name, values in histories.items()
            if len(values) >= interval
        }
        return self._is_poor(scores[trial], list(scores.values()))

    @abstractmethod
    def _is_poor(self, own: list[float], scores: list[list[float]]) -> bool:
        """Compare a trial's scores with those of all trials; the highest score is the best."""


@dataclass(frozen=True, kw_only=True)
class Bandit(Policy):
    """Cancels a trial whose best metric is not within the slack of the best trial.

    With ``slack_factor``, a trial that maximizes must reach ``best / (1 + slack_factor)``, and one
    that minimizes ``best * (1 + slack_factor)``. With ``slack_amount``, the distance from the best
    trial must not be greater.
    """

    slack_factor: float = 0.0
    slack_amount: float = 0.0

    def _is_poor(self, own: list[float], scores: list[list[float]]) -> bool:
        best = max(max(each) for each in scores)
        if not self.slack_factor:
            return max(own) < best - self.slack_amount
        # Scores of metrics that are minimized are negative, and so are some metrics.
        ratio = 1 + self.slack_factor
        return max(own) < (best / ratio if best > 0 else best * ratio)


@dataclass(frozen=True, kw_only=True)
class MedianStopping(Policy):
    """Cancels a trial whose best metric is worse than the median of the trials' averages."""

    def _is_poor(self, own: list[float], scores: list[list[float]]) -> bool:
        return max(own) < statistics.median(statistics.fmean(each) for each in scores)


@dataclass(frozen=True, kw_only=True)
class TruncationSelection(Policy):
    """Cancels a percentage of the trials with the worst metric at the interval."""

    truncation_percentage: int

    def _is_poor(self, own: list[float], scores: list[list[float]]) -> bool:
        cancelled = math.floor(len(scores) * self.truncation_percentage / 100)
        better = sum(each[-1] > own[-1] for each in scores)
        return better >= len(scores) - cancelled


def read_policy(properties: JobProperties) -> Policy | None:
    """The policy in ``earlyTermination``; None without one.

    Raises:
        BadRequest: its type or an argument is not valid.
    """
    settings = object_of(properties, "earlyTermination")
    if not settings:
        return None
    kind = text_of(settings, "policyType")
    when = {
        # The SDK sends 0 for the default, which is 1.
        "evaluation_interval": int(_number(settings, "evaluationInterval", 1)) or 1,
        "delay_evaluation": int(_number(settings, "delayEvaluation", 0)),
    }
    if kind == "MedianStopping":
        return MedianStopping(**when)
    if kind == "TruncationSelection":
        percentage = int(_number(settings, "truncationPercentage", 0))
        if not 1 <= percentage <= 99:
            raise _error(f"truncation_percentage must be from 1 to 99 (got {percentage})")
        return TruncationSelection(**when, truncation_percentage=percentage)
    if kind != "Bandit":
        raise _error(f"policy {kind!r} is unknown; use one of {', '.join(POLICIES)}")
    factor, amount = _number(settings, "slackFactor", 0), _number(settings, "slackAmount", 0)
    if bool(factor) == bool(amount):
        raise _error("set one of slack_factor and slack_amount")
    return Bandit(**when, slack_factor=factor, slack_amount=amount)


def _number(settings: JsonObject, name: str, default: float) -> float:
    number = number_or_nan(settings.get(name, default))
    if not 0 <= number < math.inf:
        raise _error(f"{name} must be a number that is not negative (got {settings[name]!r})")
    return number


def _error(message: str) -> BadRequest:
    return BadRequest(f"earlyTermination: {message}", "UserError", target="earlyTermination")
