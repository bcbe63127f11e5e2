"""Commands that may run as a fork of a preloaded process: ``python -m MODULE ARGUMENTS``."""

from __future__ import annotations

import re
import shlex
import sys
from importlib.machinery import PathFinder
from pathlib import Path

# Characters that a shell interprets; single quotes mean the same to shlex.
SHELL = re.compile(r"[$`\\\"|&;<>()*?\[\]{}#~!\n]")
# The imports of most jobs and of most models without code.
PRELOADED_MODULES = (
    "azureml_local.batch.worker",
    "azureml_local.batch.tables",
    "pandas",
    "skops.io",
    "mlflow.sklearn",
)


def parse(line: str, folder: Path, variables: dict[str, str]) -> list[str] | None:
    """The command as ``[interpreter, "-m", module, ...]``; None if a shell must run it.

    Args:
        line: the command of the job.
        folder: its code. A module in it may have the name of an installed one, which a fork has
            already imported.
        variables: the variables of the job.
    """
    if SHELL.search(line) or "PATH" in variables:
        return None
    try:
        words = shlex.split(line)
    except ValueError:  # an unclosed quote: the shell reports it
        return None
    if words[:2] != ["python", "-m"] or len(words) < 3:
        return None
    names = {path.stem for path in folder.iterdir() if path.is_dir() or path.suffix == ".py"}
    if any(map(_is_installed, names)):
        return None
    return [sys.executable, *words[1:]]


def _is_installed(name: str) -> bool:
    """Whether a module outside of the job's code has this name; a plain folder has no loader."""
    if name in sys.builtin_module_names or name in sys.stdlib_module_names:
        return True
    here = str(Path.cwd())
    spec = PathFinder.find_spec(name, [path for path in sys.path if path not in ("", here)])
    return spec is not None and spec.loader is not None and spec.origin is not None
