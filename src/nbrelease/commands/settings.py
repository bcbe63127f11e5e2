"""``nbrelease settings``: what is in force, or whether all of it is right."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nbrelease import console
from nbrelease.errors import ExitCode, UsageError
from nbrelease.settings import load


@click.command()
@click.argument("name", metavar="[ENV]", required=False)
@click.option("--arm", is_flag=True, help="As the parameters of infra/azuredeploy.json.")
@click.option("--autoscale", is_flag=True, help="As the parameters of infra/autoscale.json.")
@click.option("--assets", is_flag=True, help="Check the asset files of the runbooks too.")
def command(name: str | None, arm: bool, autoscale: bool, assets: bool) -> int:
    """Show the settings of ENV as JSON; without it, check every environment's."""
    settings = load()
    if assets and (arm or autoscale or name is not None):
        raise UsageError(
            "--assets: they are checked with all environments: nbrelease settings --assets"
        )
    if arm or autoscale:
        if name is None:
            flag = "--arm" if arm else "--autoscale"
            raise UsageError(f"{flag}: for which environment? nbrelease settings ENV {flag}")
        env = settings.environment(name)
        console.data(env.arm_parameters() if arm else env.arm_autoscale_parameters())
        return ExitCode.DONE
    if name is not None:
        console.data(settings.environment(name).parameters())
        return ExitCode.DONE
    for each in settings.names:
        settings.environment(each)
        console.out(f"[{each}] is right")
    folders = {settings.root / settings.environment(each).runbooks for each in settings.names}
    return _assets(sorted(folders)) if assets else ExitCode.DONE


def _assets(folders: list[Path]) -> int:
    """Check the files in ``assets/`` of the folders of the runbooks; all that is wrong is told."""
    from nbrelease.assets import check  # which reads them with azure-ai-ml

    code = ExitCode.DONE
    for folder in folders:
        for path in sorted((folder / "assets").glob("*.y*ml")):
            shown = Path(os.path.relpath(path))
            try:
                console.out(f"{shown}: {check(shown)}")
            except UsageError as error:
                console.error(str(error))
                code = ExitCode.USAGE
    return code
