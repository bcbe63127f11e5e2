"""Runs ``az ml`` commands in forks of a process that has imported the SDK.

The import of the SDK takes seconds, and a pipeline calls ``az`` dozens of times. The server owns
the preloaded process, because it must outlive single calls. A call reads its address from a file.
If that address does not respond, the call asks the server for a new one. This module imports
little, because most calls do no more than ask for a fork.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from child_processes import preload

FILE = "az.json"
PATH = "/az/preloaded"
MODULE = "azureml_local.az"
CALLER = "AZUREML_LOCAL_AZ_CALLER"
"""The variables of the caller that modules read at import, as JSON; the fork sets them."""
CONNECTION = ("ARM_", "AZUREML_", "REQUESTS_")
"""Prefixes of variables that connect to a server: a fork keeps those of the preloaded process."""


def run(data: Path, argv: list[str], *, start: bool = True) -> int | None:
    """Run a command line in a fork.

    Args:
        data: the data folder of the local workspace.
        argv: the arguments of ``az``.
        start: whether to start the preloaded process if it does not run.

    Returns:
        The exit code of the fork. None if forks are not supported, or without a preloaded process.
    """
    for attempt in range(2 if start else 1):
        try:
            content = json.loads((data / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            content = None
        if start and (content is None or attempt):
            from azureml_local.az.server_client import ServerClient

            content = ServerClient.from_folder(data).request("POST", PATH)
        if not content or not content["address"]:
            return None
        try:
            process = preload.popen(
                content["address"],
                # -I: modules of the working folder have no effect.
                [content["python"], "-I", "-m", MODULE, *argv],
                env=_environment(content["variables"]),
                stdin=0,
            )
        except preload.Refused:
            continue
        return process.wait()
    return None


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """The environment of a fork.

    Args:
        variables: the variables of the preloaded process that modules read at import.
    """
    caller = {name: value for name, value in os.environ.items() if _is_of_caller(name)}
    rest = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(preload.READ_AT_IMPORT)
    }
    return {**rest, **variables, CALLER: json.dumps(caller)}


def _is_of_caller(name: str) -> bool:
    return name.startswith(preload.READ_AT_IMPORT) and not name.startswith(CONNECTION)


def restore_environment() -> bool:
    """In a fork: set the variables of the caller; returns whether this process is a fork."""
    text = os.environ.pop(CALLER, None)
    if text is None:
        return False
    for name in filter(_is_of_caller, list(os.environ)):
        del os.environ[name]  # of the server; the caller may not have it
    os.environ.update(json.loads(text))
    return True
