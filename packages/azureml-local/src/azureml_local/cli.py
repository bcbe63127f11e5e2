"""The command line of the local workspace."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

import child_processes
from azureml_local.az import BIN_VARIABLE
from azureml_local.client_variables import client_variables
from azureml_local.disk_space import describe, is_disk_full
from azureml_local.errors import LocalError
from azureml_local.server_options import ServerOptions, find_differences, server_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from azureml_local.server_file import ServerFile

DEFAULT_DATA = "~/.azureml-local"
METADATA_VARIABLE = "ARM_CLOUD_METADATA_URL"
START_SECONDS = 120.0

_data = click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    envvar="AZUREML_LOCAL_DATA",
    help="Use this folder of workspaces.",
    callback=lambda _context, _option, value: Path(value).expanduser(),
)
_port = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Listen on this port. Default: the last port if it is free, else any free port.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="azureml-local")
def group() -> None:
    """Run a local Azure ML workspace for the unmodified azure-ai-ml SDK."""


@group.command()
@_data
@_port
@server_options
def serve(data: Path, port: int | None, options: ServerOptions) -> None:
    """Run the server in the foreground until Ctrl-C."""
    from azureml_local.server import serve as run

    run(data, port, options)


@group.command()
@_data
@_port
@server_options
def start(data: Path, port: int | None, options: ServerOptions) -> None:
    """Start the server in the background and print its address."""
    from azureml_local.folder_lock import lock_for_change

    server = _read_running(data, port, options)
    if server is None or not _is_used_here(server):
        with lock_for_change(data):
            server = _read_running(data, port, options)
            if server is None:
                server = _start_in_background(data, _serve_command(data, port, options))
    click.echo(server["url"])


@group.command()
@_data
def stop(data: Path) -> None:
    """Stop the server. Its data is kept."""
    from azureml_local.folder_lock import STOP_SECONDS, is_in_use

    message, signalled = "not running", 0
    deadline = time.monotonic() + STOP_SECONDS
    while is_in_use(data):
        message = "stopped"
        server = _read_server(data)  # None: it starts, or has begun to stop
        if server is not None and server["pid"] != signalled:
            signalled = server["pid"]
            with contextlib.suppress(ProcessLookupError):
                os.kill(signalled, signal.SIGTERM)
        if time.monotonic() > deadline:
            process = f" (pid {signalled})" if signalled else ""
            raise LocalError(f"the server{process} does not stop; see {data}/serve.log")
        time.sleep(0.02)
    click.echo(message)


@group.command()
@_data
def status(data: Path) -> int:
    """Show whether the server runs, and its address. Exit code 1 if it does not."""
    server = _read_server(data)
    if server is None:
        click.echo("not running")
        return 1
    click.echo(
        f"running at {server['url']} since {server['started']}, pid {server['pid']}, data {data}"
    )
    return 0


@group.command()
@_data
@click.option("--format", "output_format", type=click.Choice(["shell", "json"]), default="shell")
def env(data: Path, output_format: str) -> None:
    """Print the variables that connect a client.

    In a shell: eval "$(azureml-local env)"
    """
    variables = client_variables(_require_server(data)["env"], os.environ)
    if output_format == "json":
        click.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    click.echo(f'export PATH={shlex.quote(variables[BIN_VARIABLE])}:"$PATH"')


@group.command()
@_data
def studio(data: Path) -> None:
    """Print the link to the studio pages of all workspaces. It contains the key to them."""
    click.echo(_require_server(data)["studio"])


@group.command(context_settings={"ignore_unknown_options": True})
@_data
@_port
@server_options
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(data: Path, port: int | None, options: ServerOptions, command: tuple[str, ...]) -> int:
    """Run a program with the client environment. Starts a server if none runs."""
    from azureml_local.folder_lock import lock_for_change, use_server

    info = _read_running(data, port, options)
    if info is not None and _is_used_here(info):
        return _run_program(command, info)
    server = None
    with contextlib.ExitStack() as users:
        with lock_for_change(data):
            info = _read_running(data, port, options)
            if info is None:
                server, info = _start_for_program(data, _serve_command(data, port, options))
            is_alone = users.enter_context(use_server(data))
        try:
            return _run_program(command, info)
        finally:
            if server is not None:
                _end_after_last_user(data, server, is_alone)


@group.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@_data
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def az(data: Path, arguments: tuple[str, ...]) -> int:
    """Run a command of the Azure CLI in the local workspace. The server must be running."""
    program = Path(_require_server(data)["env"][BIN_VARIABLE]) / "az"
    return subprocess.run([program, *arguments], check=False).returncode


@group.command()
@_data
def logs(data: Path) -> None:
    """Print the log of the server."""
    log = data / "serve.log"
    click.echo(log.read_text(encoding="utf-8") if log.is_file() else "", nl=False)


@group.command()
@_data
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def reset(data: Path, yes: bool) -> None:
    """Delete all workspaces and their data."""
    from azureml_local.folder_lock import lock_folder

    if _read_server(data) is not None:
        raise LocalError("the server is running; stop it first: azureml-local stop")
    if not data.is_dir():
        click.echo(f"{data} does not exist; nothing was deleted")
        return
    if not (data / "store.sqlite3").is_file() and any(data.iterdir()):
        raise LocalError(f"{data} is not a data folder of azureml-local; nothing was deleted")
    if not yes:
        click.confirm(f"Delete {data} with all workspaces?", abort=True)
    with lock_folder(data):
        try:
            shutil.rmtree(data)
        except OSError as error:
            raise LocalError(
                f"{error.filename}: {error.strerror}; {data} was not deleted completely"
            ) from None
    click.echo("deleted")


@group.command()
def operations() -> None:
    """Print the table of supported operations as Markdown."""
    from azureml_local.server import operations_table

    click.echo(operations_table())


def _read_server(data: Path) -> ServerFile | None:
    from azureml_local.server_file import read_server_file

    return read_server_file(data)


def _read_running(data: Path, port: int | None, options: ServerOptions) -> ServerFile | None:
    """The server that runs on a data folder; None if none runs.

    Raises:
        LocalError: the user gave options that differ from the server's.
    """
    server = _read_server(data)
    if server is None:
        return None
    running = {**server.get("options", {}), "port": server["port"]}
    if names := find_differences(running, {**options.document(), "port": port}):
        raise LocalError(
            f"the running server has other values of {', '.join(names)}; "
            "stop it first: azureml-local stop"
        )
    return server


def _is_used_here(server: ServerFile) -> bool:
    """Whether this command is part of a program that uses the server, which cannot end before it.

    Such a command waits for no lock: another one may wait for the end of the program.
    """
    return os.environ.get(METADATA_VARIABLE) == server["env"].get(METADATA_VARIABLE)


def _require_server(data: Path) -> ServerFile:
    server = _read_server(data)
    if server is None:
        raise LocalError("the server is not running; start it: azureml-local start")
    return server


def _run_program(command: tuple[str, ...], server: ServerFile) -> int:
    """Run the program of the user with the client environment and return its exit code."""
    env = {**os.environ, **client_variables(server["env"], os.environ)}
    env["PATH"] = os.pathsep.join([env[BIN_VARIABLE], env.get("PATH", os.defpath)])
    with _start_program(command, env) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # the program gets the Ctrl-C too, and decides


def _start_program(command: tuple[str, ...], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the program of the user.

    Raises:
        LocalError: it does not exist or cannot be executed.
    """
    try:
        return subprocess.Popen(command, env=env)
    except FileNotFoundError:
        raise LocalError(f"{command[0]}: program not found") from None
    except OSError as error:
        raise LocalError(f"{command[0]}: cannot be executed: {error.strerror}") from None


def _serve_command(data: Path, port: int | None, options: ServerOptions) -> list[str]:
    command = [sys.executable, "-m", "azureml_local", "serve", "--data", str(data)]
    return command + (["--port", str(port)] if port else []) + options.arguments()


def _start_in_background(data: Path, command: list[str]) -> ServerFile:
    """Start a server that continues after this command."""
    with (data / "serve.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=child_processes.strip(os.environ),
        )
    return _wait_until_ready(data, process)


def _start_for_program(
    data: Path, command: list[str]
) -> tuple[subprocess.Popen[bytes], ServerFile]:
    """Start a server that stops with this command."""
    with (data / "serve.log").open("w", encoding="utf-8") as log:
        process = child_processes.spawn(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return process, _wait_until_ready(data, process)


def _end_after_last_user(
    data: Path, server: subprocess.Popen[bytes], is_alone: Callable[[], bool]
) -> None:
    """End a server of this command when no other command uses it, or at a Ctrl-C."""
    from azureml_local.folder_lock import lock_for_change

    alone = waits = False
    try:
        while not alone and server.poll() is None:
            with lock_for_change(data):  # no command can start to use it now
                alone = is_alone()
                if alone:
                    child_processes.end_group(server, grace=10)
            if not alone and not waits:
                click.echo("another program uses this server; waiting for its end", err=True)
                waits = True
            if not alone:
                time.sleep(0.05)
    finally:
        if not alone:
            child_processes.end_group(server, grace=10)


def _wait_until_ready(data: Path, process: subprocess.Popen[bytes]) -> ServerFile:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        has_ended = process.poll() is not None
        server = _read_server(data)
        if server is not None:
            return server
        if has_ended:
            lines = (data / "serve.log").read_text(encoding="utf-8").strip().splitlines()
            raise LocalError(
                lines[-1].removeprefix("azureml-local: error: ") if lines else "the server stopped"
            )
        time.sleep(0.02)
    child_processes.end_group(process)
    raise LocalError(f"the server is not ready after {START_SECONDS:.0f} s; see {data}/serve.log")


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
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
    except OSError as error:
        if not is_disk_full(error):
            raise
        click.echo(f"azureml-local: error: {describe(Path(error.filename or '.'))}", err=True)
        return 1
    return code if isinstance(code, int) else 0
