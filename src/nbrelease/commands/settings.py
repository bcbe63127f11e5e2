"""``nbrelease settings``: what is in force, or whether all of it is right."""

from __future__ import annotations

import click

from nbrelease import console
from nbrelease.errors import UsageError
from nbrelease.settings import load


@click.command()
@click.argument("name", metavar="[ENV]", required=False)
@click.option("--arm", is_flag=True, help="As the parameters of infra/azuredeploy.json.")
def command(name: str | None, arm: bool) -> None:
    """Show the settings of ENV as JSON; without it, check every environment's."""
    settings = load()
    if arm:
        if name is None:
            raise UsageError("--arm: for which environment? nbrelease settings ENV --arm")
        console.data(settings.environment(name).arm_parameters())
        return
    if name is not None:
        console.data(settings.environment(name).parameters())
        return
    for each in settings.names:
        settings.environment(each)
        console.out(f"[{each}] is right")
