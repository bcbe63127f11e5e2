"""The page of what became known after a release: it grows, where the pack's own pages do not.

The first page of a pack is listed in its manifest, and may be signed: it cannot say what came
later. So it leads to this one, which lies with the entries under ``later/``, is written again with
each of them, and is nothing but what they say.
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
class Row:
    """An entry as the page shows it. ``about`` is another release that shows it."""

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
        """Of its file, without the ending."""
        return f"{self.number:04}"


def render(release_id: str, rows: Sequence[Row], language: Language, renderer: str) -> str:
    """The page.

    Args:
        release_id: of the pack.
        rows: the entries, in order.
        language: of the pack.
        renderer: the digest of what writes pages; only the same one writes the same.
    """
    page = environment(language).get_template("later.html.j2")
    return str(page.render(release_id=release_id, rows=rows, renderer=renderer, tones=TONES))


def renderer_of(page: str) -> str:
    """The digest of what wrote a page; empty where it does not say."""
    return page.partition(GENERATOR)[2].partition('"')[0]
