"""``nbrelease settings``: show or check the settings."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nbrelease import console
from nbrelease.errors import ExitCode, UsageError
from nbrelease.settings import Settings, load


@click.command()
@click.argument("name", metavar="[ENV]", required=False)
@click.option(
    "--model", default="", metavar="NAME", help="Use section [model:NAME] of settings.ini."
)
@click.option(
    "--arm", is_flag=True, help="Print the parameters of the ARM template azuredeploy.json."
)
@click.option(
    "--autoscale", is_flag=True, help="Print the parameters of the ARM template autoscale.json."
)
@click.option("--assets", is_flag=True, help="Also check the YAML files in the assets folder.")
def command(name: str | None, model: str, arm: bool, autoscale: bool, assets: bool) -> int:
    """Show the settings of ENV as JSON, with the parameters of the training notebook.

    Without ENV, check all environments and models. ARM templates:
    https://github.com/nbrelease/nbrelease/tree/main/infra
    """
    settings = load()
    if assets and (arm or autoscale or name is not None):
        raise UsageError("--assets: use it alone: nbrelease settings --assets")
    if arm or autoscale:
        if name is None:
            flag = "--arm" if arm else "--autoscale"
            raise UsageError(f"{flag}: ENV is missing: nbrelease settings ENV {flag}")
        env = settings.environment(name, model)
        console.data(env.arm_parameters() if arm else env.arm_autoscale_parameters())
        return ExitCode.DONE
    if name is not None:
        values = settings.environment(name, model).parameters()
        train = settings.training_parameters(name, model)
        console.data({**values, "train_parameters": train})
        return ExitCode.DONE
    folders = set()
    for each in settings.names:
        for further in ("", *settings.models):
            folders.add(settings.root / settings.environment(each, further).runbooks)
            settings.check_parameters(each, further)
            console.out(f"[{each}]{f' [model:{further}]' if further else ''} is valid")
    for message in find_shared_endpoints(settings):
        console.warning(message)
    return _check_assets(sorted(folders)) if assets else ExitCode.DONE


def find_shared_endpoints(settings: Settings) -> list[str]:
    """Endpoint names that several Azure workspaces share: a region accepts each name once.

    The region of a workspace is not a setting, so this is a warning.
    """
    users: dict[tuple[str, str], dict[tuple[str, ...], str]] = {}
    for name in settings.names:
        for model in ("", *settings.models):
            env = settings.environment(name, model)
            if env.workspace != "azure":
                continue
            workspace = (env.subscription_id, env.resource_group, env.workspace_name)
            for key in ("online_endpoint", "batch_endpoint"):
                users.setdefault((key, getattr(env, key)), {}).setdefault(workspace, name)
    return [
        f"settings.ini: {key} = {endpoint} is in the workspaces of {' and '.join(names.values())};"
        " endpoint names are unique in an Azure region: if it is the same region, set another name"
        f" in [{list(names.values())[-1]}]"
        for (key, endpoint), names in users.items()
        if len(names) > 1
    ]


def _check_assets(folders: list[Path]) -> int:
    """Check the files in ``assets/`` of the runbooks folders and report all errors."""
    from nbrelease.assets import check  # imports azure-ai-ml

    code = ExitCode.DONE
    for folder in folders:
        for path in sorted((folder / "assets").glob("*.y*ml")):
            relative = Path(os.path.relpath(path))
            try:
                console.out(f"{relative}: {check(relative)}")
            except UsageError as error:
                console.error(str(error))
                code = ExitCode.USAGE
    return code
