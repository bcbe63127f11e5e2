"""``nbrelease settings``: show or check the settings."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nbrelease import console
from nbrelease.errors import ExitCode, UsageError
from nbrelease.settings import load


@click.command()
@click.argument("name", metavar="[ENV]", required=False)
@click.option("--arm", is_flag=True, help="Print the parameters of infra/azuredeploy.json.")
@click.option("--autoscale", is_flag=True, help="Print the parameters of infra/autoscale.json.")
@click.option("--assets", is_flag=True, help="Also check the YAML files in the assets folder.")
def command(name: str | None, arm: bool, autoscale: bool, assets: bool) -> int:
    """Show the settings of ENV as JSON, or check all environments if ENV is omitted."""
    settings = load()
    if assets and (arm or autoscale or name is not None):
        raise UsageError("--assets: use it alone: nbrelease settings --assets")
    if arm or autoscale:
        if name is None:
            flag = "--arm" if arm else "--autoscale"
            raise UsageError(f"{flag}: ENV is missing: nbrelease settings ENV {flag}")
        env = settings.environment(name)
        console.data(env.arm_parameters() if arm else env.arm_autoscale_parameters())
        return ExitCode.DONE
    if name is not None:
        console.data(settings.environment(name).parameters())
        return ExitCode.DONE
    for each in settings.names:
        settings.environment(each)
        console.out(f"[{each}] is valid")
    folders = {settings.root / settings.environment(each).runbooks for each in settings.names}
    return _check_assets(sorted(folders)) if assets else ExitCode.DONE


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
