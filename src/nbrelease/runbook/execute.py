"""One execution by papermill: saved after each cell, whole at any moment, whatever ends it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbrelease import files
from nbrelease.runbook import warm
from nbrelease.secrets import Known
from nbrelease.secrets.stream import MaskedStream

SCHEME = "nbrelease-file://"


class _WholeFiles:
    """papermill's door to files, writing beside and renamed.

    Every save is clean: a run that is killed leaves evidence too.
    """

    def __init__(self, clean: Callable[[Any], Any]) -> None:
        self._clean = clean

    def read(self, path: str) -> str:
        return Path(path.removeprefix(SCHEME)).read_text(encoding="utf-8")

    def write(self, content: str, path: str) -> None:
        clean = json.dumps(self._clean(json.loads(content)), indent=1, ensure_ascii=False)
        files.write_text(Path(path.removeprefix(SCHEME)), clean + "\n")

    def listdir(self, path: str) -> list[str]:
        return [str(item) for item in Path(path.removeprefix(SCHEME)).iterdir()]

    def pretty_path(self, path: str) -> str:
        return path.removeprefix(SCHEME)


def execute(
    notebook: Any,
    output: Path,
    *,
    parameters: Mapping[str, Any],
    kernel: str,
    folder: Path,
    cell_timeout: int,
    clean: Callable[[Any], Any],
    known: Known,
) -> str | None:
    """Execute a notebook and leave the executed one at ``output``.

    Args:
        notebook: the nbformat notebook; it is changed.
        output: where the executed notebook goes; written after each cell.
        parameters: to be injected, by name.
        kernel: an installed kernel's name.
        folder: the kernel's working folder.
        cell_timeout: seconds that one cell may take; 0: as long as it needs.
        clean: takes secrets and this machine's folders out of a notebook, as JSON.
        known: values that are secret whatever they look like, for what cells print meanwhile.

    Returns:
        What ended the execution from outside a cell's own error (a dead kernel, a timeout);
        None where there is nothing that the notebook itself does not tell.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook
    from papermill.iorw import papermill_io

    from nbrelease.runbook.manager import Manager

    os.environ.setdefault("PYTHONWARNINGS", warm.WARNINGS)
    papermill_io.register(SCHEME, _WholeFiles(clean))
    console = MaskedStream(sys.stdout, known)
    try:
        execute_notebook(
            notebook,
            f"{SCHEME}{output}",
            parameters=dict(parameters),
            kernel_name=kernel,
            language="python",  # a notebook without language_info is Python too
            cwd=str(folder),
            progress_bar=False,
            stdout_file=console,
            stderr_file=console,
            # nbclient's own word for "as long as it needs" is None.
            execution_timeout=cell_timeout or None,
            config=_kernel_config(),
            kernel_manager_class=Manager,
        )
    except PapermillExecutionError:
        return None  # the cell with the error says all
    except CellTimeoutError:
        return f"a cell took longer than cell_timeout_seconds = {cell_timeout}"
    except DeadKernelError:
        return "the kernel died (out of memory, or killed)"
    finally:
        console.close()
    return None


def _kernel_config() -> Any:
    """Talk to the kernel through files of this user where the system can, not through ports."""
    from traitlets.config import Config

    return Config({"KernelManager": {"transport": "ipc"}} if os.name == "posix" else {})
