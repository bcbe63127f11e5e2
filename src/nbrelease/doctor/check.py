"""The result of a check of the development environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: what was checked.
        passed: whether it is set up correctly.
        message: its state, or what is missing and how to fix it.
        fix: fixes it; None where the user has to.
    """

    name: str
    passed: bool
    message: str
    fix: Callable[[], None] | None = None
