"""``nbrelease evidence``: build and verify evidence packs."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nbrelease import console, release, release_files
from nbrelease.commands import attestation
from nbrelease.errors import ApprovalsError, UsageError
from nbrelease.records import DECISIONS, OUTCOME, Outcome, StageOutcome, read_outcome
from nbrelease.settings import load

# from the best to the worst
RESULTS = ("Succeeded", "SucceededWithIssues", "Skipped", "Rejected", "Canceled", "Failed")


@click.group()
def command() -> None:
    """Build, verify and sign evidence packs."""


for _each in attestation.COMMANDS:
    command.add_command(_each)


@command.command()
@click.option("--env", "name", required=True, help="Use this section of settings.ini.")
@click.option(
    "--results",
    metavar="'STAGE=RESULT ...'",
    help="Add the results of the pipeline's stages; without RESULT a stage counts as Skipped.",
)
@click.option(
    "--approvals",
    is_flag=True,
    help="Read the approvals of this run from Azure DevOps, with its token.",
)
@click.option(
    "--waiting-for",
    metavar="ENVIRONMENT",
    help="Show the release as open: this environment needs an approval next.",
)
@click.option("--summary", is_flag=True, help="Attach the summary to the pipeline run.")
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
    current = release.find(settings.root, settings.environment(name), release_id)
    outcome = _outcome(results) if results is not None else read_outcome(current.folder)
    if waiting_for is not None:
        outcome = Outcome(waiting_for=waiting_for)
    if approvals:
        unknown = _write_decisions(current.folder)
        outcome = (outcome or Outcome()).model_copy(update={"decisions_unknown": unknown})
    if outcome is not None:
        release_files.write(current.folder, OUTCOME, outcome.model_dump(mode="json"))
    record = build_pack(current.folder, card=waiting_for is None)
    if summary:
        console.azure_summary(str((current.folder / SUMMARY).resolve()))
    reason = f": {record.reason}" if record.reason else ""
    console.out(f"{record.verdict}{reason}")
    console.out(f"{os.path.relpath(current.folder)}/index.html")


@command.command()
@click.option("--env", "name", help="Use this section of settings.ini. Default: the first one.")
def site(name: str | None) -> None:
    """Build the page of all releases. Only new and changed packs are read."""
    from nbrelease.report.site import build_site

    settings = load()
    env = settings.environment(name or settings.names[0])
    folder = settings.root / env.evidence
    if not folder.is_dir():
        raise UsageError(f"{env.evidence}/: no releases; start one with nbrelease release begin")
    site = build_site(folder, env.language)
    console.out(f"{site.releases} releases, {site.new} new")
    console.out(os.path.relpath(site.page))


@command.command("open")
@click.option("--env", "name", help="Use this section of settings.ini. Default: the first one.")
@click.option("--serve", is_flag=True, help="Serve the pages, as on a machine without a desktop.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Serve on this port. Default: any free port.",
)
@click.argument("release_id", metavar="[RELEASE]", required=False)
def open_page(name: str | None, serve: bool, port: int, release_id: str | None) -> None:
    """Open the evidence page of RELEASE in the browser. Default: the newest page.

    On a machine without a desktop the pages are served on 127.0.0.1 until interrupted. VS Code
    forwards the port of a remote machine and opens the address.
    """
    import webbrowser

    from nbrelease import evidence_browser

    settings = load()
    evidence = settings.root / settings.environment(name or settings.names[0]).evidence
    page = evidence_browser.find_page(evidence, release_id)
    if serve or port or not evidence_browser.has_desktop():
        evidence_browser.serve(evidence, page, port)
    else:
        console.out(os.path.relpath(page))
        webbrowser.open(page.resolve().as_uri())


@command.command()
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False), help="Write to this file. Default: PACK.pdf."
)
@click.argument("pack", type=click.Path(exists=True))
def pdf(pack: str, output: str | None) -> None:
    """Print a page of a pack as PDF. PACK is the folder of a pack, or one of its pages."""
    from nbrelease.report.pdf import write_pdf

    page = Path(pack) / "index.html" if Path(pack).is_dir() else Path(pack)
    if page.suffix != ".html" or not page.is_file():
        raise UsageError(f"{page}: no such page; build the pack with nbrelease evidence build")
    # Next to the pack, not in it: the manifest lists every file of the pack.
    target = Path(output) if output else _pdf_path(page)
    write_pdf(page, target)
    console.out(os.path.relpath(target))


def _pdf_path(page: Path) -> Path:
    """``<release_id>.pdf`` for a pack's first page, ``<release_id>-<page>.pdf`` for another."""
    folder = page.resolve().parent
    pack = folder.parent if folder.name == "html" else folder
    name = pack.name if page.name == "index.html" else f"{pack.name}-{page.stem}"
    return pack.parent / f"{name}.pdf"


def _write_decisions(folder: Path) -> str:
    """Write the decisions on the run's stages. Returns why they could not be read, or nothing.

    A release whose decisions cannot be read gets a pack, which says so.
    """
    from nbrelease.approvals import Run

    try:
        run = Run.from_variables(os.environ)
        if run is None:
            return ""  # pipelines-local adds the decisions itself
        decisions = run.decisions()
    except ApprovalsError as error:
        console.warning(f"approvals not read: {error}")
        return str(error)
    if decisions:
        release_files.write(folder, DECISIONS, [each.model_dump(mode="json") for each in decisions])
    return ""


def _outcome(results: str) -> Outcome:
    """The outcome given as STAGE=RESULT; of several results of a stage the worst counts."""
    worst: dict[str, StageOutcome] = {}
    for word in results.split():
        name, _, result = word.partition("=")
        try:
            outcome = StageOutcome.model_validate({"name": name, "result": result or "Skipped"})
        except ValueError:
            raise UsageError(
                f"--results {word}: RESULT must be one of {', '.join(RESULTS)}"
            ) from None
        known = worst.get(name, outcome)
        worst[name] = max(known, outcome, key=lambda each: RESULTS.index(each.result))
    return Outcome(stages=list(worst.values()))
