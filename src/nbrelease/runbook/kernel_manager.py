"""Start and stop a runbook's kernel: Jupyter's classes, without their waiting times.

In a rehearsal a kernel is forked from a preloaded process (:mod:`child_processes.preload`). To
Jupyter, papermill and the notebook it is an ordinary ipykernel in its own process. Without a
preloaded process, or when it refuses, the kernel starts the ordinary way.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from child_processes import preload
from nbrelease import preloaded, sdk_secrets
from nbrelease.runbook import secret_receiver


class ClientWithoutHeartbeat(AsyncKernelClient):  # type: ignore[misc]
    """A kernel client without a heartbeat.

    papermill asks the manager whether the kernel's process is alive. The last heartbeat waits a
    second for a kernel that has already ended.
    """

    def start_channels(self, *args: bool, **options: bool) -> None:
        """Open all channels except the heartbeat."""
        super().start_channels(*args, **{**options, "hb": False})


class PreloadedProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Launches a kernel from the preloaded process, if one is running."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Launch the kernel and return its connection info."""
        if sdk_secrets.ADDRESS in os.environ:
            cmd = [*cmd, secret_receiver.KERNEL_ARGUMENT]
        address = os.environ.get(preloaded.ADDRESS)
        if address:
            # As Jupyter's launcher does: the kernel then knows that it has a parent.
            parent = {preloaded.PARENT_PID: str(os.getpid())}
            env = {**preloaded.BACKEND, **options["env"], **parent}
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
        super().__init__(client_factory=ClientWithoutHeartbeat, **options)
        self.provisioner = PreloadedProvisioner(
            kernel_id="", kernel_spec=self.kernel_spec, parent=self
        )
