"""``nbrelease new``: a project out of the example."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click

from nbrelease import console
from nbrelease.errors import UsageError

SUBSCRIPTION = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", help="Assets and endpoints are named for it; by default the folder's name.")
@click.option(
    "--subscription", metavar="ID", help="Azure ML for dev; by default a local workspace."
)
@click.option("--resource-group", metavar="GROUP", help="The workspace's resource group.")
@click.option("--workspace", metavar="NAME", help="The workspace's name.")
def command(
    folder: Path,
    name: str | None,
    subscription: str | None,
    resource_group: str | None,
    workspace: str | None,
) -> None:
    """Write a new project into FOLDER. At a terminal it asks for what is not given.

    The project works at once: make rehearse.
    """
    from nbrelease import new

    if name is None:
        name = re.sub(r"[^a-z0-9-]+", "-", folder.resolve().name.lower()).strip("-")
        if sys.stdin.isatty():
            name = click.prompt("Name of the project", default=name)
            subscription = subscription or click.prompt(
                "Azure subscription of dev (empty: a local workspace)",
                default="",
                show_default=False,
            )
            if subscription:
                resource_group = resource_group or click.prompt("Its resource group")
                workspace = workspace or click.prompt("Its workspace")
    azure = None
    if subscription:
        if not SUBSCRIPTION.match(subscription):
            raise UsageError(f"--subscription {subscription}: is no subscription's id")
        if not resource_group or not workspace:
            raise UsageError("--subscription needs --resource-group and --workspace too")
        azure = {
            "subscription_id": subscription,
            "resource_group": resource_group,
            "workspace_name": workspace,
        }
    written = new.create(folder, name, azure)
    console.out(f"{len(written)} files in {os.path.relpath(folder)}")
    console.out(f"next: cd {os.path.relpath(folder)} && git init && git add . && make rehearse")
