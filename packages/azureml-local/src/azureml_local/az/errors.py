"""The errors of ``az`` and their exit codes: 1 failed, 2 wrong usage, 3 not found.

Source: ``azure.cli.core.util.handle_exception`` and the parser of the Azure CLI.
"""

from __future__ import annotations

from knack.util import CLIError


class AzError(CLIError):  # type: ignore[misc]
    """A command failed."""

    exit_code = 1


class NotSupported(AzError):
    """The Azure CLI has this command, option or value, and the local ``az`` does not."""

    exit_code = 2

    def __init__(self, subject: str) -> None:
        super().__init__(f"{subject}: not supported by the local az of azureml-local")


class NotFound(AzError):
    """A resource does not exist."""

    exit_code = 3
