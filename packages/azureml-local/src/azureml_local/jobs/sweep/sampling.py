"""Sampling algorithms: the values of the hyperparameters of each trial.

As on Azure, a sweep has no two trials with the same values. It has fewer trials than
``max_total_trials`` if the search space has fewer values.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Iterator, Sequence

from azureml_local.errors import BadRequest
from azureml_local.jobs.sweep.search_space import Choice, Distribution, Value

SearchSpace = dict[str, Distribution]
Parameters = dict[str, Value]
"""The values of a trial by the name of the hyperparameter."""
MAX_REPEATS = 1000
"""The number of known samples in a row after which the search space counts as exhausted."""


def sample_grid(space: SearchSpace) -> Iterator[Parameters]:
    """All combinations of a search space of choices."""
    choices = [each.values for each in space.values() if isinstance(each, Choice)]
    for values in itertools.product(*choices):
        yield dict(zip(space, values, strict=True))


def check_grid(space: SearchSpace) -> None:
    """Refuse a search space for grid sampling that has other distributions than choices.

    Raises:
        BadRequest: a hyperparameter has another distribution.
    """
    for name, distribution in space.items():
        if not isinstance(distribution, Choice):
            raise BadRequest(
                f"searchSpace.{name}: grid sampling supports choice only",
                "UserError",
                target=f"searchSpace.{name}",
            )


def sample_random(space: SearchSpace, seed: int | None) -> Iterator[Parameters]:
    """Independent samples without repetition; the same for the same seed."""
    generator = random.Random(seed)
    return _distinct(_values(space, ([generator.random() for _ in space] for _ in _forever())))


def sample_sobol(space: SearchSpace, seed: int | None) -> Iterator[Parameters]:
    """Samples along a scrambled Sobol sequence without repetition; the same for the same seed."""
    import numpy as np
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(space), scramble=True, rng=np.random.default_rng(seed))
    points = (sequence.random(1)[0].tolist() for _ in _forever())
    return _distinct(_values(space, points))


def _forever() -> Iterator[None]:
    return itertools.repeat(None)


def _values(space: SearchSpace, points: Iterable[Sequence[float]]) -> Iterator[Parameters]:
    for point in points:
        yield {
            name: distribution.value(quantile)
            for (name, distribution), quantile in zip(space.items(), point, strict=True)
        }


def _distinct(samples: Iterable[Parameters]) -> Iterator[Parameters]:
    """The samples that have not occurred before; ends after :data:`MAX_REPEATS` known ones."""
    known: set[str] = set()
    repeats = 0
    for sample in samples:
        key = json.dumps(sample)
        repeats = repeats + 1 if key in known else 0
        if repeats > MAX_REPEATS:
            return
        if not repeats:
            known.add(key)
            yield sample
