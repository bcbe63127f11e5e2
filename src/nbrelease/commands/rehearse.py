"""``nbrelease rehearse``: run a pipeline of .ado/ on this machine."""

from __future__ import annotations

import os
import sys

import click

import child_processes
import pipelines_local
from nbrelease import console
from nbrelease.commands._overrides import parse_settings
from nbrelease.errors import ExitCode, UsageError
from nbrelease.rehearsal import PIPELINES, Rehearsal
from nbrelease.settings import load


@click.command()
@click.argument("name", type=click.Choice(sorted(PIPELINES)), default="dev")
@click.option(
    "--model", default="", metavar="NAME", help="Use section [model:NAME] of settings.ini."
)
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="Override a setting or a parameter of the training notebook. Can be repeated.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Set the number of jobs that run in parallel.  [default: number of cores]",
)
@click.option(
    "--approve",
    multiple=True,
    metavar="ENV[=NAME:COMMENT]",
    help="Approve a pipeline environment in advance; STAGE.ENV for one stage. Can be repeated.",
)
@click.option(
    "--reject",
    multiple=True,
    metavar="ENV[=NAME:COMMENT]",
    help="Reject a pipeline environment in advance; STAGE.ENV for one stage. Can be repeated.",
)
@click.option("--resume", metavar="RUN", help="Resume a run that waits for an approval.")
@click.option("--follow-parent", is_flag=True, help="Stop when the calling program (make) ends.")
def command(
    name: str,
    model: str,
    pairs: tuple[str, ...],
    jobs: int | None,
    approve: tuple[str, ...],
    reject: tuple[str, ...],
    resume: str | None,
    follow_parent: bool,
) -> int:
    """Run the pipeline NAME on this machine, against the workspace of settings.ini.

    NAME is dev by default. Prompts at the terminal for approvals that --approve and --reject do
    not cover. Without a terminal the run stops with exit code 4; continue it with --resume.
    """
    if follow_parent:
        child_processes.follow_parent()
    settings = load(arguments=parse_settings(pairs))
    env = settings.environment(PIPELINES[name].env)

    from nbrelease.rehearsal import build_interrupted_packs, lock_checkout, rehearse

    with lock_checkout(settings.root):
        for folder in build_interrupted_packs(settings, env):
            page = os.path.relpath(folder / "index.html")
            console.warning(f"an earlier rehearsal was interrupted; its evidence is in {page}")
        try:
            rehearsal = rehearse(
                name,
                settings,
                model=model,
                listener=pipelines_local.console_listener(),
                approver=_create_approver(approve, reject),
                jobs=jobs,
                resume=resume,
            )
        except pipelines_local.PipelinesError as error:
            raise UsageError(str(error)) from None
        return _report(name, rehearsal)


def _create_approver(approve: tuple[str, ...], reject: tuple[str, ...]) -> pipelines_local.Approver:
    """Decisions from the command line first, then a prompt if there is a terminal."""
    from pipelines_local.approvals import PresetApprovals, parse_flags
    from pipelines_local.prompt import Prompt

    decisions = parse_flags({"approve": approve, "reject": reject})
    return PresetApprovals(decisions, Prompt() if sys.stdin.isatty() else None)


def _report(name: str, rehearsal: Rehearsal) -> int:
    """Print verdict, model, endpoint and evidence page; return the exit code."""
    for line in rehearsal.errors():
        console.error(line)
    record = rehearsal.record
    if record is not None:
        console.out()
        console.out(f"verdict   {record.verdict}" + (f": {record.reason}" if record.reason else ""))
        if record.model is not None:
            console.out(f"model     {record.model.name} version {record.model.version}")
        if record.endpoints.online is not None:
            online = record.endpoints.online
            console.out(f"endpoint  {online.name}, deployment {online.deployment}")
    if rehearsal.run.result == "Waiting":
        console.out("waiting   for an approval; review:")
        if rehearsal.page is not None:
            console.out(f"          {os.path.relpath(rehearsal.page)}")
        console.out(f"then      nbrelease rehearse {name} --resume {rehearsal.run.folder.name}")
    for line in rehearsal.problems:
        console.error(line)
    if rehearsal.pack is not None:
        console.out(f"evidence  {os.path.relpath(rehearsal.pack)}/index.html")
    code = _exit_code(rehearsal)
    return ExitCode.FAILED if code == ExitCode.DONE and rehearsal.problems else code


def _exit_code(rehearsal: Rehearsal) -> int:
    result = rehearsal.run.result
    if result in ("Succeeded", "SucceededWithIssues"):
        return ExitCode.DONE
    if result == "Waiting":
        return ExitCode.WAITING
    if result == "Rejected":
        return ExitCode.REJECTED
    if result == "Canceled":
        return ExitCode.INTERRUPTED
    codes = [step.exit_code for step in rehearsal.run.failed_steps()]
    # A step with exit code 2 had wrong settings or arguments, and these came from the user.
    return ExitCode.USAGE if ExitCode.USAGE in codes else ExitCode.FAILED
