"""A zygote for the processes of batch jobs, with what most models need imported already.

A job scores a file in milliseconds after seconds of imports, and a release scores a handful of
files. The zygote is started when a deployment of a model without code is made or asked, so that it
imports meanwhile, and ended when no job has wanted it for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import zygote

ADDRESS = "AZUREML_LOCAL_ZYGOTE"
"""The variable that names its socket to a job's driver."""

IDLE_SECONDS = 900.0
MODULES = ("azureml_local.batch.worker", "azureml_local.batch.tables", "pandas", "skops.io")


class Warm:
    """At most one zygote."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self._env = env
        self._log = log
        self._zygote: zygote.Zygote | None = None
        self._ending: asyncio.TimerHandle | None = None

    def use(self) -> dict[str, str]:
        """Have a zygote from now on, for a while; gives the variable that leads to it."""
        if self._zygote is None or not self._zygote.alive:
            self._zygote = zygote.start(MODULES, env=self._env, log=self._log)
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.stop)
        return {} if self._zygote is None else {ADDRESS: str(self._zygote.address)}

    def stop(self) -> None:
        """End the zygote."""
        if self._ending is not None:
            self._ending.cancel()
        if self._zygote is not None:
            self._zygote.stop()
            self._zygote = None
