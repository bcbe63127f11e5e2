"""The zygote that a rehearsal keeps for its kernels: what it imports, and where it is found."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from child_processes import preload
from nbrelease.notebook import read

ADDRESS = "NBRELEASE_ZYGOTE"
"""The variable that names the zygote's socket to the steps of a rehearsal."""

PARENT = "JPY_PARENT_PID"
"""ipykernel reads at its import whether it has a parent to end with."""

FIRST = "ipykernel.kernelapp"
# matplotlib settles at its import for a way of drawing, which a kernel chooses before that.
NEVER = ("matplotlib",)
# What a module imports only when it is used: a model that was kept with skops brings sklearn.
LATER = {"mlflow.sklearn": "skops.io"}
WARNINGS = "ignore:IProgress not found"
"""tqdm's complaint that it cannot draw its bars as widgets; a rendered page could not either."""


def start(runbooks: Path, env: Mapping[str, str], log: Path) -> preload.Preloaded | None:
    """Start a zygote with what the runbooks of a folder import.

    Args:
        runbooks: the folder.
        env: the variables that lead to the workspace; the SDK reads them while it is imported.
        log: the file for what the imports print.

    Returns:
        The zygote; None where this system has none.
    """
    early = {"PYTHONWARNINGS": WARNINGS, PARENT: str(os.getpid())}
    wanted = {**os.environ, **early, **env}
    return preload.start([FIRST, *imports(sorted(runbooks.glob("*.ipynb")))], env=wanted, log=log)


def imports(notebooks: Iterable[Path]) -> list[str]:
    """The names in notebooks that may be modules of packages that are here, in their order.

    ``import mlflow`` with ``mlflow.sklearn.load_model`` further on names ``mlflow.sklearn`` too.
    """
    found: dict[str, None] = {}
    for path in notebooks:
        roots: set[str] = set()
        for cell in read(path).cells:
            if cell.kind == "code":
                found |= dict.fromkeys(_named(cell.source, roots))
    found |= dict.fromkeys(LATER[name] for name in list(found) if name in LATER)
    return [name for name in found if not name.startswith(NEVER) and _installed(name)]


def _named(source: str, roots: set[str]) -> Iterator[str]:
    """The dotted names of a cell; ``roots`` are the modules that ``import`` has bound so far."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic of IPython's, or a mistake that the kernel will name
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {each.name for each in node.names}
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in roots:
            yield ast.unparse(node)


def _installed(name: str) -> bool:
    root = name.partition(".")[0]
    return root not in sys.stdlib_module_names and importlib.util.find_spec(root) is not None
