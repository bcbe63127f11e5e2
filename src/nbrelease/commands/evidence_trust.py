"""``nbrelease evidence verify``, ``sign``, ``append`` and their kin: what a pack proves."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import click

from nbrelease import console, files
from nbrelease.errors import ExitCode, UsageError

KEY_HELP = "A PEM file, or env:NAME for a variable that holds one."


@click.command()
@click.argument("packs", metavar="PACK...", nargs=-1, required=True)
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help=f"Who has to have signed. {KEY_HELP}"
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "junit"]), default="text",
    show_default=True,
)  # fmt: skip
@click.option("--without", multiple=True, metavar="CHECK", help="Leave a check out, and say so.")
@click.option(
    "--decisions-follow",
    is_flag=True,
    help="In a pipeline whose runner adds the decisions later, leave out approvals.",
)
@click.option("--junit", metavar="FILE", help="Write a JUnit report too.")
@click.option("--summary", metavar="FILE", help="Write Markdown too; a pipeline's run shows it.")
def verify(
    packs: tuple[str, ...],
    keys: tuple[str, ...],
    form: str,
    without: tuple[str, ...],
    decisions_follow: bool,
    junit: str | None,
    summary: str | None,
) -> int:
    """Verify PACKs offline; exit code 1 when one does not hold.

    A PACK is a folder, or the id of a release of the project that you stand in.
    """
    from nbrelease.attestation import sign
    from nbrelease.verification import report, verify

    gc.disable()  # a short life with many small objects: a tenth of the time would go into it
    if decisions_follow and _rehearsed():
        without = (*without, "approvals")
    known = [sign.public_key(key) for key in keys]
    reports = [verify(_pack(word), known, without) for word in packs]
    if form == "json":
        console.data([each.data() for each in reports])
    elif form == "junit":
        console.out(report.junit(reports))
    else:
        for each in reports:
            console.out(each.text())
    if junit is not None:
        files.write_text(Path(junit), report.junit(reports) + "\n")
    if summary is not None:
        path = Path(summary).resolve()
        files.write_text(path, "\n".join(each.markdown() for each in reports))
        console.azure_summary(str(path))
    bad = [each for each in reports if each.failed]
    for each in bad:
        names = [name for name, found in each.results.items() if found.state == "failed"]
        console.error(f"{each.pack}: does not verify: {', '.join(names)}")
    return ExitCode.FAILED if bad else ExitCode.DONE


@click.command("sign")
@click.argument("pack")
@click.option("--key", metavar="KEY", help=f"{KEY_HELP} By default env:NBRELEASE_SIGNING_KEY.")
def sign_pack(pack: str, key: str | None) -> None:
    """Sign PACK: its manifest's digest in an in-toto Statement in a DSSE envelope."""
    from nbrelease.attestation import sign

    private = sign.private_key(key or f"env:{sign.KEY_VARIABLE}")
    target = sign.pack(_pack(pack), private)
    console.out(f"signed with {private.public.id}")
    console.out(os.path.relpath(target))


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def keygen(path: Path) -> None:
    """Make an Ed25519 key: PATH to sign with, PATH.pub to verify with."""
    from nbrelease.attestation import sign

    made = sign.generate(path)
    console.out(f"key {made.id}")
    console.out(f"{path}: keep it secret")
    console.out(f"{path}.pub: give it to who verifies")


@click.command()
@click.argument("pack")
@click.option(
    "--kind", required=True, metavar="KIND", help="drift report, incident, rollback, note"
)
@click.option("--text", required=True, help="What happened.")
@click.option("--actor", help="Who says so; by default git's user, else the login's.")
@click.option(
    "--about", metavar="PACK", help="Another pack that shows it: a monitor's, a rollback's."
)
@click.option(
    "--attach", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--key", metavar="KEY", help=f"Sign the entry. {KEY_HELP}")
def append(
    pack: str,
    kind: str,
    text: str,
    actor: str | None,
    about: str | None,
    attach: tuple[Path, ...],
    key: str | None,
) -> None:
    """Append what became known later to PACK, as an entry that names what it follows."""
    from nbrelease import release
    from nbrelease.attestation import chain, sign
    from nbrelease.pack import write_entries_page

    if kind not in chain.KINDS:
        raise UsageError(f"--kind {kind}: the kinds are {', '.join(chain.KINDS)}")
    said: Any = kind
    target = chain.append(
        _pack(pack),
        said,
        text,
        actor=actor or release.actor(Path.cwd()),
        about=_pack(about) if about else None,
        attached=attach,
        key=sign.private_key(key) if key else None,
    )
    write_entries_page(_pack(pack))
    console.out(os.path.relpath(target))
    console.out(f"sha256 {files.sha256(target)}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of record.json."""
    from nbrelease.records import schema

    console.out(schema.text().rstrip("\n"))


COMMANDS: tuple[click.Command, ...] = (verify, sign_pack, keygen, append, schema)


def _rehearsed() -> bool:
    """Whether pipelines-local runs this, which tells decisions when the run is over."""
    from nbrelease.approvals import LOCAL

    return os.environ.get("SYSTEM_COLLECTIONURI") == LOCAL


def _pack(word: str) -> Path:
    """The folder that a word means: its path, or a release's id within a project."""
    folder = Path(word)
    if folder.is_dir():
        return folder
    from nbrelease.settings import load

    if not folder.name or folder.name != word:
        raise UsageError(f"{word}: no such pack")
    settings = load()
    for name in settings.names:
        found = settings.root / settings.environment(name).evidence / word
        if found.is_dir():
            return found
    raise UsageError(f"{word}: no such pack; give its folder, or a release's id")
