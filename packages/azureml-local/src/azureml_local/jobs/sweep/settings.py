"""The settings of a sweep: algorithm, search space, objective, limits and policy."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from azureml_local.documents.jobs import JobProperties
from azureml_local.durations import parse_duration
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs.sweep import sampling
from azureml_local.jobs.sweep.early_termination import Policy, read_policy
from azureml_local.jobs.sweep.search_space import read_search_space
from azureml_local.json_fields import JsonObject, number_or_nan, object_of, text_of

MAX_TRIALS = 1000
"""Azure's maximum of ``max_total_trials`` and of ``max_concurrent_trials``."""
ALGORITHMS = ("grid", "random")
RULES = ("random", "sobol")
GOALS = ("maximize", "minimize")


@dataclass(frozen=True)
class SweepSettings:
    """The settings of a sweep job."""

    algorithm: str
    """``grid``, ``random`` or ``sobol``."""
    seed: int | None
    space: sampling.SearchSpace
    metric: str
    maximize: bool
    max_total_trials: int
    max_concurrent_trials: int
    timeout: float | None
    """The maximum duration of the sweep in seconds."""
    trial_timeout: float | None
    """The maximum duration of a trial in seconds."""
    policy: Policy | None

    @classmethod
    def read(cls, properties: JobProperties) -> SweepSettings:
        """The settings in the properties of a sweep job.

        Raises:
            BadRequest: a setting is not valid.
            NotSupported: the algorithm is Bayesian sampling.
        """
        algorithm, seed, base = _read_algorithm(object_of(properties, "samplingAlgorithm"))
        space = read_search_space(object_of(properties, "searchSpace"), base)
        if algorithm == "grid":
            sampling.check_grid(space)
        objective = object_of(properties, "objective")
        metric, goal = text_of(objective, "primaryMetric"), text_of(objective, "goal").lower()
        if not metric or goal not in GOALS:
            raise BadRequest(
                f"objective: needs primary_metric and goal ({' or '.join(GOALS)})",
                "UserError",
                target="objective",
            )
        limits = object_of(properties, "limits")
        total = _trials(limits, "maxTotalTrials", MAX_TRIALS)
        return cls(
            algorithm,
            seed,
            space,
            metric,
            goal == "maximize",
            total,
            _trials(limits, "maxConcurrentTrials", total),
            _seconds(limits, "timeout"),
            _seconds(limits, "trialTimeout"),
            read_policy(properties),
        )

    @property
    def space_size(self) -> float:
        """The number of combinations of values; infinity for a continuous search space."""
        return math.prod(each.size for each in self.space.values())

    def sample_trials(self) -> list[sampling.Parameters]:
        """The values of all trials, at most ``max_total_trials``."""
        if self.algorithm == "grid":
            samples = sampling.sample_grid(self.space)
        elif self.algorithm == "sobol":
            samples = sampling.sample_sobol(self.space, self.seed)
        else:
            samples = sampling.sample_random(self.space, self.seed)
        return list(itertools.islice(samples, self.max_total_trials))

    def best(self, values: list[float]) -> float | None:
        """The best of the logged values of a trial's primary metric; None without one."""
        if not values:
            return None
        return max(values) if self.maximize else min(values)


def _read_algorithm(settings: JsonObject) -> tuple[str, int | None, float]:
    """The algorithm, its seed, and the base of logarithmic distributions."""
    target = "samplingAlgorithm"
    kind = text_of(settings, "samplingAlgorithmType").lower()
    if kind == "bayesian":
        raise NotSupported(
            "Jobs - Create or update: Bayesian sampling is not supported by azureml-local; use "
            "random or grid"
        )
    if kind not in ALGORITHMS:
        raise BadRequest(
            f"{target}: {kind!r} is unknown; use one of {', '.join(ALGORITHMS)}",
            "UserError",
            target=target,
        )
    if kind == "grid":
        return kind, None, math.e
    rule = text_of(settings, "rule").lower() or RULES[0]
    if rule not in RULES:
        raise BadRequest(
            f"{target}: rule {rule!r} is unknown; use one of {', '.join(RULES)}",
            "UserError",
            target=target,
        )
    seed, base = settings.get("seed"), settings.get("logbase", "e")
    number = _integer(seed)
    is_seed = seed is None or (number is not None and number >= 0)
    logarithm_base = math.e if str(base).lower() == "e" else number_or_nan(base)
    if not is_seed or not 0 < logarithm_base < math.inf:
        raise BadRequest(
            f"{target}: seed must be an integer that is not negative, and logbase a positive "
            f"number or 'e' (got {seed!r} and {base!r})",
            "UserError",
            target=target,
        )
    return rule, number, logarithm_base


def _integer(value: object) -> int | None:
    """A value as an integer, also from its text; None if it is not a number."""
    try:
        return int(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None


def _trials(limits: JsonObject, name: str, default: int) -> int:
    value = limits.get(name, default)
    number = _integer(value)
    if number is None or not 1 <= number <= MAX_TRIALS:
        raise BadRequest(
            f"limits.{name}: must be an integer from 1 to {MAX_TRIALS} (got {value!r})",
            "UserError",
            target="limits",
        )
    return number


def _seconds(limits: JsonObject, name: str) -> float | None:
    value = limits.get(name)
    if value is None:
        return None
    if isinstance(value, int | float) or (isinstance(value, str) and value.isdigit()):
        return float(value)  # steps of pipelines have a number of seconds
    return parse_duration(value, f"limits.{name}").total_seconds()
