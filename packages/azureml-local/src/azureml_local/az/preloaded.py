"""Runs ``az ml`` commands in forks of a process that has imported the SDK.

The import of the SDK takes seconds, and a pipeline calls ``az`` dozens of times. The server owns
the preloaded process, because it must outlive single calls. A call reads its address from a file.
If that address does not respond, the call asks the server for a new one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from azureml_local.az.server_client import ServerClient
from child_processes import preload

FILE = "az.json"
PATH = "/az/preloaded"
MODULE = "azureml_local.az"
CALLER = "AZUREML_LOCAL_AZ_CALLER"
"""The variables of the caller that modules read at import, as JSON; the fork sets them."""
CONNECTION = ("ARM_", "AZUREML_", "REQUESTS_")
"""Prefixes of variables that connect to a server: a fork keeps those of the preloaded process."""


def run(data: Path, argv: list[str]) -> int | None:
    """Run a command line in a fork; returns its exit code, None where forks are not supported."""
    for attempt in range(2):
        try:
            content = json.loads((data / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            content = None
        if content is None or attempt:
            content = ServerClient.from_folder(data).request("POST", PATH)
        if not content["address"]:
            return None
        try:
            process = preload.popen(
                content["address"],
                [content["python"], "-m", MODULE, *argv],
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
