"""``nbrelease evidence verify``, ``sign``, ``keygen``, ``append`` and ``schema``."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import click

from nbrelease import console, files
from nbrelease.errors import ExitCode, UsageError

KEY_HELP = "KEY is a PEM file, or env:NAME for a variable with its content."


@click.command()
@click.argument("packs", metavar="PACK...", nargs=-1, required=True)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help=f"Require a signature of this key. {KEY_HELP}",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "junit"]), default="text",
    show_default=True,
)  # fmt: skip
@click.option(
    "--without", multiple=True, metavar="CHECK", help="Leave out a check; the report lists it."
)
@click.option(
    "--decisions-follow",
    is_flag=True,
    help="In a rehearsal, leave out approvals: the decisions are added after the run.",
)
@click.option("--junit", metavar="FILE", help="Also write a JUnit report.")
@click.option(
    "--summary", metavar="FILE", help="Also write Markdown, and attach it to the pipeline run."
)
def verify(
    packs: tuple[str, ...],
    keys: tuple[str, ...],
    form: str,
    without: tuple[str, ...],
    decisions_follow: bool,
    junit: str | None,
    summary: str | None,
) -> int:
    """Verify PACKs offline; exit code 1 when a check fails.

    A PACK is a folder, or the id of a release of the project in the working directory.
    """
    from nbrelease.attestation import sign
    from nbrelease.verification import report, verify

    gc.disable()  # many small objects in a short process: collecting takes a tenth of the time
    if decisions_follow and _is_rehearsal():
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
    failed = [each for each in reports if each.failed]
    for each in failed:
        names = [name for name, result in each.results.items() if result.state == "failed"]
        console.error(f"{each.pack}: failed checks: {', '.join(names)}")
    return ExitCode.FAILED if failed else ExitCode.DONE


@click.command("sign")
@click.argument("pack")
@click.option(
    "--key",
    metavar="KEY",
    help=f"Sign with this key. {KEY_HELP} Default: env:NBRELEASE_SIGNING_KEY.",
)
def sign_pack(pack: str, key: str | None) -> None:
    """Sign PACK: the digest of its manifest, as an in-toto Statement in a DSSE envelope."""
    from nbrelease.attestation import sign

    private = sign.private_key(key or f"env:{sign.KEY_VARIABLE}")
    target = sign.pack(_pack(pack), private)
    console.out(f"signed with {private.public.id}")
    console.out(os.path.relpath(target))


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def keygen(path: Path) -> None:
    """Create an Ed25519 key pair: PATH to sign with, PATH.pub to verify with."""
    from nbrelease.attestation import sign

    key = sign.generate(path)
    console.out(f"key {key.id}")
    console.out(f"{path}: private key, keep it secret")
    console.out(f"{path}.pub: public key, for verification")


@click.command()
@click.argument("pack")
@click.option(
    "--kind",
    required=True,
    metavar="KIND",
    help="Set the kind: drift report, incident, rollback or note.",
)
@click.option("--text", required=True, help="Describe what happened.")
@click.option(
    "--actor", help="Set the author of the entry. Default: the user of git, or of this machine."
)
@click.option("--about", metavar="PACK", help="Refer to the pack of a monitor or a rollback.")
@click.option(
    "--attach",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Attach this file. Can be repeated.",
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
    """Append a later entry to PACK; it contains the digest of the entry before."""
    from nbrelease import release
    from nbrelease.attestation import chain, sign
    from nbrelease.pack import write_entries_page

    if kind not in chain.KINDS:
        raise UsageError(f"--kind {kind}: must be one of {', '.join(chain.KINDS)}")
    known_kind: Any = kind
    target = chain.append(
        _pack(pack),
        known_kind,
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

    console.out(schema.read_schema().rstrip("\n"))


COMMANDS: tuple[click.Command, ...] = (verify, sign_pack, keygen, append, schema)


def _is_rehearsal() -> bool:
    """Whether pipelines-local runs this; it adds the decisions after the run."""
    from nbrelease.approvals import LOCAL

    return os.environ.get("SYSTEM_COLLECTIONURI") == LOCAL


def _pack(word: str) -> Path:
    """The folder of a pack, given by its path or by the id of a release of the project."""
    folder = Path(word)
    if folder.is_dir():
        return folder
    from nbrelease.settings import load

    if not folder.name or folder.name != word:
        raise UsageError(f"{word}: no such folder or release")
    settings = load()
    for name in settings.names:
        folder = settings.root / settings.environment(name).evidence / word
        if folder.is_dir():
            return folder
    raise UsageError(f"{word}: no such folder or release")
