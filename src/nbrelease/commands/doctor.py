"""``nbrelease doctor``: check the development environment and fix it."""

from __future__ import annotations

import subprocess

import click

from nbrelease import console
from nbrelease.commands.clean import all_notebooks
from nbrelease.doctor import run_checks
from nbrelease.doctor.git_setup import check_git
from nbrelease.errors import RunFailed
from nbrelease.export.layout import load


@click.command()
@click.option("--fix", is_flag=True, help="Fix what can be fixed automatically.")
@click.option("--git", "git_only", is_flag=True, help="Check the git filter, hook and nbdime only.")
def command(fix: bool, git_only: bool) -> int:
    """Check the development environment. The exit code is 1 if something is missing.

    Checks the kernels that notebooks use, installed packages against conda/*.yml, the package lists
    of job and model, the git filter and hook, nbdime and the settings of VS Code.
    """
    missing = []
    layout = load().layout
    for check in check_git(layout.root) if git_only else run_checks(layout, all_notebooks()):
        if check.passed:
            console.out(f"ok       {check.name}: {check.message}")
            continue
        if fix and check.fix is not None:
            try:
                check.fix()
            except (OSError, subprocess.CalledProcessError) as error:
                console.out(f"missing  {check.name}: cannot be fixed: {error}")
                missing.append(check.name)
            else:
                console.out(f"fixed    {check.name}")
            continue
        console.out(f"missing  {check.name}: {check.message}")
        missing.append(check.name)
    if missing:
        raise RunFailed(f"missing: {', '.join(missing)}")
    return 0
