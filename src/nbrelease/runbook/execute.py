"""Execute one notebook with papermill; the output file is saved while it runs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbrelease import files, preloaded
from nbrelease.runbook import verdict
from nbrelease.secrets import Known
from nbrelease.secrets.masked_stream import MaskedStream

SCHEME = "nbrelease-file://"
LOG_OFFSET = "log_offset"
"""Where the output of the running cell begins in the file of standard output, in bytes."""


class _AtomicFileHandler:
    """papermill's I/O handler for our output files: atomic writes, each save cleaned.

    A run that is killed leaves clean evidence too.
    """

    def __init__(self, clean: Callable[[Any], Any]) -> None:
        self._clean = clean
        self._offsets: dict[str, int] = {}

    def read(self, path: str) -> str:
        return Path(path.removeprefix(SCHEME)).read_text(encoding="utf-8")

    def write(self, content: str, path: str) -> None:
        self.save(json.loads(content), path)

    def save(self, notebook: dict[str, Any], path: str) -> None:
        """Write a notebook without changing it."""
        cleaned = self._clean(notebook)
        self._note_log_offset(cleaned["cells"])
        files.write_text(Path(path.removeprefix(SCHEME)), _to_json(cleaned) + "\n")

    def _note_log_offset(self, cells: list[dict[str, Any]]) -> None:
        """Note in the running cell where its output begins, if standard output is a file.

        A reader of that file can then show the output while the cell runs.
        """
        for cell in cells:
            if cell["metadata"].get("papermill", {}).get("status") != "running":
                continue
            with contextlib.suppress(OSError):  # a pipe or a terminal
                if cell["id"] not in self._offsets:  # its first save: it has printed nothing
                    self._offsets[cell["id"]] = os.lseek(sys.stdout.fileno(), 0, os.SEEK_CUR)
                ours = cell["metadata"].setdefault(verdict.METADATA, {})
                ours[LOG_OFFSET] = self._offsets[cell["id"]]

    def listdir(self, path: str) -> list[str]:
        return [str(item) for item in Path(path.removeprefix(SCHEME)).iterdir()]

    def pretty_path(self, path: str) -> str:
        return path.removeprefix(SCHEME)


def _to_json(notebook: dict[str, Any]) -> str:
    """JSON without indentation, which takes long; the result of the run is written with it."""
    try:
        return json.dumps(notebook, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except ValueError:  # NaN and Infinity are no JSON; JavaScript writes null for them too
        notebook = json.loads(json.dumps(notebook), parse_constant=lambda _: None)
        return json.dumps(notebook, sort_keys=True, ensure_ascii=False, allow_nan=False)


def execute(
    notebook: Any,
    output: Path,
    *,
    kernel: str,
    folder: Path,
    cell_timeout: int,
    clean: Callable[[Any], Any],
    known: Known,
) -> str | None:
    """Execute a notebook and write the executed notebook to ``output``.

    Args:
        notebook: the nbformat notebook; it is modified.
        output: the path of the executed notebook; written whenever a cell starts, and at the end.
        kernel: the name of an installed kernel.
        folder: the kernel's working directory.
        cell_timeout: seconds per cell; 0: no limit.
        clean: returns a copy of a notebook without secrets and without this machine's folders.
        known: values to mask in what the cells print to the console.

    Returns:
        What stopped the execution other than an error in a cell (a dead kernel, a timeout); None
        where nothing did.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook
    from papermill.iorw import papermill_io

    from nbrelease.runbook import engine
    from nbrelease.runbook.kernel_manager import KernelManager

    stopped: tuple[str, str] | None = None
    os.environ.setdefault("PYTHONWARNINGS", preloaded.WARNINGS)
    papermill_io.register(SCHEME, _AtomicFileHandler(clean))
    console = MaskedStream(sys.stdout, known)
    try:
        execute_notebook(
            notebook,
            f"{SCHEME}{output}",
            engine_name=engine.NAME,
            kernel_name=kernel,
            language="python",  # for notebooks without language_info
            cwd=str(folder),
            progress_bar=False,
            stdout_file=console,
            stderr_file=console,
            # nbclient: None is no limit.
            execution_timeout=cell_timeout or None,
            config=_kernel_config(),
            kernel_manager_class=KernelManager,
            on_cell_execute=_record_request,
            on_cell_executed=_record_reply,
        )
    except PapermillExecutionError:
        return None  # the error is in the cell's outputs
    except CellTimeoutError:
        reason = f"a cell took longer than cell_timeout_seconds = {cell_timeout}"
        stopped = ("CellTimeoutError", reason)
    except DeadKernelError:
        stopped = ("DeadKernelError", "the kernel died (out of memory, or killed)")
    finally:
        console.close()
    if stopped is None:
        return None
    _record_end(output, *stopped)
    return stopped[1]


def _record_request(cell: Any, cell_index: int) -> None:
    """Note in the cell that the kernel owes a reply: it stays when the kernel ends first."""
    cell.metadata[verdict.METADATA] = {verdict.REPLY: {"status": verdict.MISSING}}


def _record_reply(cell: Any, cell_index: int, execute_reply: Mapping[str, Any]) -> None:
    """Write the kernel's ``execute_reply`` to the cell: an error need not have an error output."""
    content = execute_reply["content"]
    reply = {key: content[key] for key in ("status", "ename", "evalue") if key in content}
    cell.metadata[verdict.METADATA] = {verdict.REPLY: reply}


def _record_end(output: Path, ename: str, evalue: str) -> None:
    """Write to the cell without a reply why the execution stopped."""
    content = json.loads(output.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        reply = cell["metadata"].get(verdict.METADATA, {}).get(verdict.REPLY, {})
        if reply.get("status") == verdict.MISSING:
            reply |= {"ename": ename, "evalue": evalue}
    files.write_text(
        output, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    )


def _kernel_config() -> Any:
    """Connect to the kernel through Unix sockets of this user where possible, not through ports."""
    from traitlets.config import Config

    return Config({"KernelManager": {"transport": "ipc"}} if os.name == "posix" else {})
