"""Checks of the dependencies between stages or jobs: names, targets, cycles."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from pipelines_local.errors import InvalidPipeline, Position, Problems


class Dependent(NamedTuple):
    """A stage or a job with the names of its dependencies."""

    name: str
    depends_on: tuple[str, ...]
    at: Position


def check_dependencies(kind: str, items: list[Dependent]) -> None:
    """Check that names are unique, dependencies exist and there is no cycle.

    Args:
        kind: "stage" or "job", for messages.
        items: all stages, or all jobs of a stage.

    Raises:
        InvalidPipeline: a check failed.
    """
    problems = Problems()
    dependencies: dict[str, tuple[str, ...]] = {}
    for item in items:
        if item.name.lower() in dependencies:
            with problems.catch():
                message = f"duplicate {kind} name {item.name!r}"
                raise InvalidPipeline(f"duplicate-{kind}", message, item.at)
        dependencies[item.name.lower()] = tuple(name.lower() for name in item.depends_on)
    for item in items:
        for name in item.depends_on:
            if name.lower() not in dependencies:
                similar = difflib.get_close_matches(name, [item.name for item in items], 1)
                with problems.catch():
                    raise InvalidPipeline(
                        "unknown-dependency",
                        f"the {kind} {item.name!r} depends on the unknown {kind} {name!r}",
                        item.at,
                        f"did you mean {similar[0]!r}?" if similar else "",
                    )
    problems.raise_all()
    ordered: set[str] = set()
    while len(ordered) < len(dependencies):
        ready = [
            name
            for name, names in dependencies.items()
            if name not in ordered and ordered.issuperset(names)
        ]
        if not ready:
            item = next(item for item in items if item.name.lower() not in ordered)
            message = f"the {kind} {item.name!r} is part of a dependency cycle"
            raise InvalidPipeline("dependency-cycle", message, item.at)
        ordered.update(ready)
