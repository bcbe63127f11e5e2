"""The chain of later entries of a pack: drift reports, incidents, rollbacks, notes.

A built pack does not change. Each later entry is a file under ``later/`` with the sha256 of the
entry before it, the first one with that of the manifest. An old entry that is changed, moved or
removed breaks the chain. ``head.json`` names the last entry, ``index.html`` shows all entries.
A person who can write the folder can still remove the last entries and write the head again. To
detect this, keep the digest of the head, or signatures of the entries, in another place.
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
from nbrelease.attestation.problem import Problem
from nbrelease.errors import RunFailed, UsageError
from nbrelease.secrets import Known, find_in_file, mask_text

HEAD = "head.json"
PAGE = "index.html"
DIGITS = 4

Kind = Literal["drift report", "incident", "rollback", "note"]
KINDS: tuple[str, ...] = get_args(Kind)


class About(BaseModel):
    """Another pack that an entry refers to, by the digest of its manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    release_id: str
    manifest: manifest.Sha256


class Entry(BaseModel):
    """One entry. ``follows`` is the sha256 of the entry before, or of the manifest."""

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
    """The number of entries, and the sha256 of the last."""

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
        kind: of the entry.
        text: the description; secrets in it are masked.
        actor: the author of the entry.
        about: another pack that shows it, of a monitor or a rollback.
        attached: files to store with the entry.
        key: to sign the entry with.

    Returns:
        The entry's file.

    Raises:
        UsageError: a folder is no pack, two attached files have the same name, or one of
            them contains a secret.
        RunFailed: the chain is broken; nothing is appended.
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
        raise UsageError("--attach: two files have the same name")
    for path in attached:
        if kinds := find_in_file(path):
            raise UsageError(f"{path}: contains {kinds[0]}; remove it first")
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
        predicate = {"release_id": entry.release_id, "number": number, "kind": kind}
        signed = sign.envelope({target.name: sha256}, predicate, key)
        files.write_text(place.with_name(f"{place.name}{sign.SUFFIX}"), signed)
    head = Head(entries=number, sha256=sha256)
    files.write_text(place.with_name(HEAD), head.model_dump_json(indent=2) + "\n")
    return target


def check(folder: Path, keys: Sequence[sign.PublicKey] = ()) -> tuple[list[Entry], list[Problem]]:
    """The entries of a pack in order, and the problems of the chain.

    Args:
        folder: the pack.
        keys: required signers of each entry.
    """
    top = folder / manifest.LATER
    problems: list[Problem] = []
    entries: list[Entry] = []
    known = {HEAD, PAGE}
    paths = sorted(path for path in top.glob("*.json") if path.stem.isdigit())
    for number, path in enumerate(paths, start=1):
        where = f"{manifest.LATER}/{path.name}"
        if path.name != f"{entry_name(number)}.json":
            problems.append(
                Problem("NBV711", f"{manifest.LATER}/{entry_name(number)}.json: missing")
            )
            break
        try:
            entry = Entry.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            problems.append(
                Problem("NBV712", f"{where}: not an entry: {str(error).splitlines()[0]}")
            )
            break
        if entry.number != number:
            problems.append(Problem("NBV713", f"{where}: has number {entry.number}"))
        if entry.release_id != _release_id(folder):
            problems.append(Problem("NBV714", f"{where}: belongs to release {entry.release_id}"))
        if entry.follows != digest_of(folder, number - 1):
            before = f"{entry_name(number - 1)}.json" if number > 1 else manifest.NAME
            problems.append(
                Problem("NBV715", f"{where}: does not follow {before}, which was changed")
            )
        if entries and entry.time < entries[-1].time:
            problems.append(Problem("NBV716", f"{where}: earlier than the entry before"))
        problems += _check_files(folder, entry)
        problems += _check_signature(top / f"{entry_name(number)}{sign.SUFFIX}", path, keys)
        known |= {path.name, f"{entry_name(number)}{sign.SUFFIX}"}
        known |= {f"{entry_name(number)}/{name}" for name in entry.files}
        entries.append(entry)
    problems += _check_head(folder, len(paths))
    if not problems:
        existing = {p.relative_to(top).as_posix() for p in top.rglob("*") if not p.is_dir()}
        problems += [
            Problem("NBV726", f"{manifest.LATER}/{n}: not part of an entry")
            for n in sorted(existing - known)
        ]
    return entries, problems


def _check_files(folder: Path, entry: Entry) -> list[Problem]:
    problems = []
    for name, sha256 in entry.files.items():
        relative = f"{manifest.LATER}/{entry_name(entry.number)}/{name}"
        path = folder / relative
        if "/" in name or not path.is_file() or path.is_symlink():
            problems.append(Problem("NBV717", f"{relative}: missing"))
        elif files.sha256(path) != sha256:
            problems.append(Problem("NBV718", f"{relative}: changed"))
    return problems


def _check_signature(envelope: Path, entry: Path, keys: Sequence[sign.PublicKey]) -> list[Problem]:
    path = f"{manifest.LATER}/{envelope.name}"
    if not envelope.is_file():
        return [
            Problem("NBV719", f"{manifest.LATER}/{entry.name}: not signed with key {k.id}")
            for k in keys
        ]
    try:
        signature = sign.read(envelope)
    except sign.NoEnvelope as error:
        return [Problem("NBV720", f"{path}: {error}")]
    problems = []
    if files.sha256(entry) not in signature.digests:
        problems.append(Problem("NBV721", f"{path}: not the signature of {entry.name}"))
    for key in keys:
        if not signature.signed_by(key):
            problems.append(Problem("NBV719", f"{path}: not signed with key {key.id}"))
    return problems


def _check_head(folder: Path, count: int) -> list[Problem]:
    path = folder / manifest.LATER / HEAD
    relative = f"{manifest.LATER}/{HEAD}"
    if not path.is_file():
        return [Problem("NBV722", f"{relative}: missing")] if count else []
    try:
        head = Head.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        return [Problem("NBV723", f"{relative}: malformed")]
    if head.entries != count:
        return [Problem("NBV724", f"{relative}: has {head.entries} entries, found {count}")]
    if head.sha256 != digest_of(folder, count):
        return [
            Problem(
                "NBV725",
                f"{manifest.LATER}/{entry_name(count)}.json: changed: {HEAD} has another digest",
            )
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
        raise UsageError(f"{folder}: not a built pack: no {manifest.NAME}")
    return About(release_id=_release_id(folder), manifest=manifest.digest(folder))
