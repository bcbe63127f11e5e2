"""Check of the signatures: do they name this manifest, and are they by the keys that count?"""

from __future__ import annotations

from nbrelease.attestation import manifest, sign
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, failed, judged, not_applicable


def signature(pack: Pack) -> Result:
    """Each signature is of this pack, and one by each given key is right."""
    envelopes, problems = _envelopes(pack)
    digest = manifest.digest(pack.folder)
    for name, envelope in envelopes.items():
        if digest not in envelope.digests:
            problems.append(f"{name}: is of another manifest than this one")
        problems += [f"{name}: {text}" for key in pack.keys for text in envelope.forged(key)]
    for key in pack.keys:
        if not any(each.signed_by(key) for each in envelopes.values()):
            by = sorted({id for each in envelopes.values() for id in each.key_ids})
            others = f"; there is one by {', '.join(by)}" if by else "; the pack is not signed"
            problems.append(f"no signature by the key {key.id}{others}")
    if problems:
        return failed(problems)
    if not envelopes:
        return not_applicable("nobody signed this pack")
    ids = sorted({id for each in envelopes.values() for id in each.key_ids})
    if not pack.keys:
        return not_applicable(f"signed by {', '.join(ids)}; not verified: no --key was given")
    return judged([], f"of this manifest, by {', '.join(key.id for key in pack.keys)}")


def signers(pack: Pack) -> list[str]:
    """The given keys that signed this very manifest."""
    envelopes, _ = _envelopes(pack)
    digest = manifest.digest(pack.folder) if (pack.folder / manifest.NAME).is_file() else ""
    good = [each for each in envelopes.values() if digest in each.digests]
    return [key.id for key in pack.keys if any(each.signed_by(key) for each in good)]


def _envelopes(pack: Pack) -> tuple[dict[str, sign.Envelope], list[str]]:
    """The envelopes by their file's name, and what is no envelope."""
    found, problems = {}, []
    for path in sorted((pack.folder / manifest.SIGNATURES).rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(pack.folder).as_posix()
        if path.is_symlink() or not name.endswith(sign.SUFFIX):
            problems.append(f"{name}: is no signature")
            continue
        try:
            found[name] = sign.read(path)
        except sign.NoEnvelope as error:
            problems.append(f"{name}: {error}")
    return found, problems
