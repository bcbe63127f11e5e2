"""Check of what was appended to the pack after it was made."""

from __future__ import annotations

from nbrelease.evidence import chain, manifest
from nbrelease.evidence.verify.pack import Pack
from nbrelease.evidence.verify.report import Result, failed, not_applicable, passed


def later(pack: Pack) -> Result:
    """Each entry names the digest of what it follows; none is changed, moved or missing."""
    if not (pack.folder / manifest.LATER).exists():
        return not_applicable("nothing was appended")
    entries, problems = chain.check(pack.folder, pack.keys)
    if problems:
        return failed(problems)
    if not entries:
        return not_applicable("nothing was appended")
    kinds = ", ".join(f"{each.number} {each.kind}" for each in entries)
    signed = f", each signed by {', '.join(key.id for key in pack.keys)}" if pack.keys else ""
    return passed(f"{len(entries)} in an unbroken chain{signed}: {kinds}")
