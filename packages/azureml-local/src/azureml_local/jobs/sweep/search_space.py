"""The distributions of a search space, as functions of a quantile.

Random sampling takes uniform quantiles and Sobol sampling takes those of its sequence, so both use
the same distributions. The formulas are those of Azure's documentation. Quantized values
(``quniform`` ...) are floating-point numbers, such as ``64.0``, also if ``q`` is an integer.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from statistics import NormalDist

from azureml_local.errors import BadRequest, NotSupported
from azureml_local.json_fields import Json, JsonObject, number_or_nan, object_of

Value = str | int | float | bool
"""The value of a hyperparameter."""

ARGUMENTS = {
    "choice": ("values",),
    "randint": ("upper",),
    "uniform": ("min_value", "max_value"),
    "loguniform": ("min_value", "max_value"),
    "quniform": ("min_value", "max_value", "q"),
    "qloguniform": ("min_value", "max_value", "q"),
    "normal": ("mu", "sigma"),
    "lognormal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "qlognormal": ("mu", "sigma", "q"),
}
"""The arguments of each distribution, in the order of the API."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Hyperparameters become shell variables. The SDK has the same rule for their names."""
SMALLEST_QUANTILE = 2.0**-53


class Distribution(ABC):
    """The distribution of one hyperparameter."""

    @abstractmethod
    def value(self, quantile: float) -> Value:
        """The value at a quantile from 0 to 1 (exclusive)."""

    @property
    def size(self) -> float:
        """The number of values; infinity for a continuous distribution."""
        return math.inf


@dataclass(frozen=True)
class Choice(Distribution):
    """One of several values with equal probability."""

    values: tuple[Value, ...]

    def value(self, quantile: float) -> Value:
        """The value at a quantile."""
        return self.values[int(quantile * len(self.values))]

    @property
    def size(self) -> float:
        """The number of values."""
        return len(self.values)


@dataclass(frozen=True)
class Randint(Distribution):
    """An integer from 0 to ``upper`` (exclusive)."""

    upper: int

    def value(self, quantile: float) -> Value:
        """The integer at a quantile."""
        return int(quantile * self.upper)

    @property
    def size(self) -> float:
        """The number of integers."""
        return self.upper


@dataclass(frozen=True)
class Continuous(Distribution):
    """A uniform or normal distribution, or its exponential (``loguniform``, ``lognormal``).

    ``parameters`` are the limits of a uniform distribution, or mean and standard deviation of a
    normal one.
    """

    parameters: tuple[float, float]
    is_normal: bool = False
    base: float | None = None
    """The base of the power; None: the value itself has the distribution."""
    q: float | None = None
    """The value is rounded to a multiple of ``q``."""

    def value(self, quantile: float) -> Value:
        """The number at a quantile."""
        first, second = self.parameters
        if self.is_normal:
            standard = NormalDist().inv_cdf(max(quantile, SMALLEST_QUANTILE))
            value = first + second * standard
        else:
            value = first + (second - first) * quantile
        if self.base is not None:
            value = self.base**value
        return value if self.q is None else float(round(value / self.q) * self.q)


def read_search_space(space: JsonObject, base: float = math.e) -> dict[str, Distribution]:
    """The distribution of each hyperparameter.

    Args:
        space: the search space, in the form of sweep jobs (``["uniform", [0, 1]]``) or of steps
            (``{"type": "uniform", "min_value": 0, "max_value": 1}``).
        base: the base of the logarithmic distributions.

    Raises:
        BadRequest: it is empty, or a name, a distribution or an argument is not valid.
        NotSupported: a choice has nested search spaces.
    """
    if not space:
        raise BadRequest(
            "searchSpace: must have a hyperparameter", "UserError", target="searchSpace"
        )
    for name in space:
        if not NAME.fullmatch(name):
            raise _error(name, "a name must have only letters, digits and '_', and no digit first")
    return {name: _read_distribution(name, value, base) for name, value in space.items()}


def _read_distribution(name: str, value: Json, base: float) -> Distribution:
    kind, arguments = _split(name, value)
    if kind == "choice":
        return _read_choice(name, arguments["values"])
    if kind == "randint":
        upper = _number(name, arguments, "upper")
        if upper < 1 or upper != int(upper):
            raise _error(name, f"upper must be a positive integer (got {upper:g})")
        return Randint(int(upper))
    is_normal = kind.endswith("normal")
    names = ("mu", "sigma") if is_normal else ("min_value", "max_value")
    first, second = (_number(name, arguments, each) for each in names)
    if is_normal and second < 0:
        raise _error(name, f"sigma must not be negative (got {second:g})")
    if not is_normal and second < first:
        raise _error(name, f"max_value {second:g} is less than min_value {first:g}")
    q = _number(name, arguments, "q") if kind.startswith("q") else None
    if q is not None and q <= 0:
        raise _error(name, f"q must be positive (got {q:g})")
    distribution = Continuous((first, second), is_normal, base if "log" in kind else None, q)
    try:
        distribution.value(0.0)
        distribution.value(1 - SMALLEST_QUANTILE)
    except OverflowError:
        raise _error(name, f"the values of {kind} are too large") from None
    return distribution


def _split(name: str, value: Json) -> tuple[str, JsonObject]:
    """The type and the named arguments of a distribution in either form."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], list):
        kind = str(value[0]).lower()
        arguments = dict(zip(ARGUMENTS.get(kind, ()), value[1], strict=False))
    else:
        arguments = object_of({name: value}, name)
        kind = str(arguments.get("type")).lower()
    if kind not in ARGUMENTS:
        raise _error(name, f"type {kind!r} is unknown; use one of {', '.join(ARGUMENTS)}")
    missing = [each for each in ARGUMENTS[kind] if arguments.get(each) is None]
    if missing:
        raise _error(name, f"{kind} needs {', '.join(missing)}")
    return kind, arguments


def _read_choice(name: str, values: Json) -> Choice:
    if not isinstance(values, list) or not values:
        raise _error(name, "values must be a list with at least one value")
    if any(isinstance(value, dict) for value in values):
        raise NotSupported(
            f"Jobs - Create or update: searchSpace.{name}: nested search spaces are not supported "
            "by azureml-local"
        )
    choices = [value for value in values if isinstance(value, str | int | float)]
    if len(choices) < len(values):
        raise _error(name, "values must be strings, numbers or booleans")
    return Choice(tuple(choices))


def _number(name: str, arguments: JsonObject, argument: str) -> float:
    number = number_or_nan(arguments[argument])
    if not math.isfinite(number):
        raise _error(name, f"{argument} must be a number (got {arguments[argument]!r})")
    return number


def _error(name: str, message: str) -> BadRequest:
    return BadRequest(f"searchSpace.{name}: {message}", "UserError", target=f"searchSpace.{name}")
