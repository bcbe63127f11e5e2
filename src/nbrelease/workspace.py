"""The workspace that a command talks to: Azure's, or a local one that lives as long as needed.

The local workspace is a separate program (``azureml_local``), reached as any client reaches Azure:
through environment variables. One that runs already on the project's data is used and left alone;
otherwise one is started, tethered to this process, and stopped at the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

import child_processes
from nbrelease.errors import UsageError, WorkspaceError
from nbrelease.settings import Environment

START_SECONDS = 30.0
POLL_SECONDS = 0.05


def running(data: Path) -> dict[str, str] | None:
    """The client environment of the local workspace on ``data``; None where none is running."""
    try:
        state = json.loads((data / "server.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return dict(state["env"]) if psutil.pid_exists(state["pid"]) else None


@contextlib.contextmanager
def open_workspace(env: Environment, root: Path) -> Iterator[dict[str, str]]:
    """The environment variables under which a client reaches the workspace of ``env``.

    Args:
        env: the environment's settings.
        root: the project's folder.

    Yields:
        Variables to add; none for Azure, where the machine's own sign-in counts, nor where the
        process is already pointed at a local workspace (inside a pipeline's step).

    Raises:
        UsageError: the port of settings.ini is taken.
        WorkspaceError: the local workspace did not start.
    """
    if env.workspace == "azure" or "ARM_CLOUD_METADATA_URL" in os.environ:
        yield {}
        return
    data = (root / env.local_data).resolve()
    found = running(data)
    if found is not None:
        yield found
        return
    process, variables = _start(data, env.local_port)
    try:
        yield variables
    finally:
        child_processes.end_group(process, grace=10)


def _start(data: Path, port: int) -> tuple[subprocess.Popen[str], dict[str, str]]:
    data.mkdir(parents=True, exist_ok=True)
    log = data / "serve.log"
    command = [sys.executable, "-m", "azureml_local", "serve", "--data", str(data)]
    if port:
        command += ["--port", str(port)]
    with log.open("w", encoding="utf-8") as file:
        process = child_processes.spawn(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            lines = log.read_text(encoding="utf-8").strip().splitlines() or ["no message"]
            if code == UsageError.exit_code:
                raise UsageError(f"the local workspace: {lines[-1]}")
            raise WorkspaceError(
                f"the local workspace ended at its start: {lines[-1]} (log: {log})"
            )
        if (variables := running(data)) is not None:
            return process, variables
        time.sleep(POLL_SECONDS)
    child_processes.end_group(process)
    raise WorkspaceError(f"the local workspace was not ready in {START_SECONDS:.0f} s (log: {log})")
