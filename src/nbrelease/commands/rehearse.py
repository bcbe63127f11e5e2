"""``nbrelease rehearse``: run a pipeline of .ado/ on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

import child_processes
import pipelines_local
from nbrelease import console
from nbrelease.errors import ExitCode, UsageError
from nbrelease.rehearsal import PIPELINES, Rehearsal
from nbrelease.settings import Settings, load

ERROR = "##[error]"


@click.command()
@click.argument("name", type=click.Choice(sorted(PIPELINES)), default="dev")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting for this run.")
@click.option("--jobs", type=click.IntRange(1), help="Jobs side by side; as many as cores.")
@click.option("--approve", multiple=True, metavar="ENV[=NAME:COMMENT]", help="Say yes beforehand.")
@click.option("--reject", multiple=True, metavar="ENV[=NAME:COMMENT]", help="Say no beforehand.")
@click.option("--resume", metavar="RUN", help="Go on with a run that waits for an approval.")
@click.option("--follow-parent", is_flag=True, help="End when the calling program ends (make).")
def command(
    name: str,
    pairs: tuple[str, ...],
    jobs: int | None,
    approve: tuple[str, ...],
    reject: tuple[str, ...],
    resume: str | None,
    follow_parent: bool,
) -> int:
    """Rehearse the pipeline NAME (dev by default) with the workspace of settings.ini.

    An environment that nobody has spoken on is asked for at the terminal; without one the run
    stops with exit code 4 and waits for --resume.
    """
    if follow_parent:
        child_processes.follow_parent()
    settings = load()
    settings = Settings(settings.path, settings.overrides, _pairs(pairs))
    env = settings.environment(PIPELINES[name].env)

    from nbrelease.rehearsal import recover, rehearse

    for folder in recover(settings, env):
        page = os.path.relpath(folder / "index.html")
        console.warning(f"an earlier rehearsal was interrupted; its evidence: {page}")
    try:
        outcome = rehearse(
            name,
            settings,
            listener=pipelines_local.console_listener(),
            approver=_approver(approve, reject),
            jobs=jobs,
            resume=resume,
        )
    except pipelines_local.PipelinesError as error:
        raise UsageError(str(error)) from None
    return _report(name, outcome)


def _pairs(pairs: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE words; a relative path of a data file counts from where the user stands."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair}: write --set KEY=VALUE")
        if key == "training_data" and "://" not in value and not value.startswith("azureml:"):
            value = os.path.abspath(value)  # noqa: PTH100 - resolve() would follow a link away
        found[key] = value
    return found


def _approver(approve: tuple[str, ...], reject: tuple[str, ...]) -> pipelines_local.Approver:
    """What was said beforehand, then whoever sits at the terminal."""
    from pipelines_local.approvals import PresetApprovals, parse_flag
    from pipelines_local.prompt import Prompt

    decisions = dict(parse_flag(word, "approve") for word in approve)
    decisions |= dict(parse_flag(word, "reject") for word in reject)
    return PresetApprovals(decisions, Prompt() if sys.stdin.isatty() else None)


def _report(name: str, outcome: Rehearsal) -> int:
    """Print the verdict, the version, the endpoint and the page; the exit code says it too."""
    for line in _errors(outcome):
        console.error(line)
    record = outcome.record
    if record is not None:
        console.out()
        console.out(f"verdict   {record.verdict}" + (f": {record.reason}" if record.reason else ""))
        if record.model is not None:
            console.out(f"model     {record.model.name} version {record.model.version}")
        if record.endpoints.online is not None:
            online = record.endpoints.online
            console.out(f"endpoint  {online.name}, deployment {online.deployment}")
    if outcome.run.result == "Waiting":
        console.out("waiting   for an approval; to look at:")
        pages = outcome.run.artifacts.glob("*/index.html")
        page = max(pages, key=lambda path: path.stat().st_mtime_ns, default=None)
        if page is not None:
            console.out(f"          {os.path.relpath(page)}")
        console.out(f"then      nbrelease rehearse {name} --resume {outcome.run.folder.name}")
    holds = outcome.pack is None or _verified(outcome.pack)
    if outcome.pack is not None:
        console.out(f"evidence  {os.path.relpath(outcome.pack)}/index.html")
    code = _exit_code(outcome)
    return ExitCode.FAILED if code == ExitCode.DONE and not holds else code


def _verified(pack: Path) -> bool:
    """Whether the pack holds, the decisions included, which the pipeline's own jobs do not know."""
    from nbrelease.verification import verify

    report = verify(pack)
    for name, result in report.results.items():
        if result.state == "failed":
            console.error(f"the pack does not verify: {name}: {result.reason}")
    return not report.failed


def _errors(outcome: Rehearsal) -> list[str]:
    """What the jobs of the first stage that failed said; what failed later followed from it."""
    failed = [(stage, job) for stage, job in outcome.run.jobs() if job.result == "Failed"]
    lines = [line for stage, job in failed if stage == failed[0][0] for line in job.log]
    errors = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]
    return [line for line in errors if not line.startswith("Bash exited with code")]


def _exit_code(outcome: Rehearsal) -> int:
    result = outcome.run.result
    if result in ("Succeeded", "SucceededWithIssues"):
        return ExitCode.DONE
    if result == "Waiting":
        return ExitCode.WAITING
    if result == "Rejected":
        return ExitCode.REJECTED
    if result == "Canceled":
        return ExitCode.INTERRUPTED
    codes = [step.exit_code for step in outcome.run.failed_steps()]
    # A step that was called wrongly makes the whole call wrong: the user's settings led there.
    return ExitCode.USAGE if ExitCode.USAGE in codes else ExitCode.FAILED
