"""Check of the signatures: signature of this manifest with the required keys."""

from __future__ import annotations

from nbrelease.attestation import manifest, sign
from nbrelease.attestation.problem import Problem
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, failed, not_applicable, passed_unless


def signature(pack: Pack) -> Result:
    """Each signature signs this manifest, and each required key has a valid one."""
    envelopes, problems = _envelopes(pack)
    digest = manifest.digest(pack.folder)
    for name, envelope in envelopes.items():
        if digest not in envelope.digests:
            problems.append(Problem("NBV701", f"{name}: signs another manifest"))
        problems += [
            Problem("NBV702", f"{name}: {text}")
            for key in pack.keys
            for text in envelope.signature_problems(key)
        ]
    for key in pack.keys:
        if not any(each.signed_by(key) for each in envelopes.values()):
            by = sorted({id for each in envelopes.values() for id in each.key_ids})
            others = f"; signed by {', '.join(by)}" if by else "; the pack is not signed"
            problems.append(Problem("NBV703", f"no valid signature with key {key.id}{others}"))
    if problems:
        return failed(problems)
    if not envelopes:
        return not_applicable("the pack is not signed")
    ids = sorted({id for each in envelopes.values() for id in each.key_ids})
    if not pack.keys:
        return not_applicable(f"signed by {', '.join(ids)}; not verified without --key")
    return passed_unless(
        [], f"signature of this manifest with {', '.join(key.id for key in pack.keys)}"
    )


def signers(pack: Pack) -> list[str]:
    """The required keys with a valid signature of this manifest."""
    envelopes, _ = _envelopes(pack)
    digest = manifest.digest(pack.folder) if (pack.folder / manifest.NAME).is_file() else ""
    good = [each for each in envelopes.values() if digest in each.digests]
    return [key.id for key in pack.keys if any(each.signed_by(key) for each in good)]


def _envelopes(pack: Pack) -> tuple[dict[str, sign.Envelope], list[Problem]]:
    """The envelopes by file name, and the problems of other files."""
    envelopes: dict[str, sign.Envelope] = {}
    problems: list[Problem] = []
    for path in sorted((pack.folder / manifest.SIGNATURES).rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(pack.folder).as_posix()
        if path.is_symlink() or not name.endswith(sign.SUFFIX):
            problems.append(Problem("NBV704", f"{name}: not a signature"))
            continue
        try:
            envelopes[name] = sign.read(path)
        except sign.NoEnvelope as error:
            problems.append(Problem("NBV705", f"{name}: {error}"))
    return envelopes, problems
