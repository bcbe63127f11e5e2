"""What can go wrong, and the exit code that says so.

PipelinesError           1
├── UsageError           2   the caller's words, files or values are wrong
├── Refused              2   the pipeline is wrong or outside the subset; nothing was run
└── ExpressionError      2   an expression, in one of two phases
    ├── ParseError           it cannot be read
    └── EvaluationError      it was read, and its values do not fit
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple


class Position(NamedTuple):
    """A place in a file of the user's; lines and columns count from 1."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        """``file:line:column``, relative to the working folder where that is shorter."""
        name = str(self.file)
        with contextlib.suppress(ValueError):
            name = min(str(self.file.relative_to(Path.cwd())), name, key=len)
        return f"{name}:{self.line}:{self.column}"


class PipelinesError(Exception):
    """Anything that is said to the user in one line."""

    exit_code = 1


class UsageError(PipelinesError):
    """The caller's words, files or values are wrong; nothing was run."""

    exit_code = 2


class Refused(PipelinesError):
    """The pipeline is wrong, or uses what is outside the subset; nothing was run."""

    exit_code = 2

    def __init__(self, message: str, at: Position) -> None:
        super().__init__(f"{at}: {message}")
        self.message = message
        self.at = at


class ExpressionError(PipelinesError):
    """An expression is wrong.

    Attributes:
        message: what is wrong.
        at: the character of the expression where, counted from 1.
    """

    exit_code = 2
    phase: ClassVar[Literal["parse", "eval"]]

    def __init__(self, message: str, at: int) -> None:
        super().__init__(f"{message} (character {at} of the expression)")
        self.message = message
        self.at = at


class ParseError(ExpressionError):
    """The expression cannot be read."""

    phase = "parse"


class EvaluationError(ExpressionError):
    """The expression was read, and its values do not fit."""

    phase = "eval"
