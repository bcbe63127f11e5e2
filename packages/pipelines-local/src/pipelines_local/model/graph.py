"""Dependencies of stages and jobs: they exist, and there is an order in which all can run."""

from __future__ import annotations

import difflib

from pipelines_local.errors import Position, Refused


def check_order(what: str, items: list[tuple[str, tuple[str, ...], Position]]) -> None:
    """Check names and dependencies.

    Args:
        what: "stage" or "job".
        items: name, dependencies, place.

    Raises:
        Refused: a name twice, an unknown dependency, a circle.
    """
    names: dict[str, tuple[str, ...]] = {}
    for name, depends, at in items:
        if name.lower() in names:
            raise Refused(f"a second {what} with the name {name!r}", at)
        names[name.lower()] = tuple(word.lower() for word in depends)
    for name, depends, at in items:
        for word in depends:
            if word.lower() not in names:
                near = difflib.get_close_matches(word, [item[0] for item in items], 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise Refused(f"the {what} {name!r} depends on {word!r}, which is not there{hint}",
                              at)  # fmt: skip
    done: set[str] = set()
    while len(done) < len(names):
        ready = [n for n, depends in names.items() if n not in done and done.issuperset(depends)]
        if not ready:
            name, _, at = next(item for item in items if item[0].lower() not in done)
            raise Refused(f"the {what} {name!r} is part of a circle of dependencies", at)
        done.update(ready)
