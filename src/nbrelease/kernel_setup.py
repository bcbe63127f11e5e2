"""What a runbook's kernel does before the first cell.

The kernel's environment may be another one than that of nbrelease, so this module imports only
what each kernel has.
"""

from __future__ import annotations

import atexit
from typing import Any

from nbrelease import sdk_secrets


def set_up(kernel: Any) -> None:
    """Set up a kernel (an ipykernel.kernelbase.Kernel)."""
    sdk_secrets.install()
    atexit.register(_end_control_thread, kernel.control_thread)


def _end_control_thread(thread: Any) -> None:
    """Let the thread that answered the shutdown request end before ipykernel closes its channels.

    It flushes the streams after its answer. When the thread that writes them ends first, it waits
    ten seconds, and Jupyter kills the kernel before.
    """
    if thread is not None and thread.is_alive():
        thread.stop()
        thread.join()
