"""Output of the commands."""

from __future__ import annotations

import json
from typing import Any

import click


def print_json(data: Any) -> None:
    """Print a JSON document."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_error(text: str) -> None:
    """Print one line to standard error."""
    click.echo(f"pipelines-local: {' '.join(text.split())}", err=True)
