"""The workspace of a command: Azure's, or a local workspace for the duration of the command.

The local workspace is a separate program (``azureml_local``). Clients reach it as they reach Azure,
through environment variables. One that already runs on the project's data is used and left running.
Otherwise one is started as a child process, and stopped when neither this command nor another one
uses it.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

import child_processes
from azureml_local.client_variables import client_variables
from nbrelease import console
from nbrelease.errors import UsageError, WorkspaceError
from nbrelease.file_lock import UsageLock
from nbrelease.settings import Environment

METADATA = "ARM_CLOUD_METADATA_URL"
"""Set by ``azureml-local run`` to an address of the local workspace's server."""
START_SECONDS = 120.0
POLL_SECONDS = 0.05
CLOCK_TOLERANCE_SECONDS = 1.0
IN_USE = "another run uses the local workspace of this one; waiting for its end"


def read_variables(data: Path, *, isolation: str = "none") -> dict[str, str] | None:
    """The client variables of the local workspace running on ``data``; None if none is running.

    Args:
        data: the data folder.
        isolation: the setting; if the workspace runs without isolation, ``uv`` is an error, and
            ``auto`` a warning.

    Raises:
        UsageError: it runs without isolation.
    """
    try:
        state = json.loads((data / "server.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    clock_change = _measure_clock_change(state)
    if clock_change is None:
        return None
    if abs(clock_change) >= CLOCK_TOLERANCE_SECONDS:
        direction = "back" if clock_change < 0 else "forward"
        console.warning(
            f"the clock of this machine went {direction} {abs(clock_change):.0f} s since the local "
            "workspace started; its times before and after that are not in order"
        )
    if isolation != "none" and state.get("isolation", "none") == "none":
        message = (
            f"local workspace: the server on {data.name} runs without isolation, and settings.ini "
            f"has isolation = {isolation}; stop it: azureml-local stop --data {data.name}"
        )
        if isolation == "uv":
            raise UsageError(message)
        console.warning(message)
    return client_variables(state["env"], os.environ)


def _measure_clock_change(state: dict[str, Any]) -> float | None:
    """The seconds by which the clock was set since the server started; None if it does not run.

    Its process id may have been reused by another process. Linux calculates the start of a process
    from the current clock. Only its time after boot stays the same when the clock is set.
    """
    try:
        started = psutil.Process(state["pid"]).create_time()
    except psutil.NoSuchProcess:
        return None
    change: float = started - state["pid_started"]
    if abs(change) < CLOCK_TOLERANCE_SECONDS:
        return change
    after_boot = state.get("pid_started_after_boot")
    if after_boot is None:
        return None
    moved = abs(started - psutil.boot_time() - after_boot)
    return change if moved < CLOCK_TOLERANCE_SECONDS else None


@contextlib.contextmanager
def open_workspace(env: Environment, root: Path) -> Iterator[dict[str, str]]:
    """The environment variables with which a client reaches the workspace of ``env``.

    Yields:
        Variables to set. Empty for Azure, where the user's own credentials are used, and inside a
        pipeline step, where the variables of a local workspace are already set.

    Raises:
        UsageError: the port in settings.ini is in use, or the environment is on Azure and the
            variables of this process are those of a local workspace.
        WorkspaceError: the local workspace did not start.
    """
    check_variables(env)
    if env.workspace == "azure" or METADATA in os.environ:
        yield {}
        return
    data = (root / env.local_data).resolve()
    _create_private(data)
    lock = UsageLock(data / "users.lock")
    with contextlib.ExitStack() as users:
        with lock.change():
            process = None
            variables = read_variables(data, isolation=env.isolation)
            if variables is None:
                process, variables = _start_server(data, env)
            wait_for_others = users.enter_context(lock.use())
        try:
            yield variables
        finally:
            if process is not None:
                with lock.change():
                    wait_for_others(lambda: console.warning(IN_USE))
                    child_processes.end_group(process, grace=10)


def find_local_address(variables: Mapping[str, str]) -> str:
    """Host and port of the local workspace that variables connect to; empty for Azure."""
    address = urlsplit(variables.get(METADATA, ""))
    return address.netloc if address.hostname in ("localhost", "127.0.0.1") else ""


def check_variables(env: Environment) -> None:
    """Refuse the variables of a local workspace for an environment on Azure.

    A pipeline step may have them: ``azureml-local run -- pipelines-local run`` rehearses a pipeline
    with the settings for Azure. Elsewhere the evidence would name Azure for what ran here.

    Raises:
        UsageError: this process is no pipeline step, and its variables are those of a local
            workspace.
    """
    address = find_local_address(os.environ)
    if env.workspace == "azure" and address and not os.environ.get("TF_BUILD"):
        raise UsageError(
            f"settings.ini has workspace = azure (workspace {env.workspace_name}), but the "
            f"variables of this process are those of the local workspace at {address}; use a "
            "terminal outside make lab and azureml-local run, or start JupyterLab with jupyter lab"
        )


def _create_private(data: Path) -> None:
    """Create the data folder for this user alone: it holds keys and everything that runs wrote."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(data.stat().st_mode) & 0o077:
        data.chmod(0o700)


def _start_server(data: Path, env: Environment) -> tuple[subprocess.Popen[str], dict[str, str]]:
    log = data / "serve.log"
    command = [sys.executable, "-m", "azureml_local", "serve", "--data", str(data)]
    command += ["--isolation", env.isolation]
    if not env.warm_kernels:
        command += ["--no-fork-jobs"]
    if env.local_port:
        command += ["--port", str(env.local_port)]
    with log.open("w", encoding="utf-8") as file:
        process = child_processes.spawn(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            lines = log.read_text(encoding="utf-8").strip().splitlines() or ["no message"]
            if code == UsageError.exit_code:
                raise UsageError(f"local workspace: {lines[-1]}")
            raise WorkspaceError(f"local workspace: failed to start: {lines[-1]} (log: {log})")
        if (variables := read_variables(data)) is not None:
            return process, variables
        time.sleep(POLL_SECONDS)
    child_processes.end_group(process)
    raise WorkspaceError(f"local workspace: not ready after {START_SECONDS:.0f} s (log: {log})")
