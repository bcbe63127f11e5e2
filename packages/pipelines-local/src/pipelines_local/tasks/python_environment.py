"""Virtual environments of a run, so that no step installs into the Python of this machine."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

_NAMES = ("python", "python3", "pip", "pip3")
# Created on first use, because most steps need no Python; pip only if it is used.
_SHIM = """#!/bin/sh
venv={venv}
if [ ! -e "$venv/.ready" ]; then
  until mkdir "$venv.lock" 2>/dev/null; do [ -e "$venv/.ready" ] && break; sleep 0.1; done
  [ -e "$venv/.ready" ] || {{ {interpreter} -m venv --without-pip "$venv" && : > "$venv/.ready"; }}
  rmdir "$venv.lock" 2>/dev/null
fi
case "${{0##*/}} $1 $2" in
  pip*|*" -m pip")
    [ -e "$venv/.pip" ] || {{ "$venv/bin/python" -m ensurepip >/dev/null && : > "$venv/.pip"; }}
esac
case "${{0##*/}}" in
  pip*) exec "$venv/bin/python" -m pip "$@" ;;
  *) exec "$venv/bin/python" "$@" ;;
esac
"""


def own_interpreter() -> Path:
    """Return the interpreter of this process, outside its virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def create_python_shims(folder: Path, interpreter: Path, minor: int) -> list[Path]:
    """Write commands ``python`` and ``pip`` that use a new virtual environment.

    Args:
        folder: gets the commands in ``shims`` and the environment in ``venv``.
        interpreter: the Python of the environment.
        minor: its minor version, for ``python3.MINOR``.

    Returns:
        The folders to put first in PATH, in their order.
    """
    shims, venv = folder / "shims", folder / "venv"
    shims.mkdir(parents=True, exist_ok=True)
    text = _SHIM.format(venv=shlex.quote(str(venv)), interpreter=shlex.quote(str(interpreter)))
    for name in (*_NAMES, f"python3.{minor}"):
        path = shims / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    return [shims, venv / "bin"]
