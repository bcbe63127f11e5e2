"""``nbrelease new``: create a project."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click

from nbrelease import console
from nbrelease.doctor.git_setup import set_up_filter
from nbrelease.errors import UsageError
from nbrelease.new import DEFAULT_TASK, EXAMPLES, TASKS, Identity, create

SUBSCRIPTION = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--task",
    type=click.Choice(list(TASKS)),
    help=f"Select what the model predicts. Default: {DEFAULT_TASK}.",
)
@click.option(
    "--example", type=click.Choice(list(EXAMPLES)), help="Copy an example instead of a starter."
)
@click.option("--list", "list_tasks", is_flag=True, help="List tasks and examples and exit.")
@click.option(
    "--name",
    help="Set the project's name, used for assets and endpoints. Default: the folder's name.",
)
@click.option(
    "--subscription",
    metavar="ID",
    help="Set the Azure subscription of dev. Default: a local workspace.",
)
@click.option("--resource-group", metavar="GROUP", help="Set the resource group of the workspace.")
@click.option("--workspace", metavar="NAME", help="Set the name of the workspace.")
def command(
    folder: Path | None,
    task: str | None,
    example: str | None,
    list_tasks: bool,
    name: str | None,
    subscription: str | None,
    resource_group: str | None,
    workspace: str | None,
) -> None:
    """Create a project in FOLDER.

    Prompts for missing options in a terminal. The project works at once: make rehearse.
    """
    if list_tasks:
        for option, kinds in (("--task", TASKS), ("--example", EXAMPLES)):
            for kind, summary in kinds.items():
                default = " Default." if kind == DEFAULT_TASK else ""
                console.out(f"{f'{option} {kind}':20}  {summary}{default}")
        return
    if folder is None:
        raise UsageError("FOLDER is missing: nbrelease new FOLDER")
    if task and example:
        raise UsageError("--task and --example: use one of them")
    if name is None:
        name = re.sub(r"[^a-z0-9-]+", "-", folder.resolve().name.lower()).strip("-")
        if sys.stdin.isatty():
            name = click.prompt("Name of the project", default=name)
            if not task and not example:
                task = click.prompt("Task", default=DEFAULT_TASK, type=click.Choice(list(TASKS)))
            subscription = subscription or click.prompt(
                "Azure subscription of dev (empty: a local workspace)",
                default="",
                show_default=False,
            )
            if subscription:
                resource_group = resource_group or click.prompt("Its resource group")
                workspace = workspace or click.prompt("Its workspace")
    project = Identity(name, task or DEFAULT_TASK, example or "")
    files = create(folder, project, _azure(subscription, resource_group, workspace))
    console.out(f"{len(files)} files in {os.path.relpath(folder)}")
    if set_up_filter(folder):  # outputs are stripped from the first commit on
        console.out("git filter: strips outputs from notebooks")
    commit = 'git init && git add . && git commit -m "Create the project"'
    console.out(f"next: cd {os.path.relpath(folder)} && {commit} && make rehearse")


def _azure(
    subscription: str | None, resource_group: str | None, workspace: str | None
) -> dict[str, str] | None:
    """The keys of dev in settings.ini for a workspace on Azure; None for a local one."""
    if not subscription:
        return None
    if not SUBSCRIPTION.match(subscription):
        raise UsageError(f"--subscription {subscription}: not the id of a subscription")
    if not resource_group or not workspace:
        raise UsageError("--subscription: needs --resource-group and --workspace too")
    return {
        "subscription_id": subscription,
        "resource_group": resource_group,
        "workspace_name": workspace,
    }
