"""The preloaded process of a rehearsal: it has done the imports of the runbooks and of ``run``.

Its address reaches the steps through an environment variable.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from child_processes import preload
from nbrelease.notebook import read
from nbrelease.preloaded import BACKEND, PARENT_PID, WARNINGS

FIRST_MODULES = (
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "nbrelease.runbook.slow_imports:import_nbformat",
    "nbrelease.commands.run",
)
"""What kernels and ``nbrelease run`` need. Their imports read no variable of a workspace."""
FIRST_PACKAGES = ("numpy", "pandas")
"""Packages of runbooks whose imports read no variable of a workspace."""
LAST_MODULES = (
    "nbrelease.commands.release",
    "nbrelease.commands.evidence",
    "nbrelease.commands.check",
    "nbrelease.kernel_setup:cache_module_files",
)
QUIET_DEBUGGER = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
# Modules that another one imports lazily: mlflow.sklearn loads models with skops (and sklearn).
LAZY_IMPORTS = {
    "mlflow.sklearn": "skops.io",
    "nbrelease.quality.compare": "sklearn.metrics",
    "nbrelease.quality.figures": "matplotlib.figure",
}


class PreloadedKernels:
    """A process that imports what the runbooks of a folder and the commands of a release import.

    It starts before the workspace, with imports that read no variable of the workspace.

    Attributes:
        address: for :data:`nbrelease.preloaded.ADDRESS`; None where this system does not support
            preloaded processes.
    """

    def __init__(self, runbooks: Path, env: Mapping[str, str], log: Path) -> None:
        """Start it.

        Args:
            runbooks: the folder.
            env: its environment.
            log: the file for what the imports print.
        """
        imports = list_imports(sorted(runbooks.glob("*.ipynb")))
        first = [name for name in imports if name.partition(".")[0] in FIRST_PACKAGES]
        # The first ones again: if the workspace is running already, this request is handled before
        # any import.
        self._imports = [*FIRST_MODULES, *first, "papermill.execute", *imports, *LAST_MODULES]
        kernel = {"PYTHONWARNINGS": WARNINGS, PARENT_PID: str(os.getpid())}
        variables = {**BACKEND, **QUIET_DEBUGGER, **env, **kernel}
        self._process = preload.start([*FIRST_MODULES, *first], env=variables, log=log)
        self.address = self._process.address if self._process is not None else None

    def use_workspace(self, variables: Mapping[str, str]) -> None:
        """Import the rest, with the variables of a workspace.

        Args:
            variables: those of the workspace; the SDK reads them on import.
        """
        if self.address is not None:
            with contextlib.suppress(preload.Refused):  # it has ended; processes start without it
                preload.import_next(self.address, self._imports, variables)

    def stop(self) -> None:
        """End it and its forks, once."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()


def list_imports(notebooks: Iterable[Path]) -> list[str]:
    """The dotted names in notebooks that may be installed modules, in order of first use.

    ``import mlflow`` followed by ``mlflow.sklearn.load_model`` names ``mlflow.sklearn`` too.
    """
    names: dict[str, None] = {}
    for path in notebooks:
        imported: set[str] = set()
        for cell in read(path).cells:
            if cell.kind == "code":
                names |= dict.fromkeys(_dotted_names(cell.source, imported))
    names |= dict.fromkeys(LAZY_IMPORTS[name] for name in list(names) if name in LAZY_IMPORTS)
    return [name for name in names if _is_installed(name)]


def _dotted_names(source: str, imported: set[str]) -> Iterator[str]:
    """The dotted names in a cell; ``imported`` collects the modules that ``import`` has bound."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # an IPython magic, or an error that the kernel reports
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {each.name for each in node.names}
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in imported:
            yield ast.unparse(node)


def _is_installed(name: str) -> bool:
    root = name.partition(".")[0]
    return root not in sys.stdlib_module_names and importlib.util.find_spec(root) is not None
