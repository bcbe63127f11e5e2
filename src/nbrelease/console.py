"""Terminal output: the only module that prints.

Results go to standard output and messages to standard error, so that a result can be piped. In
Azure Pipelines (``TF_BUILD``) errors and warnings are logging commands, which the run's page lists.
"""

from __future__ import annotations

import os
import re
from typing import Any

import click

from nbrelease.control_characters import remove_terminal_codes, replace_control_characters

_SURROGATES = re.compile("[\ud800-\udfff]")


def out(text: str = "") -> None:
    """Print a line of the result."""
    click.echo(_printable(text))


def data(value: Any) -> None:
    """Print a result for programs: one JSON document."""
    import json

    click.echo(_printable(json.dumps(value, indent=2, ensure_ascii=False, default=str)))


def info(text: str) -> None:
    """Print a progress message."""
    click.echo(_printable(text), err=True)


def warning(text: str) -> None:
    """Print a warning; the command continues."""
    _print_message("warning", text, "yellow")


def error(text: str, hint: str | None = None) -> None:
    """Print an error in one line: what is wrong, where, and how to fix it."""
    _print_message("error", text if hint is None else f"{text} ({hint})", "red")


def _printable(text: str) -> str:
    """A text without the surrogates of a path that is not UTF-8, which cannot be written."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _print_message(kind: str, text: str, colour: str) -> None:
    from nbrelease.secrets import mask_text  # imported only when there is a message

    visible = replace_control_characters(remove_terminal_codes(text))
    line, _ = mask_text(" ".join(visible.split("\n")))
    if os.environ.get("TF_BUILD"):
        click.echo(f"##vso[task.logissue type={kind}]{line}")
    else:
        click.secho(f"nbrelease: {kind}: ", err=True, nl=False, fg=colour)
        click.echo(line, err=True)


def azure_variable(name: str, value: str) -> None:
    """Set an output variable of the pipeline step. Does nothing outside Azure Pipelines."""
    if os.environ.get("TF_BUILD"):
        click.echo(f"##vso[task.setvariable variable={name};isOutput=true]{value}")


def azure_summary(path: str) -> None:
    """Attach a Markdown file to the pipeline run. Does nothing outside Azure Pipelines."""
    if os.environ.get("TF_BUILD"):
        click.echo(f"##vso[task.uploadsummary]{path}")
