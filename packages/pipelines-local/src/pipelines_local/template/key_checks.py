"""Checks of the keys of a mapping that is expanded."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines_local.errors import InvalidPipeline
from pipelines_local.yamltree import Node, Scalar, walk


def check_unique_keys(keys: Iterable[Scalar], case_sensitive: bool) -> None:
    """Check that no key appears twice; keys ignore case, except in free-form data.

    Raises:
        InvalidPipeline: a key appears twice.
    """
    names: set[str] = set()
    for key in keys:
        name = key.text if case_sensitive else key.text.lower()
        if name in names:
            raise InvalidPipeline("duplicate-key", f"duplicate key {key.text!r}", key.at)
        names.add(name)


def check_constant(owner: str, value: Node) -> None:
    """Check that a value has no expressions.

    Args:
        owner: its name in the message: "'trigger'".
        value: the value.

    Raises:
        InvalidPipeline: it has one.
    """
    for scalar in walk(value):
        if "${{" in scalar.text:
            message = f"{owner} cannot contain expressions"
            raise InvalidPipeline("expression-not-allowed", message, scalar.at)
