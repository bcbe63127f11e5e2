"""Exceptions of background work: the error that a client gets, and writes on a full disk."""

from __future__ import annotations

import asyncio
import sqlite3
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from azureml_local.disk_space import DiskFull, describe, is_disk_full
from azureml_local.errors import AzureError, Defect

FULL_DISK_SECONDS = 1.0  # between two attempts to write on a full disk


def as_azure_error(error: Exception, data: Path) -> AzureError:
    """The error that a client gets for an exception.

    Args:
        error: the exception. The traceback of a defect is printed to the server's log.
        data: the data folder, which the error of a full disk names.
    """
    if isinstance(error, AzureError):
        return error
    if is_disk_full(error):
        return DiskFull(describe(data))
    traceback.print_exception(error)
    return Defect(f"defect in azureml-local, see serve.log: {error!r}")


async def write_final(write: Callable[[], Awaitable[None]]) -> None:
    """Write a final status that a client waits for. On a full disk, try again until it succeeds."""
    while True:
        try:
            return await write()
        except (OSError, sqlite3.Error) as error:
            if not is_disk_full(error):
                raise
        await asyncio.sleep(FULL_DISK_SECONDS)
