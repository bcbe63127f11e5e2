"""Commands of nbrelease in the process of the tests, which has imported what they need."""

from __future__ import annotations

import contextlib
import io
import subprocess
from pathlib import Path

from nbrelease.cli import main


def nbrelease(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, as a process of its own would run it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
