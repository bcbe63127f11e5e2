"""The preloaded process of a rehearsal, as its kernels and commands use it.

Every command imports this module, so it imports little.
"""

from __future__ import annotations

import os
import sys

ADDRESS = "NBRELEASE_PRELOADED_PROCESS"
"""The environment variable with the address of the preloaded process."""

PARENT_PID = "JPY_PARENT_PID"
"""ipykernel reads it on import to know whether a parent process started it."""

BACKEND = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
"""The variable that a kernel sets if the user has not set it; matplotlib reads it on import."""

WARNINGS = "ignore:IProgress not found"
"""tqdm warns that it cannot draw widgets. A rendered page cannot draw them either."""

FORK = "NBRELEASE_IS_FORK"
"""The variable that is set in a fork of the preloaded process."""

UNUSED_VARIABLES = ("ARM_", "AZUREML_", "AZURE_", "MLFLOW_", "REQUESTS_", "SSL_")
"""Prefixes of a workspace's variables. The steps of the evidence stage do not have these variables,
and their commands use no module that reads them."""

COMMANDS = (["run"], ["release", "collect"], ["evidence"], ["check"])
"""The commands that run as forks. Commands of the build stage would wait for the imports."""


def is_forked(arguments: list[str]) -> bool:
    """Whether a command may run as a fork."""
    return any(arguments[: len(command)] == command for command in COMMANDS)


def run_fork(arguments: list[str]) -> int | None:
    """Run ``nbrelease`` as a fork of the preloaded process.

    Args:
        arguments: of the command line.

    Returns:
        The exit code; None if there is no preloaded process, if it cannot run this command, or if
        this process is such a fork.
    """
    if os.environ.pop(FORK, None):
        del sys.path[0]  # the working folder, which ``python -m`` adds
        return None
    address = os.environ.get(ADDRESS)
    if not address:
        return None
    from child_processes import preload

    env = {**BACKEND, "PYTHONWARNINGS": WARNINGS, **os.environ, FORK: "1"}
    try:
        return preload.run(
            address,
            [sys.executable, "-m", "nbrelease", *arguments],
            env=env,
            unused_variables=() if arguments[0] == "run" else UNUSED_VARIABLES,
        )
    except preload.Refused:  # its log has the reason
        return None
