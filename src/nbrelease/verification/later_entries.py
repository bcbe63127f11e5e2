"""Check of what was appended to the pack after it was made."""

from __future__ import annotations

from nbrelease.attestation import chain, manifest
from nbrelease.pack import render_entries_page
from nbrelease.report import updates
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, failed, not_applicable, passed


def later(pack: Pack) -> Result:
    """Each entry names the digest of what it follows; none is changed, moved or missing."""
    entries, problems = chain.check(pack.folder, pack.keys)
    if not problems:
        problems, unknown = _page(pack, entries)
    if problems:
        return failed(problems)
    if not entries:
        return not_applicable("nothing was appended" + unknown)
    kinds = ", ".join(f"{each.number} {each.kind}" for each in entries)
    signed = f", each signed by {', '.join(key.id for key in pack.keys)}" if pack.keys else ""
    return passed(f"{len(entries)} in an unbroken chain{signed}: {kinds}{unknown}")


def _page(pack: Pack, entries: list[chain.Entry]) -> tuple[list[str], str]:
    """Whether the page says what the entries do; and what cannot be told of it."""
    name = f"{manifest.LATER}/{chain.PAGE}"
    if not (pack.folder / name).is_file():
        return ([f"{name}: is missing"] if pack.same_renderer else []), ""
    there = pack.text(name)
    if updates.renderer_of(there) != manifest.renderer():
        return [], f"; {name} was written by another nbrelease and is not verified"
    if there != render_entries_page(pack.folder, entries):
        return [f"{name}: does not say what the entries do"], ""
    return [], ""
