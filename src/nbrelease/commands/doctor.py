"""``nbrelease doctor``: what is missing on this machine, and its repair."""

from __future__ import annotations

import subprocess

import click

from nbrelease import console
from nbrelease.commands.clean import all_notebooks
from nbrelease.doctor import examine
from nbrelease.errors import RunFailed
from nbrelease.export.layout import load


@click.command()
@click.option("--fix", is_flag=True, help="Repair what can be repaired.")
def command(fix: bool) -> int:
    """Tell what this machine lacks for working on the project; exit code 1 if anything.

    Looked at: the kernels that notebooks name, installed packages against conda/*.yml, git's filter
    and hook, nbdime, VS Code's settings.
    """
    root = load().layout.root
    left = []
    for finding in examine(root, all_notebooks()):
        if finding.right:
            console.out(f"ok       {finding.name}: {finding.message}")
            continue
        if fix and finding.mend is not None:
            try:
                finding.mend()
            except (OSError, subprocess.CalledProcessError) as error:
                console.out(f"missing  {finding.name}: could not be repaired: {error}")
                left.append(finding.name)
            else:
                console.out(f"repaired {finding.name}")
            continue
        console.out(f"missing  {finding.name}: {finding.message}")
        left.append(finding.name)
    if left:
        raise RunFailed(f"missing: {', '.join(left)}")
    return 0
