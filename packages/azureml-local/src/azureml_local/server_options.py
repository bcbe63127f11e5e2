"""The options of the server, which `serve`, `start` and `run` share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

Command = Callable[..., Any]


@dataclass(frozen=True)
class ServerOptions:
    """How the server behaves.

    Attributes:
        strict: whether workspaces, registries and compute must be created before they are used,
            and endpoint names must be unique in all workspaces.
        isolation: ``uv``: jobs and deployments get an interpreter built from their conda file;
            ``auto``: if the packages can be reached; ``none``: this server's interpreter.
        interpreter: the virtual environment of all jobs and deployments, instead of isolation.
        mlflow_uri: the scheme of a workspace's tracking URI: ``https``, ``azureml``, or ``auto``:
            ``azureml`` if azureml-mlflow is installed.
        allow_download: whether jobs can use public addresses.
        mappings: ``URL=FILE``: local files for public addresses.
        fork_jobs: whether code of jobs may start as a fork of a process with its imports done.
    """

    strict: bool = False
    isolation: str = "none"
    interpreter: Path | None = None
    mlflow_uri: str = "https"
    allow_download: bool = False
    mappings: tuple[str, ...] = ()
    fork_jobs: bool = True

    def arguments(self) -> list[str]:
        """The options as arguments of ``azureml-local serve``."""
        arguments = ["--isolation", self.isolation, "--mlflow-uri", self.mlflow_uri]
        arguments += ["--interpreter", str(self.interpreter)] if self.interpreter else []
        arguments += ["--strict"] if self.strict else []
        arguments += ["--allow-download"] if self.allow_download else []
        arguments += [] if self.fork_jobs else ["--no-fork-jobs"]
        for mapping in self.mappings:
            arguments += ["--map", mapping]
        return arguments

    def document(self) -> dict[str, object]:
        """The options as JSON values."""
        document: dict[str, object] = json.loads(json.dumps(asdict(self), default=str))
        return document


def find_differences(running: Mapping[str, object], current: Mapping[str, object]) -> list[str]:
    """The options that the user gave to the current command and a running server does not have.

    Args:
        running: the values of the server's options, by the names of their parameters.
        current: those of the current command. Its defaults are no differences.

    Returns:
        The names of the options on the command line.
    """
    context = click.get_current_context()
    return [
        parameter.opts[0]
        for parameter in context.command.params
        if (name := parameter.name) in running
        and context.get_parameter_source(name) is not ParameterSource.DEFAULT
        and running[name] != current[name]
    ]


def _choice(option: str, values: list[str], help_text: str) -> Callable[[Command], Command]:
    """An option with these values, of which the first is the default."""
    return click.option(
        option,
        type=click.Choice(values),
        default=values[0],
        show_default=True,
        envvar=f"AZUREML_LOCAL_{option.strip('-').upper().replace('-', '_')}",
        help=help_text,
    )


def _virtual_environment(
    context: click.Context, parameter: click.Parameter, folder: Path | None
) -> Path | None:
    """The absolute path of a virtual environment."""
    if folder is not None and not (folder / "bin" / "python").is_file():
        raise click.BadParameter(f"{folder} is no virtual environment: it has no bin/python")
    return folder.absolute() if folder is not None else None


def server_options(command: Command) -> Command:
    """Add the options of the server to a command, which gets them as ``options``."""

    @click.option(
        "--strict",
        is_flag=True,
        envvar="AZUREML_LOCAL_STRICT",
        help="Require workspaces, registries and compute to be created before their first use, and "
        "endpoint names to be unique in all workspaces.",
    )
    @_choice(
        "--isolation",
        ["none", "uv", "auto"],
        "Choose the interpreter of jobs and deployments. uv: build it from their conda file. "
        "auto: the same, if the package index can be reached.",
    )
    @click.option(
        "--interpreter",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        callback=_virtual_environment,
        envvar="AZUREML_LOCAL_INTERPRETER",
        help="Run jobs and deployments in this virtual environment, whatever their conda file has.",
    )
    @_choice(
        "--mlflow-uri",
        ["https", "azureml", "auto"],
        "Set the scheme of workspace.mlflow_tracking_uri. "
        "auto: azureml, if azureml-mlflow is installed.",
    )
    @click.option(
        "--allow-download",
        is_flag=True,
        envvar="AZUREML_LOCAL_ALLOW_DOWNLOAD",
        help="Download inputs of jobs at public addresses, each once.",
    )
    @click.option(
        "--map",
        "mappings",
        multiple=True,
        metavar="URL=FILE",
        help="Use a local file or folder for a public address. Repeat for several.",
    )
    @click.option(
        "--fork-jobs/--no-fork-jobs",
        default=True,
        show_default=True,
        envvar="AZUREML_LOCAL_FORK_JOBS",
        help="Start code of jobs that imports MLflow and scikit-learn as a fork of a process that "
        "has imported them (Linux).",
    )
    @wraps(command)
    def with_options(*args: Any, **kwargs: Any) -> Any:
        names = [field.name for field in fields(ServerOptions)]
        options = ServerOptions(**{name: kwargs.pop(name) for name in names})
        if options.interpreter is not None and options.isolation != "none":
            raise click.UsageError("use --interpreter or --isolation, not both")
        return command(*args, options=options, **kwargs)

    return with_options
