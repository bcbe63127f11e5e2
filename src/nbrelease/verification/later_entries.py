"""Check of the entries that were appended to the pack."""

from __future__ import annotations

from nbrelease.attestation import chain, manifest
from nbrelease.attestation.problem import Problem
from nbrelease.pack import render_entries_page
from nbrelease.report.later_entries import renderer_of
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, failed, not_applicable, passed


def later(pack: Pack) -> Result:
    """Each entry has the digest of the one before; none is changed, moved or missing."""
    entries, problems = chain.check(pack.folder, pack.keys)
    if not problems:
        problems, unknown = _page(pack, entries)
    if problems:
        return failed(problems)
    if not entries:
        return not_applicable("no entries" + unknown)
    kinds = ", ".join(f"{each.number} {each.kind}" for each in entries)
    signed = f", each signed by {', '.join(key.id for key in pack.keys)}" if pack.keys else ""
    return passed(f"{len(entries)} in an unbroken chain{signed}: {kinds}{unknown}")


def _page(pack: Pack, entries: list[chain.Entry]) -> tuple[list[Problem], str]:
    """What differs on the page of the entries, and why it could not be compared."""
    name = f"{manifest.LATER}/{chain.PAGE}"
    if not (pack.folder / name).is_file():
        return ([Problem("NBV727", f"{name}: missing")] if pack.same_renderer else []), ""
    page = pack.text(name)
    if renderer_of(page) != manifest.renderer():
        return [], f"; {name} was rendered by another nbrelease, not verified"
    if page != render_entries_page(pack.folder, entries):
        return [Problem("NBV728", f"{name}: differs from the entries")], ""
    return [], ""
