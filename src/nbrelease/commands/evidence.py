"""``nbrelease evidence``: what a release leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nbrelease import console, release, release_files
from nbrelease.commands import evidence_trust
from nbrelease.errors import ApprovalsError, UsageError
from nbrelease.records import DECISIONS, OUTCOME, Outcome, StageOutcome, read_outcome
from nbrelease.settings import load

# from the best to the worst
RESULTS = ("Succeeded", "SucceededWithIssues", "Skipped", "Rejected", "Canceled", "Failed")


@click.group()
def command() -> None:
    """Build what a release leaves behind, and verify it."""


for _each in evidence_trust.COMMANDS:
    command.add_command(_each)


@command.command()
@click.option("--env", "name", required=True, help="The section of settings.ini.")
@click.option(
    "--results",
    metavar="'STAGE=RESULT ...'",
    help="What became of the pipeline's stages, in its words; no word stands for Skipped.",
)
@click.option(
    "--approvals", is_flag=True, help="Ask Azure DevOps who approved this run, with its token."
)
@click.option("--waiting-for", metavar="ENVIRONMENT", help="Not finished: who is asked next.")
@click.option("--summary", is_flag=True, help="Attach the summary to the pipeline's run.")
@click.argument("release_id", metavar="RELEASE")
def build(
    name: str,
    results: str | None,
    approvals: bool,
    waiting_for: str | None,
    summary: bool,
    release_id: str,
) -> None:
    """Build the pack of RELEASE: record, pages, test reports, manifest."""
    from nbrelease.pack import SUMMARY, build_pack

    settings = load()
    found = release.find(settings.root, settings.environment(name), release_id)
    outcome = _outcome(results) if results is not None else read_outcome(found.folder)
    if waiting_for is not None:
        outcome = Outcome(waiting_for=waiting_for)
    if approvals:
        unknown = _decisions(found.folder)
        outcome = (outcome or Outcome()).model_copy(update={"decisions_unknown": unknown})
    if outcome is not None:
        release_files.write(found.folder, OUTCOME, outcome.model_dump(mode="json"))
    record = build_pack(found.folder, card=waiting_for is None)
    if summary:
        console.azure_summary(str((found.folder / SUMMARY).resolve()))
    reason = f": {record.reason}" if record.reason else ""
    console.out(f"{record.verdict}{reason}")
    console.out(f"{os.path.relpath(found.folder)}/index.html")


@command.command()
@click.option("--env", "name", help="The section of settings.ini; by default its first one.")
def site(name: str | None) -> None:
    """Build the page of all releases; only packs that are new to it are read."""
    from nbrelease.report import site as pages

    settings = load()
    env = settings.environment(name or settings.names[0])
    folder = settings.root / env.evidence
    if not folder.is_dir():
        raise UsageError(f"{env.evidence}/: no releases yet; begin one: nbrelease release begin")
    made = pages.build(folder, env.language)
    console.out(f"{made.releases} releases, {made.new} new")
    console.out(os.path.relpath(made.page))


@command.command()
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="By default PACK.pdf.")
@click.argument("pack", type=click.Path(exists=True))
def pdf(pack: str, output: str | None) -> None:
    """Print a page of a pack into a PDF; PACK is its folder, or one of its pages."""
    from nbrelease.report import pdf as printer

    page = Path(pack) / "index.html" if Path(pack).is_dir() else Path(pack)
    if page.suffix != ".html" or not page.is_file():
        raise UsageError(f"{page}: no page there; build the pack: nbrelease evidence build")
    # Beside the pack, not in it: the pack's manifest lists everything that lies in the pack.
    target = Path(output) if output else _beside(page)
    printer.write(page, target)
    console.out(os.path.relpath(target))


def _beside(page: Path) -> Path:
    """``<release_id>.pdf`` for a pack's first page, ``<release_id>-<page>.pdf`` for another."""
    folder = page.resolve().parent
    pack = folder.parent if folder.name == "html" else folder
    name = pack.name if page.name == "index.html" else f"{pack.name}-{page.stem}"
    return pack.parent / f"{name}.pdf"


def _decisions(folder: Path) -> str:
    """Write what was said before the run's stages; returns why it is not known, empty where it is.

    That nobody could read it is no reason to leave a release without its pack: the pack says so.
    """
    from nbrelease.approvals import Run

    try:
        run = Run.of(os.environ)
        if run is None:
            return ""  # whoever runs the pipeline here adds its decisions to the pack
        said = run.decisions()
    except ApprovalsError as error:
        console.warning(f"it could not be read who approved: {error}")
        return str(error)
    if said:
        release_files.write(folder, DECISIONS, [each.model_dump(mode="json") for each in said])
    return ""


def _outcome(results: str) -> Outcome:
    """STAGE=RESULT words; of a stage with several jobs the worst counts."""
    worst: dict[str, StageOutcome] = {}
    for word in results.split():
        name, _, result = word.partition("=")
        try:
            found = StageOutcome.model_validate({"name": name, "result": result or "Skipped"})
        except ValueError:
            raise UsageError(f"--results {word}: the results are {', '.join(RESULTS)}") from None
        known = worst.get(name, found)
        worst[name] = max(known, found, key=lambda outcome: RESULTS.index(outcome.result))
    return Outcome(stages=list(worst.values()))
