"""``nbrelease settings``: what is in force, or whether all of it is right."""

from __future__ import annotations

import click

from nbrelease import console
from nbrelease.settings import load


@click.command()
@click.argument("name", metavar="[ENV]", required=False)
def command(name: str | None) -> None:
    """Show the settings of ENV as JSON; without it, check every environment's."""
    settings = load()
    if name is not None:
        console.data(settings.environment(name).parameters())
        return
    for each in settings.names:
        settings.environment(each)
        console.out(f"[{each}] is right")
