"""A Jupyter server with the extension, as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from preloaded_python import PreloadedPython

import child_processes
from child_processes import preload

TOKEN = "token-of-a-test"
NO_UPDATES = "jupyterlab.NeverCheckForUpdate"


@dataclass(frozen=True)
class LabServer:
    """Address and folder of a server. ``url`` ends with its base path and a slash."""

    url: str
    root: Path
    log: Path

    def client(self, token: str = TOKEN) -> httpx.Client:
        headers = {"Authorization": f"token {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120)


@contextlib.contextmanager
def open_server(
    root: Path, state: Path, program: str = "server", python: PreloadedPython | None = None
) -> Iterator[LabServer]:
    """Start ``jupyter server`` or ``jupyter lab`` under a base path and stop it at the end.

    Args:
        root: the folder that the server shows.
        state: a folder for its log and its own files.
        program: the command of jupyter.
        python: starts it as a fork.
    """
    state.mkdir(parents=True, exist_ok=True)
    log = state / "log"
    # No question about news, which would cover the page.
    settings = state / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    folders = {f"JUPYTER_{name}_DIR": str(state / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    options = [
        *("--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", "--port=0", f"--IdentityProvider.token={TOKEN}"),
        *("--ServerApp.base_url=/user/ada", f"--ServerApp.root_dir={root}"),
    ]
    if program == "lab":
        options += [f"--LabApp.check_for_updates_class={NO_UPDATES}"]
        options += ["--LabApp.expose_app_in_browser=True"]
    env = {**os.environ, **folders, "JUPYTERLAB_SETTINGS_DIR": str(state / "settings")}
    process: child_processes.Process | preload.Process
    with log.open("w", encoding="utf-8") as output:
        if python is not None:
            module = {"server": "jupyter_server", "lab": "jupyterlab"}[program]
            process = python.start(module, *options, cwd=Path.cwd(), output=output, env=env)
        else:
            process = child_processes.spawn(
                [sys.executable, "-m", "jupyter", program, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
            )
    try:
        yield LabServer(_address(process, state, log), root, log)
    finally:
        child_processes.end_group(process, grace=10)


def _address(process: child_processes.Process | preload.Process, state: Path, log: Path) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        for path in (state / "RUNTIME").glob("jpserver-*.json"):
            with contextlib.suppress(ValueError, KeyError, httpx.TransportError):
                url = str(json.loads(path.read_text("utf-8"))["url"])
                if httpx.get(f"{url}api", timeout=60).status_code == 200:
                    return url
        time.sleep(0.1)
    raise AssertionError(log.read_text())
