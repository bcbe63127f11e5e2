"""Recognize a full disk, and say which one it is and how much space is left."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MIB = 1 << 20


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, says that a disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


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
