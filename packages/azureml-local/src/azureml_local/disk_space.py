"""Recognize a full disk, and say which one it is and how much space is left."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path

from azureml_local.errors import AzureError

_FULL = (errno.ENOSPC, errno.EDQUOT)
# What MLflow's server answers: the messages of SQLite and of the system.
_MESSAGES = (b"database or disk is full", b"No space left on device", b"Disk quota exceeded")
_MIB = 1 << 20


class DiskFull(AzureError):
    """The disk of the data folder is full.

    azure-core repeats requests that get 507, and azure-storage-blob those that get any other 5xx
    but 501 and 505, for a minute and a half. Neither repeats 413.
    """

    status = 413
    code = "InsufficientStorage"


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, says that a disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if isinstance(error, sqlite3.Error) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            return True
        if isinstance(error, BaseExceptionGroup):
            return any(is_disk_full(each) for each in error.exceptions)
        error = error.__cause__ or error.__context__
    return False


def says_disk_full(answer: bytes) -> bool:
    """Whether the text of a server's answer says that a disk is full."""
    return any(message in answer for message in _MESSAGES)


def describe(path: Path) -> str:
    """One line: the folder, its free space, and what to do.

    Args:
        path: a file or folder that could not be written; it need not exist.
    """
    folder = path.absolute()
    while not folder.is_dir():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / _MIB
    return (
        f"{folder}: the disk is full ({free:.1f} MiB free); free some space and repeat the command"
    )
