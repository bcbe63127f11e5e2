"""Checks of what lies in the folder: every file as it was listed, the record of its form."""

from __future__ import annotations

from pathlib import PurePosixPath

from nbrelease.attestation import manifest as manifests
from nbrelease.records import SCHEMA_VERSION
from nbrelease.verification.pack import Pack, Unreadable
from nbrelease.verification.report import Result, failed, judged


def manifest(pack: Pack) -> Result:
    """Every listed file is there with its digest, and nothing that is not listed."""
    try:
        listed = pack.manifest.files
    except Unreadable as error:
        return failed([str(error)])
    problems = [f"{name}: no path within a pack" for name in listed if not _inside(name)]
    there = set(manifests.listed(pack.folder))
    problems += [f"{name}: is missing" for name in sorted(set(listed) - there)]
    problems += [f"{name}: is not listed" for name in sorted(there - set(listed))]
    for name in sorted(there & set(listed)):
        if (pack.folder / name).is_symlink():
            problems.append(f"{name}: is a link")
        elif pack.sha256(name) != listed[name]:
            problems.append(f"{name}: was changed: its sha256 is not the listed one")
    return judged(problems, f"{len(listed)} files with the listed sha256, nothing else")


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def schema(pack: Pack) -> Result:
    """record.json is of the published form, of a version that is known here."""
    try:
        version = str(pack.raw.get("schema_version"))
        known = SCHEMA_VERSION.partition(".")[0]
        if version.partition(".")[0] != known:
            return failed([f"record.json: is of schema {version}; this nbrelease knows {known}.x"])
        _ = pack.record
    except Unreadable as error:
        return failed([str(error)])
    return judged([], f"record.json is a release record of schema {version}")


def identity(pack: Pack) -> Result:
    """Folder, record and notebooks speak of one release."""
    record = pack.record
    commit = record.source.commit[:8] or "nocommit"
    expected = f"{record.env}-{record.started:%Y%m%dT%H%M%SZ}-{commit}"
    problems = []
    if record.release_id != expected:
        problems.append(
            f"record.json: release_id {record.release_id} is not made of its environment, start "
            f"and commit: {expected}"
        )
    if pack.name != record.release_id:
        problems.append(f"the folder is {pack.name}, the record is of {record.release_id}")
    for name, claim in pack.claims.items():
        where = f"notebooks/{name}.ipynb"
        if claim.name != name:
            problems.append(f"{where}: is the result of {claim.name}")
        if claim.release_id != record.release_id:
            problems.append(f"{where}: is of release {claim.release_id}")
        if claim.env != record.env:
            problems.append(f"{where}: was run for {claim.env}, not {record.env}")
    count = len(pack.claims)
    return judged(problems, f"{count} runbooks of {record.release_id}")
