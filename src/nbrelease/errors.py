"""What can go wrong, and the exit code that says so.

    NbreleaseError
    ├── UserError            2   something that the caller wrote is wrong; nothing was done
    │   ├── UsageError           the command's words
    │   ├── SettingsError        settings.ini, or a variable that overrides it
    │   ├── NotebookError        a notebook's cells, tags or parameters
    │   └── KernelError          the kernel that a notebook names
    ├── RunFailed            1   a run, a test, a check or a gate said no
    ├── ApprovalsError       1   Azure DevOps did not say who approved
    └── WorkspaceError       1   the local workspace did not start

Each message is one line: what is wrong, where (``path:cell-id:line``, ``settings.ini:[dev] key``),
and the mend.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DEFECT = 3
    WAITING = 4
    REJECTED = 5
    INTERRUPTED = 130


class NbreleaseError(Exception):
    """Anything that is said to the user in one line."""

    exit_code = ExitCode.FAILED


class UserError(NbreleaseError):
    """Something that the caller wrote is wrong; nothing was done."""

    exit_code = ExitCode.USAGE


class UsageError(UserError):
    """The command's words are wrong."""


class SettingsError(UserError):
    """settings.ini, or a variable that overrides it, is wrong."""


class NotebookError(UserError):
    """A notebook's cells, tags or parameters are wrong."""


class KernelError(UserError):
    """The kernel that a notebook names is not installed, or does not start."""


class RunFailed(NbreleaseError):
    """A run, a test, a check or a gate said no."""


class ApprovalsError(NbreleaseError):
    """Azure DevOps did not say who approved."""


class WorkspaceError(NbreleaseError):
    """The local workspace did not start."""
