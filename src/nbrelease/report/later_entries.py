"""The page of the entries that were appended to a pack after the release.

The first page of a pack is listed in its manifest, and may be signed, so it cannot change later. It
links to this page, which is in ``later/`` with the entries and is written again with each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nbrelease.records import Language
from nbrelease.report.templating import environment

TONES = {"drift report": "wait", "incident": "bad", "rollback": "wait", "note": ""}
GENERATOR = '<meta name="generator" content="nbrelease '


@dataclass(frozen=True)
class LaterEntry:
    """An entry as the page shows it. ``about``: the release that is evidence for it."""

    number: int
    kind: str
    time: datetime
    actor: str
    text: str
    about: str
    files: Sequence[str]
    sha256: str
    signed_by: Sequence[str]

    @property
    def name(self) -> str:
        """The name of its file, without the extension."""
        return f"{self.number:04}"


def render_later_entries(
    release_id: str, entries: Sequence[LaterEntry], language: Language, renderer: str
) -> str:
    """The page.

    Args:
        release_id: of the pack.
        entries: in order.
        language: of the pack.
        renderer: the digest of the code that writes pages; only the same code writes the same page.
    """
    template = environment(language).get_template("later_entries.html.j2")
    return str(
        template.render(release_id=release_id, entries=entries, renderer=renderer, tones=TONES)
    )


def renderer_of(page: str) -> str:
    """The digest of the code that wrote a page; empty if the page does not name it."""
    return page.partition(GENERATOR)[2].partition('"')[0]
