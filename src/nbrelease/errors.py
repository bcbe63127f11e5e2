"""Errors and their exit codes.

    NbreleaseError
    ├── UserError            2   an input is wrong; nothing was run or written
    │   ├── UsageError           command line arguments
    │   ├── SettingsError        settings.ini, or a variable that overrides it
    │   ├── DataError            a file with data that cannot be read
    │   ├── NotebookError        a notebook's cells, tags or parameters
    │   │   ├── NotebookFormatError  the file is not a notebook of format 4
    │   │   └── ParameterError       the parameters cell
    │   └── KernelError          the kernel that a notebook names
    ├── RunFailed            1   a run, a test, a check or a gate failed
    ├── ApprovalsError       1   Azure DevOps did not return the approvals
    └── WorkspaceError       1   the local workspace did not start

Each message is one line: where (``path:cell-id:line``, ``settings.ini [dev] key``), what is wrong,
and how to fix it.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DEFECT = 3
    WAITING = 4
    REJECTED = 5
    INTERRUPTED = 130


class NbreleaseError(Exception):
    """An error that is reported to the user in one line."""

    exit_code = ExitCode.FAILED


class UserError(NbreleaseError):
    """An input is wrong; nothing was run or written."""

    exit_code = ExitCode.USAGE


class UsageError(UserError):
    """The command line arguments are wrong."""


class SettingsError(UserError):
    """settings.ini, or a variable that overrides it, is wrong."""


class DataError(UserError):
    """A file with data cannot be read."""


class NotebookError(UserError):
    """A notebook's cells, tags or parameters are wrong."""


class NotebookFormatError(NotebookError):
    """A file is not a notebook of format 4.

    Attributes:
        message: what is wrong.
        fix: what to do about it.
    """

    def __init__(self, path: Path, message: str, fix: str) -> None:
        super().__init__(f"{path}: {message}; {fix}")
        self.message, self.fix = message, fix


class ParameterError(NotebookError):
    """The parameters cell of a notebook is invalid.

    Attributes:
        line: the 1-based line of the cell.
        message: what is wrong.
        fix: what to do about it.
        code: identifier of the problem.
    """

    def __init__(self, where: str, line: int, code: str, message: str, fix: str) -> None:
        super().__init__(f"{where}:{line}: {message}; {fix}")
        self.line, self.code, self.message, self.fix = line, code, message, fix


class KernelError(UserError):
    """The kernel that a notebook names is not installed or does not start."""


class RunFailed(NbreleaseError):
    """A run, a test, a check or a gate failed."""


class ApprovalsError(NbreleaseError):
    """Azure DevOps did not return the approvals of the run."""


class WorkspaceError(NbreleaseError):
    """The local workspace did not start."""
