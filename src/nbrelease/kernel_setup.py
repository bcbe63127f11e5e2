"""What a runbook's kernel does before the first cell.

The kernel's environment may be another one than that of nbrelease, so this module imports only
what each kernel has.
"""

from __future__ import annotations

import atexit
import inspect
import traceback
from typing import Any

from nbrelease import sdk_secrets


def set_up(shell: Any) -> None:
    """Set up a kernel.

    Args:
        shell: its ``ipykernel.zmqshell.ZMQInteractiveShell``.
    """
    sdk_secrets.install()
    atexit.register(_end_control_thread, shell.kernel.control_thread)
    _name_modules_of_stack()
    shell.events.register("pre_run_cell", lambda info: _name_module_of_cell(shell, info.raw_cell))


def cache_module_files() -> None:
    """Fill the cache in which ``inspect`` has the files of all modules.

    It does this itself at the first search for a file without a module, in 0.3 s in a runbook.
    """
    inspect.getmodule(cache_module_files.__code__, "a file without a module")


def _end_control_thread(thread: Any) -> None:
    """Let the thread that answered the shutdown request end before ipykernel closes its channels.

    It flushes the streams after its answer. When the thread that writes them ends first, it waits
    ten seconds, and Jupyter kills the kernel before.
    """
    if thread is not None and thread.is_alive():
        thread.stop()
        thread.join()


def _name_modules_of_stack() -> None:
    """Add the modules of the functions that run the cells to the cache of ``inspect``.

    azure.ai.ml inspects the call stack three times when it reads a deployment. For each file
    without a module, such as ``<frozen runpy>``, ``inspect`` then searches all modules: 0.3 s.
    """
    for frame, _ in traceback.walk_stack(None):
        name = frame.f_globals.get("__name__", "__main__")
        inspect.modulesbyfile.setdefault(frame.f_code.co_filename, name)


def _name_module_of_cell(shell: Any, source: str) -> None:
    """Add a cell to the cache of ``inspect``, as code of the module of the notebook."""
    file = shell.compile.get_code_name(source, source, shell.execution_count)
    inspect.modulesbyfile.setdefault(file, shell.user_module.__name__)
