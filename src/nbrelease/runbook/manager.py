"""How papermill gets a kernel, and ends it: Jupyter's ways, with their waits left out.

In a rehearsal a kernel is forked from a preloaded process that has done the runbooks' imports
(:mod:`child_processes.preload`); to Jupyter, papermill and the notebook it is an ordinary ipykernel
in a process of its own. Where
there is no preloaded process, or it refuses, the kernel is started the ordinary way.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from child_processes import preload
from nbrelease.runbook import warm


class Client(AsyncKernelClient):  # type: ignore[misc]
    """A client without a heartbeat.

    papermill asks the manager whether the kernel's process lives. A heartbeat's last question,
    which a kernel that has ended does not answer, would hold up the end by a second.
    """

    def start_channels(self, *args: bool, **named: bool) -> None:
        """Open all channels but the heartbeat's."""
        super().start_channels(*args, **{**named, "hb": False})


class Provisioner(LocalProvisioner):  # type: ignore[misc]
    """Launches a kernel out of the zygote, if there is one; all the rest is Jupyter's."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Launch, and say how the kernel is reached."""
        address = os.environ.get(warm.ADDRESS)
        if address:
            # As Jupyter's launcher does it: so the kernel knows that it is not alone.
            env = {**options["env"], warm.PARENT: str(os.getpid())}
            folder = options.get("cwd")
            try:
                self.process = preload.popen(address, cmd, env=env, cwd=folder)
            except preload.Refused:  # the zygote's log says why
                pass
            else:
                self.pid = self.pgid = self.process.pid
                self.cwd = folder or Path.cwd()
                return self.connection_info
        return await super().launch_kernel(cmd, **options)


class Manager(AsyncKernelManager):  # type: ignore[misc]
    """Jupyter's manager of one kernel, with the two."""

    def __init__(self, **options: Any) -> None:
        """As Jupyter's."""
        super().__init__(client_factory=Client, **options)
        self.provisioner = Provisioner(kernel_id="", kernel_spec=self.kernel_spec, parent=self)
