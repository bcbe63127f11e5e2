"""Exceptions of pipelines-local, with their diagnostics and exit codes.

PipelinesError           1
├── UsageError           2   wrong options, files or values of the caller
├── InvalidPipeline      2   the pipeline is wrong or uses an unsupported feature
│   └── LimitExceeded    2   the pipeline is too large to be read on
└── ExpressionError      2
    ├── ParseError           the expression has a syntax error
    └── EvaluationError      the values do not fit the expression

Every diagnostic has a stable code such as ``unknown-key``. Tests and tools use the code, never the
message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Position(NamedTuple):
    """A position in a file; lines and columns count from 1."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        """``file:line:column``; the file relative to the working directory if that is shorter."""
        name = str(self.file)
        with contextlib.suppress(ValueError):
            name = min(str(self.file.relative_to(Path.cwd())), name, key=len)
        return f"{name}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Diagnostic:
    """One problem of a pipeline.

    Attributes:
        code: stable name of the rule, for example ``unknown-task``.
        message: what is wrong.
        at: where.
        severity: an error stops the run, a warning does not.
        fix: what to do about it; may be empty.
        source: address of the documentation or the issue behind the rule; may be empty.
    """

    code: str
    message: str
    at: Position
    severity: Literal["error", "warning"] = "error"
    fix: str = ""
    source: str = ""

    def __str__(self) -> str:
        """One line: position, message, fix, code."""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.at}: {self.message}{fix} [{self.code}]"

    def to_dict(self) -> dict[str, Any]:
        """The JSON form in the documents of the command line."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "at": str(self.at),
            "fix": self.fix,
            "source": self.source,
        }


class PipelinesError(Exception):
    """Base of all errors that are reported to the user in one line."""

    exit_code = 1


class UsageError(PipelinesError):
    """Wrong options, files or values of the caller; nothing was run."""

    exit_code = 2

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidPipeline(PipelinesError):
    """The pipeline is wrong or uses an unsupported feature; nothing was run.

    Attributes:
        diagnostics: all problems that were found, in the order of the files; at least one.
    """

    exit_code = 2

    def __init__(self, code: str, message: str, at: Position, fix: str = "") -> None:
        self.diagnostics: tuple[Diagnostic, ...] = (Diagnostic(code, message, at, fix=fix),)
        super().__init__(str(self.diagnostics[0]))

    @staticmethod
    def from_diagnostics(diagnostics: Iterable[Diagnostic]) -> InvalidPipeline:
        """One error for several diagnostics."""
        first, *others = diagnostics
        error = InvalidPipeline(first.code, first.message, first.at, first.fix)
        error.diagnostics = (first, *others)
        return error

    @property
    def code(self) -> str:
        """Code of the first diagnostic."""
        return self.diagnostics[0].code

    @property
    def message(self) -> str:
        """Message of the first diagnostic."""
        return self.diagnostics[0].message

    @property
    def at(self) -> Position:
        """Position of the first diagnostic."""
        return self.diagnostics[0].at


class LimitExceeded(InvalidPipeline):
    """The pipeline is too large or too deep; reading stops at once."""


class Problems:
    """Collects diagnostics, so that all problems of a file are reported at once."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    @contextlib.contextmanager
    def catch(self) -> Iterator[None]:
        """Store the diagnostics of an :class:`InvalidPipeline` that the block raises."""
        try:
            yield
        except LimitExceeded:
            raise
        except InvalidPipeline as error:
            self.diagnostics += error.diagnostics

    def collect(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Call ``read``; None if it raised :class:`InvalidPipeline`."""
        with self.catch():
            return read(*args, **kwargs)
        return None

    def raise_all(self) -> None:
        """Raise what was collected.

        Raises:
            InvalidPipeline: at least one problem was collected.
        """
        if self.diagnostics:
            raise InvalidPipeline.from_diagnostics(self.diagnostics)


class ExpressionError(PipelinesError):
    """An expression is wrong.

    Attributes:
        message: what is wrong.
        at: the character of the expression, counted from 1.
    """

    exit_code = 2
    phase: ClassVar[Literal["parse", "eval"]]

    def __init__(self, message: str, at: int) -> None:
        super().__init__(f"{message} (character {at} of the expression)")
        self.message = message
        self.at = at

    @property
    def code(self) -> str:
        """The code of the diagnostic that reports this error."""
        return "expression-syntax" if self.phase == "parse" else "expression-value"


class ParseError(ExpressionError):
    """The expression has a syntax error."""

    phase = "parse"


class EvaluationError(ExpressionError):
    """The values do not fit the expression."""

    phase = "eval"
