"""What becomes known after a release: drift reports, incidents, rollbacks, appended to its pack.

A pack is not changed any more when it is made. What comes later is an entry of its own under
``later/`` that names the sha256 of what it follows, the manifest or the entry before it, so that an
old entry that was changed, moved or taken out breaks the chain. ``head.json`` names the last one,
``index.html`` shows them all.
Who can write the folder can still cut entries off at the end and write the head again: keep the
head's digest elsewhere, or sign the entries and keep the signatures elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nbrelease import files
from nbrelease.attestation import manifest, sign
from nbrelease.errors import RunFailed, UsageError
from nbrelease.secrets import Known, find_in, mask_text

HEAD = "head.json"
PAGE = "index.html"
DIGITS = 4

Kind = Literal["drift report", "incident", "rollback", "note"]
KINDS: tuple[str, ...] = get_args(Kind)


class About(BaseModel):
    """Another pack that an entry speaks of, by the digest of its manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    release_id: str
    manifest: manifest.Sha256


class Entry(BaseModel):
    """One entry. ``follows`` is the sha256 of the manifest or of the entry before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal["1.0"] = "1.0"
    release_id: str
    number: Annotated[int, Field(ge=1)]
    kind: Kind
    time: datetime
    actor: str
    text: str
    follows: manifest.Sha256
    about: About | None = None
    files: dict[str, manifest.Sha256] = Field(default_factory=dict)


class Head(BaseModel):
    """How many entries there are, and the sha256 of the last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entries: Annotated[int, Field(ge=1)]
    sha256: manifest.Sha256


def append(
    folder: Path,
    kind: Kind,
    text: str,
    *,
    actor: str,
    about: Path | None = None,
    attached: Sequence[Path] = (),
    key: sign.PrivateKey | None = None,
) -> Path:
    """Append an entry to a pack.

    Args:
        folder: the pack.
        kind: what it is.
        text: what happened; a secret in it is masked.
        actor: who says so.
        about: another pack that shows it: of a monitor's run, of a rollback.
        attached: files to keep with the entry.
        key: to sign it with.

    Returns:
        The entry's file.

    Raises:
        UsageError: one of the folders is no pack, two attached files have one name, or one of
            them holds a secret.
        RunFailed: the chain so far is broken; nothing is appended to it.
    """
    if not (folder / manifest.NAME).is_file():
        raise UsageError(f"{folder}: no {manifest.NAME}; build the pack: nbrelease evidence build")
    entries, problems = check(folder)
    if problems:
        raise RunFailed(f"{folder}: the chain is broken, nothing appended: {problems[0]}")
    number = len(entries) + 1
    place = folder / manifest.LATER / entry_name(number)
    names = [path.name for path in attached]
    if len(set(names)) < len(names):
        raise UsageError("two of the files have the same name; an entry keeps them by it")
    for path in attached:
        if found := find_in(path):
            raise UsageError(f"{path}: holds {found[0]}; take it out, a pack is read by many")
    for path in attached:
        files.write_bytes(place / path.name, path.read_bytes())
    entry = Entry(
        release_id=_release_id(folder),
        number=number,
        kind=kind,
        time=datetime.now(UTC),
        actor=actor,
        text=mask_text(text, Known.of_environment())[0],
        follows=digest_of(folder, len(entries)),
        about=_about(about) if about is not None else None,
        files={name: files.sha256(place / name) for name in names},
    )
    target = place.with_name(f"{place.name}.json")
    files.write_text(target, entry.model_dump_json(indent=2) + "\n")
    sha256 = files.sha256(target)
    if key is not None:
        said = {"release_id": entry.release_id, "number": number, "kind": kind}
        signed = sign.envelope({target.name: sha256}, said, key)
        files.write_text(place.with_name(f"{place.name}{sign.SUFFIX}"), signed)
    head = Head(entries=number, sha256=sha256)
    files.write_text(place.with_name(HEAD), head.model_dump_json(indent=2) + "\n")
    return target


def check(folder: Path, keys: Sequence[sign.PublicKey] = ()) -> tuple[list[Entry], list[str]]:
    """The entries of a pack in their order, and what breaks the chain.

    Args:
        folder: the pack.
        keys: each entry has to be signed by each of them.
    """
    top = folder / manifest.LATER
    problems: list[str] = []
    entries: list[Entry] = []
    known = {HEAD, PAGE}
    paths = sorted(path for path in top.glob("*.json") if path.stem.isdigit())
    for number, path in enumerate(paths, start=1):
        where = f"{manifest.LATER}/{path.name}"
        if path.name != f"{entry_name(number)}.json":
            problems.append(f"{manifest.LATER}/{entry_name(number)}.json: is missing")
            break
        try:
            entry = Entry.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            problems.append(f"{where}: is no entry: {str(error).splitlines()[0]}")
            break
        if entry.number != number:
            problems.append(f"{where}: is entry {entry.number}, moved here")
        if entry.release_id != _release_id(folder):
            problems.append(f"{where}: is of release {entry.release_id}")
        if entry.follows != digest_of(folder, number - 1):
            before = f"{entry_name(number - 1)}.json" if number > 1 else manifest.NAME
            problems.append(f"{where}: does not follow {before} as it stands there: it was changed")
        if entries and entry.time < entries[-1].time:
            problems.append(f"{where}: is of an earlier time than the entry before")
        problems += _files(folder, entry)
        problems += _signed(top / f"{entry_name(number)}{sign.SUFFIX}", path, keys)
        known |= {path.name, f"{entry_name(number)}{sign.SUFFIX}"}
        known |= {f"{entry_name(number)}/{name}" for name in entry.files}
        entries.append(entry)
    problems += _head(folder, len(paths))
    if not problems:
        there = {p.relative_to(top).as_posix() for p in top.rglob("*") if not p.is_dir()}
        problems += [f"{manifest.LATER}/{n}: belongs to no entry" for n in sorted(there - known)]
    return entries, problems


def _files(folder: Path, entry: Entry) -> list[str]:
    problems = []
    for name, sha256 in entry.files.items():
        shown = f"{manifest.LATER}/{entry_name(entry.number)}/{name}"
        path = folder / shown
        if "/" in name or not path.is_file() or path.is_symlink():
            problems.append(f"{shown}: is missing")
        elif files.sha256(path) != sha256:
            problems.append(f"{shown}: was changed")
    return problems


def _signed(envelope: Path, entry: Path, keys: Sequence[sign.PublicKey]) -> list[str]:
    shown = f"{manifest.LATER}/{envelope.name}"
    if not envelope.is_file():
        return [f"{manifest.LATER}/{entry.name}: is not signed by the key {k.id}" for k in keys]
    try:
        found = sign.read(envelope)
    except sign.NoEnvelope as error:
        return [f"{shown}: {error}"]
    problems = []
    if files.sha256(entry) not in found.digests:
        problems.append(f"{shown}: is of another entry than {entry.name} as it stands there")
    for key in keys:
        if not found.signed_by(key):
            problems.append(f"{shown}: is not signed by the key {key.id}")
    return problems


def _head(folder: Path, count: int) -> list[str]:
    path = folder / manifest.LATER / HEAD
    shown = f"{manifest.LATER}/{HEAD}"
    if not path.is_file():
        return [f"{shown}: is missing"] if count else []
    try:
        head = Head.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        return [f"{shown}: is not what it should be"]
    if head.entries != count:
        return [f"{shown}: names {head.entries} entries, there are {count}"]
    if head.sha256 != digest_of(folder, count):
        return [
            f"{manifest.LATER}/{entry_name(count)}.json: was changed: {HEAD} names another digest"
        ]
    return []


def digest_of(folder: Path, number: int) -> str:
    """The digest of entry ``number``; of the manifest for 0."""
    if number == 0:
        return manifest.digest(folder)
    return files.sha256(folder / manifest.LATER / f"{entry_name(number)}.json")


def entry_name(number: int) -> str:
    """The name of an entry's file, without its suffix."""
    return f"{number:0{DIGITS}}"


def _release_id(folder: Path) -> str:
    return str(json.loads((folder / "record.json").read_text(encoding="utf-8"))["release_id"])


def _about(folder: Path) -> About:
    if not (folder / manifest.NAME).is_file():
        raise UsageError(f"{folder}: no pack there to speak of: it has no {manifest.NAME}")
    return About(release_id=_release_id(folder), manifest=manifest.digest(folder))
