"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

FILE = click.Path(path_type=Path)
FORMAT = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Output format.",
)

_repeatable = partial(click.option, multiple=True)


def _add_options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


TEMPLATE = _add_options(
    click.option("--root", type=FILE, help="Repository [default: that of FILE]."),
    _repeatable(
        "--parameter",
        "-p",
        "parameters",
        metavar="NAME=VALUE",
        help="Set a parameter; lists and objects as YAML.",
    ),
    click.option("--parameters-file", type=FILE, help="Read parameters from YAML or JSON."),
    _repeatable(
        "--variable", "-v", "variables", metavar="NAME=VALUE", help="Set a variable of the run."
    ),
    click.option("--variables-file", type=FILE, help="Read variables from YAML, JSON or .env."),
    _repeatable(
        "--group",
        "groups",
        metavar="NAME=FILE",
        help="Read the values of a variable group from YAML, JSON or .env.",
    ),
    _repeatable(
        "--repository",
        "repositories",
        metavar="ALIAS=FOLDER[@REF]",
        help="Use FOLDER, at the ref of the pipeline or at REF, for a repository resource.",
    ),
)
RUN = _add_options(
    click.option("--work-dir", type=FILE, help="Folder of runs [default: ROOT/.pipelines-local]."),
    _repeatable(
        "--secret",
        "secrets",
        metavar="NAME[=VALUE]",
        help="Set a secret; without VALUE read it from the environment.",
    ),
    click.option("--secrets-file", type=FILE, help="Read secrets from YAML, JSON or .env."),
    _repeatable(
        "--service-connection",
        "connections",
        metavar="NAME[=FILE]",
        help="Define a service connection; its steps get the variables in FILE.",
    ),
    _repeatable(
        "--pipeline",
        "pipelines",
        metavar="ALIAS=FOLDER",
        help="Use FOLDER for the artifacts of a pipeline resource.",
    ),
    _repeatable("--approve", metavar="ENV[=NAME:COMMENT]", help="Approve an environment."),
    _repeatable("--reject", metavar="ENV[=NAME:COMMENT]", help="Reject an environment."),
    _repeatable("--open", metavar="ENV", help="Declare that ENV needs no approval."),
    click.option("--approvals-file", type=FILE, help="Read decisions from YAML or JSON."),
    click.option("--jobs", type=click.IntRange(1), help="Parallel jobs [default: cores]."),
    click.option(
        "--keep", type=click.IntRange(1), default=5, help="Run folders to keep [default: 5]."
    ),
    click.option("--resume", metavar="RUN", help="Resume a waiting run."),
    click.option(
        "--shared-az-config",
        is_flag=True,
        help="Share AZURE_CONFIG_DIR between AzureCLI steps, "
        "as versions of the task before 2.277 do.",
    ),
    click.option(
        "--host-python",
        is_flag=True,
        help="Use the Python of this machine, not a virtual environment of the run.",
    ),
    click.option(
        "--id-token-seconds",
        type=click.FloatRange(0),
        default=600,
        show_default=True,
        help="Lifetime of the ID token of AzureCLI steps in a local workspace; 0: no limit.",
    ),
)
