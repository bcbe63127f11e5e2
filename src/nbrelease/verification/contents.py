"""Checks of the files: the manifest's digests, the schema of the record, the identity."""

from __future__ import annotations

from pathlib import PurePosixPath

from nbrelease.attestation import manifest as manifests
from nbrelease.attestation.problem import Problem
from nbrelease.records import SCHEMA_VERSION, release_prefix
from nbrelease.verification.pack import Pack, Unreadable
from nbrelease.verification.report import Result, failed, passed_unless


def manifest(pack: Pack) -> Result:
    """Every listed file exists with its digest; no other file exists."""
    try:
        listed = pack.manifest.files
    except Unreadable as error:
        return failed([Problem("NBV106", str(error))])
    problems = [
        Problem("NBV101", f"{name}: not a path inside the pack")
        for name in listed
        if not _is_relative_path(name)
    ]
    existing = set(manifests.list_files(pack.folder))
    problems += [Problem("NBV102", f"{name}: missing") for name in sorted(set(listed) - existing)]
    problems += [
        Problem("NBV103", f"{name}: not in the manifest") for name in sorted(existing - set(listed))
    ]
    for name in sorted(existing & set(listed)):
        if (pack.folder / name).is_symlink():
            problems.append(Problem("NBV104", f"{name}: is a symbolic link"))
        elif pack.sha256(name) != listed[name]:
            problems.append(
                Problem("NBV105", f"{name}: changed: its sha256 is not the one in the manifest")
            )
    return passed_unless(
        problems, f"{len(listed)} files with the sha256 of the manifest, no others"
    )


def _is_relative_path(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def schema(pack: Pack) -> Result:
    """record.json has the published schema, in a known version."""
    try:
        version = str(pack.raw.get("schema_version"))
        known = SCHEMA_VERSION.partition(".")[0]
        if version.partition(".")[0] != known:
            return failed(
                [
                    Problem(
                        "NBV111",
                        f"record.json: schema {version}; this nbrelease supports {known}.x",
                    )
                ]
            )
        _ = pack.record
    except Unreadable as error:
        return failed([Problem("NBV112", str(error))])
    return passed_unless([], f"record.json has schema {version}")


def identity(pack: Pack) -> Result:
    """Folder, record and notebooks belong to one release."""
    record = pack.record
    commit = record.source.commit[:8] or "nocommit"
    prefix = release_prefix(record.env, record.settings_model)
    expected = f"{prefix}-{record.started:%Y%m%dT%H%M%SZ}-{commit}"
    problems = []
    if record.release_id != expected:
        problems.append(
            Problem(
                "NBV121",
                f"record.json: release_id {record.release_id}, expected from its environment, "
                f"start and commit: {expected}",
            )
        )
    if pack.name != record.release_id:
        problems.append(
            Problem("NBV122", f"the folder is {pack.name}, release_id is {record.release_id}")
        )
    for name, claim in pack.claims.items():
        where = f"notebooks/{name}.ipynb"
        if claim.name != name:
            problems.append(Problem("NBV123", f"{where}: has the result of {claim.name}"))
        if claim.release_id != record.release_id:
            problems.append(Problem("NBV124", f"{where}: belongs to release {claim.release_id}"))
        if claim.env != record.env:
            problems.append(
                Problem("NBV125", f"{where}: run in environment {claim.env}, not {record.env}")
            )
    count = len(pack.claims)
    return passed_unless(problems, f"{count} runbooks of {record.release_id}")
