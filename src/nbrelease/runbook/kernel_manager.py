"""Start and stop a runbook's kernel: Jupyter's classes, without their waiting times.

In a rehearsal a kernel is forked from a preloaded process (:mod:`child_processes.preload`). To
Jupyter, papermill and the notebook it is an ordinary ipykernel in its own process. Without a
preloaded process, or when it refuses, the kernel starts the ordinary way.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

import child_processes
from child_processes import preload
from nbrelease import preloaded

# In the kernel: its environment may have no nbrelease, or an older one.
SET_UP = (
    "--IPKernelApp.exec_lines=exec('try:\\n from nbrelease import kernel_setup\\n"
    "except ImportError: pass\\nelse: kernel_setup.set_up(get_ipython())')"
)
EXIT_POLL_SECONDS = 0.01
SHUTDOWN_SECONDS = 1.0
"""Until a kernel that was asked to shut down is interrupted: it may be running a cell."""


class KernelClient(AsyncKernelClient):  # type: ignore[misc]
    """Jupyter's client without its waiting times, and without a heartbeat.

    papermill asks the manager whether the kernel's process is alive. The last heartbeat waits a
    second for a kernel that has already ended.
    """

    def start_channels(self, *args: bool, **options: bool) -> None:
        """Open all channels except the heartbeat."""
        super().start_channels(*args, **{**options, "hb": False})

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel is idle after a request.

        Jupyter's client waits until no message has arrived for 0.2 s.

        Raises:
            RuntimeError: the kernel has died, or is not ready after ``timeout`` seconds.
        """
        deadline = time.monotonic() + (math.inf if timeout is None else timeout)
        while not await self._is_idle_after(self.kernel_info()):
            if not await self.is_alive():
                raise RuntimeError("the kernel died before it was ready")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the kernel was not ready after {timeout:g} seconds")

    async def _is_idle_after(self, request: str) -> bool:
        """Whether the reply to a kernel info request and its last message arrive."""
        try:
            reply = await self.get_shell_msg(timeout=1)
            while True:
                message = await self.get_iopub_msg(timeout=0.05)
                if (
                    message["parent_header"].get("msg_id") == request
                    and message["content"].get("execution_state") == "idle"
                ):
                    self._handle_kernel_info_reply(reply)
                    return True
        except Empty:  # messages of a kernel are lost until its client is connected
            return False


class PreloadedProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Launches a kernel from the preloaded process, if one is running."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Launch the kernel and return its connection info."""
        cmd = [*cmd, SET_UP]
        address = os.environ.get(preloaded.ADDRESS)
        if address:
            # As Jupyter's launcher does: the kernel then knows that it has a parent.
            parent = {preloaded.PARENT_PID: str(os.getpid())}
            # With the mark of this process: what the kernel starts ends with it.
            env = child_processes.environment({**preloaded.BACKEND, **options["env"], **parent})
            folder = options.get("cwd")
            try:
                self.process = preload.popen(address, cmd, env=env, cwd=folder)
            except preload.Refused:  # the log of the preloaded process has the reason
                pass
            else:
                self.pid = self.pgid = self.process.pid
                self.cwd = folder or Path.cwd()
                return self.connection_info
        return await super().launch_kernel(cmd, **options)


class KernelManager(AsyncKernelManager):  # type: ignore[misc]
    """Jupyter's manager of one kernel, with the client and the provisioner above."""

    def __init__(self, **options: Any) -> None:
        """Create a manager; the options are Jupyter's."""
        super().__init__(client_factory=KernelClient, **options)
        self.provisioner = PreloadedProvisioner(
            kernel_id="", kernel_spec=self.kernel_spec, parent=self
        )

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        """Request the shutdown before the kernel is interrupted.

        Jupyter's manager interrupts it first, which can hit the end of the last cell, and checks
        only every 0.1 s whether the kernel has exited.
        """
        if not now and await self.is_alive():
            await self.request_shutdown(restart)
            deadline = time.monotonic() + SHUTDOWN_SECONDS
            while await self.is_alive() and time.monotonic() < deadline:
                await asyncio.sleep(EXIT_POLL_SECONDS)
        if await self.is_alive():
            await super().shutdown_kernel(now, restart)
        else:
            await self.provisioner.wait()
            await self.cleanup_resources(restart)
