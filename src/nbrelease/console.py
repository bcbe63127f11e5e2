"""The one place that prints.

Results go to standard output, messages to standard error, so that a result can be piped. In Azure
DevOps (``TF_BUILD``) errors and warnings are logging commands, which the run's page then lists.
"""

from __future__ import annotations

import os
from typing import Any

import click


def out(text: str = "") -> None:
    """A line of the result."""
    click.echo(text)


def data(value: Any) -> None:
    """A result for programs: one JSON document."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def info(text: str) -> None:
    """A line about what is going on."""
    click.echo(text, err=True)


def warning(text: str) -> None:
    """A line about something that is not as it should be, without ending anything."""
    _message("warning", text, "yellow")


def error(text: str, hint: str | None = None) -> None:
    """One line that says what is wrong, where, and the mend; ``hint`` names the way to help."""
    _message("error", text if hint is None else f"{text} ({hint})", "red")


def _message(kind: str, text: str, colour: str) -> None:
    from nbrelease.secrets import mask_text  # nothing to say is the rule: not for every start

    line, _ = mask_text(" ".join(text.split("\n")))
    if os.environ.get("TF_BUILD"):
        click.echo(f"##vso[task.logissue type={kind}]{line}")
    else:
        click.secho(f"nbrelease: {kind}: ", err=True, nl=False, fg=colour)
        click.echo(line, err=True)


def azure_variable(name: str, value: str) -> None:
    """Set an output variable of the step, where a pipeline listens."""
    if os.environ.get("TF_BUILD"):
        click.echo(f"##vso[task.setvariable variable={name};isOutput=true]{value}")


def azure_summary(path: str) -> None:
    """Attach a Markdown file to the pipeline's run, where a pipeline listens."""
    if os.environ.get("TF_BUILD"):
        click.echo(f"##vso[task.uploadsummary]{path}")
