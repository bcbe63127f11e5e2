"""What a box of the overview consists of: facts that are made from fields of the record.

A figure links to the cell or file that it comes from. No text here is written by a person, so the
page cannot say anything else than the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nbrelease.records import ReleaseRecord
from nbrelease.report.labels import Tone
from nbrelease.report.translations import Translate

BoxId = Literal["changes", "quality", "tests", "approvals", "rollback", "retention"]


@dataclass(frozen=True)
class Fact:
    """One statement: ``code`` for programs, ``text`` (HTML or plain text) for readers."""

    code: str
    text: Any


@dataclass(frozen=True)
class Box:
    """A labelled box: the main fact, and the details below it."""

    id: BoxId
    label: str
    lead: Fact
    details: list[Fact]
    tone: Tone = ""


class FactWriter:
    """Writes facts about one record in one language."""

    def __init__(self, record: ReleaseRecord, translate: Translate) -> None:
        self.record, self.translate = record, translate

    def fact(self, code: str, message: str, **values: Any) -> Fact:
        """A fact; ``values`` fill the placeholders of the message and may be links."""
        import markupsafe

        return Fact(code, markupsafe.Markup("{}").format(self.translate(message)) % values)

    def linked(self, name: str, text: str) -> Any:
        """A figure, as a link to the source of the published value ``name`` if it is known."""
        import markupsafe

        if name not in self.record.sources:
            return text
        href = self.record.sources[name]
        return markupsafe.Markup('<a class="n" href="{}">{}</a>').format(href, text)

    def unbroken(self, name: str) -> Any:
        """A name that does not break at its hyphens if the line has room for it."""
        import markupsafe

        return markupsafe.Markup('<span class="unit">{}</span>').format(name)
