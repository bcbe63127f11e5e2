"""The command line of the local workspace."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

import child_processes
from azureml_local.errors import LocalError

DEFAULT_DATA = "~/.azureml-local"
START_SECONDS = 30.0
STOP_SECONDS = 20.0

_data = click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    envvar="AZUREML_LOCAL_DATA",
    help="Where the workspaces are kept.",
    callback=lambda _context, _option, value: Path(value).expanduser(),
)
_strict = click.option(
    "--strict",
    is_flag=True,
    envvar="AZUREML_LOCAL_STRICT",
    help="Workspaces and compute must be created before they are used.",
)
_isolation = click.option(
    "--isolation",
    type=click.Choice(["none", "uv"]),
    default="none",
    show_default=True,
    envvar="AZUREML_LOCAL_ISOLATION",
    help="uv: each job gets an interpreter built from its environment's conda file.",
)
_port = click.option("--port", type=click.IntRange(1, 65535), help="By default any free one.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="azureml-local")
def group() -> None:
    """A local Azure ML workspace, for the unmodified azure-ai-ml."""


@group.command()
@_data
@_port
@_strict
@_isolation
def serve(data: Path, port: int | None, strict: bool, isolation: str) -> None:
    """Serve in the foreground, until Ctrl-C."""
    from azureml_local.server import serve as run

    run(data, port, strict=strict, isolate=isolation == "uv")


@group.command()
@_data
@_port
@_strict
@_isolation
def start(data: Path, port: int | None, strict: bool, isolation: str) -> None:
    """Start in the background; prints the address."""
    found = _running(data)
    if found is None:
        found = _start(data, _command(data, port, strict, isolation))
    click.echo(found["url"])


@group.command()
@_data
def stop(data: Path) -> None:
    """Stop the server; what it holds stays."""
    found = _running(data)
    if found is None:
        click.echo("not running")
        return
    os.kill(found["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _running(data) is not None:
        if time.monotonic() > deadline:
            raise LocalError(f"the server (pid {found['pid']}) does not end; see {data}/serve.log")
        time.sleep(0.05)
    click.echo("stopped")


@group.command()
@_data
def status(data: Path) -> int:
    """Say whether it runs, and where; exit code 1 when it does not."""
    found = _running(data)
    if found is None:
        click.echo("not running")
        return 1
    click.echo(
        f"running at {found['url']} since {found['started']}, pid {found['pid']}, data {data}"
    )
    return 0


@group.command()
@_data
@click.option("--format", "form", type=click.Choice(["shell", "json"]), default="shell")
def env(data: Path, form: str) -> None:
    """Print the variables that lead a client here: eval "$(azureml-local env)"."""
    variables = _required(data)["env"]
    if form == "json":
        click.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@group.command()
@_data
def studio(data: Path) -> None:
    """Print the link to the pages of all workspaces; it lets in whoever has it."""
    click.echo(_required(data)["studio"])


@group.command(context_settings={"ignore_unknown_options": True})
@_data
@_port
@_strict
@_isolation
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    data: Path, port: int | None, strict: bool, isolation: str, command: tuple[str, ...]
) -> int:
    """Run a program with the right environment; a server is started for it where none runs."""
    found = _running(data)
    server = None
    if found is None:
        server, found = _spawn(data, _command(data, port, strict, isolation))
    try:
        with subprocess.Popen(command, env={**os.environ, **found["env"]}) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    continue  # the program has got it too, and decides
    except FileNotFoundError:
        raise LocalError(f"{command[0]}: no such program") from None
    finally:
        if server is not None:
            child_processes.end_group(server, grace=10)


@group.command()
@_data
def logs(data: Path) -> None:
    """Print what the server has written."""
    log = data / "serve.log"
    click.echo(log.read_text(encoding="utf-8") if log.is_file() else "", nl=False)


@group.command()
@_data
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(data: Path, yes: bool) -> None:
    """Delete everything that the workspaces hold."""
    if _running(data) is not None:
        raise LocalError("the server runs; stop it first: azureml-local stop")
    if data.is_dir() and not (data / "store.sqlite3").is_file() and any(data.iterdir()):
        raise LocalError(f"{data} is no folder of azureml-local; nothing was deleted")
    if not yes:
        click.confirm(f"Delete {data} with all workspaces?", abort=True)
    shutil.rmtree(data, ignore_errors=True)
    click.echo("deleted")


@group.command()
def operations() -> None:
    """Print the table of the operations that there are, as Markdown."""
    from azureml_local.server import operations_table

    click.echo(operations_table())


def _running(data: Path) -> dict[str, Any] | None:
    from azureml_local.server_file import running

    return running(data)


def _required(data: Path) -> dict[str, Any]:
    found = _running(data)
    if found is None:
        raise LocalError("not running; start it: azureml-local start")
    return found


def _command(data: Path, port: int | None, strict: bool, isolation: str) -> list[str]:
    command = [sys.executable, "-m", "azureml_local", "serve", "--data", str(data)]
    command += ["--isolation", isolation, *(["--port", str(port)] if port else [])]
    return command + (["--strict"] if strict else [])


def _start(data: Path, command: list[str]) -> dict[str, Any]:
    """Start a server that outlives this command."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "serve.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=child_processes.strip(os.environ),
        )
    return _ready(data, process)


def _spawn(data: Path, command: list[str]) -> tuple[subprocess.Popen[Any], dict[str, Any]]:
    """Start a server that ends with this command."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "serve.log").open("w", encoding="utf-8") as log:
        process = child_processes.spawn(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return process, _ready(data, process)


def _ready(data: Path, process: subprocess.Popen[Any]) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = _running(data)
        if found is not None:
            return found
        if process.poll() is not None:
            lines = (data / "serve.log").read_text(encoding="utf-8").strip().splitlines()
            raise LocalError(lines[-1].removeprefix("azureml-local: error: ") if lines else "ended")
        time.sleep(0.02)
    child_processes.end_group(process)
    raise LocalError(f"not ready after {START_SECONDS:.0f} s; see {data}/serve.log")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    try:
        code = group.main(args=argv, prog_name="azureml-local", standalone_mode=False)
    except LocalError as error:
        click.echo(f"azureml-local: error: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"azureml-local: error: {error.format_message()}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    return code if isinstance(code, int) else 0
