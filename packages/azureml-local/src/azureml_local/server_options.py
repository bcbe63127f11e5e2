"""The options of the server, which `serve`, `start` and `run` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click


@dataclass(frozen=True)
class ServerOptions:
    """How the server behaves.

    Attributes:
        strict: whether workspaces and compute must be created before they are used.
        isolation: ``uv``: jobs and deployments get an interpreter built from their conda file;
            ``auto``: if the packages can be reached; ``none``: this server's interpreter.
        mlflow_uri: the scheme of a workspace's tracking URI: ``https``, ``azureml``, or ``auto``:
            ``azureml`` if azureml-mlflow is installed.
        allow_download: whether jobs can use public addresses.
        mappings: ``URL=FILE``: local files for public addresses.
    """

    strict: bool = False
    isolation: str = "none"
    mlflow_uri: str = "https"
    allow_download: bool = False
    mappings: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """The options as arguments of ``azureml-local serve``."""
        arguments = ["--isolation", self.isolation, "--mlflow-uri", self.mlflow_uri]
        arguments += ["--strict"] if self.strict else []
        arguments += ["--allow-download"] if self.allow_download else []
        for mapping in self.mappings:
            arguments += ["--map", mapping]
        return arguments


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the server to a command, which gets them as ``options``."""

    @click.option(
        "--strict",
        is_flag=True,
        envvar="AZUREML_LOCAL_STRICT",
        help="Require workspaces and compute to be created before their first use.",
    )
    @click.option(
        "--isolation",
        type=click.Choice(["none", "uv", "auto"]),
        default="none",
        show_default=True,
        envvar="AZUREML_LOCAL_ISOLATION",
        help="uv: build interpreters for jobs and deployments from their conda files. "
        "auto: the same, if the package index can be reached.",
    )
    @click.option(
        "--mlflow-uri",
        type=click.Choice(["https", "azureml", "auto"]),
        default="https",
        show_default=True,
        envvar="AZUREML_LOCAL_MLFLOW_URI",
        help="Set the scheme of workspace.mlflow_tracking_uri. "
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
    @wraps(command)
    def with_options(
        *args: Any,
        strict: bool,
        isolation: str,
        mlflow_uri: str,
        allow_download: bool,
        mappings: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        options = ServerOptions(strict, isolation, mlflow_uri, allow_download, mappings)
        return command(*args, options=options, **kwargs)

    return with_options
