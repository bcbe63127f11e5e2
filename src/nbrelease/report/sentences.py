"""Sentences about a release, with figures that lead to where they came from.

Nothing here is written by a person: each sentence is made from fields of the record, so that the
page cannot say other than the record does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nbrelease.records import ReleaseRecord
from nbrelease.report.headline import Translate


@dataclass
class Answer:
    """A question, its answer in one line, and what there is to say beyond."""

    question: str
    lead: Any
    tone: str = ""
    lines: list[Any] = field(default_factory=list)


class Sentences:
    """What there is to say of one record in one language."""

    def __init__(self, record: ReleaseRecord, _: Translate) -> None:
        self.record, self._ = record, _

    def say(self, text: str, **about: Any) -> Any:
        """A sentence with values that may be links."""
        import markupsafe

        return markupsafe.Markup("{}").format(self._(text)) % about

    def whole(self, name: str) -> Any:
        """A name that does not break at its hyphens, where the line has room for it."""
        import markupsafe

        return markupsafe.Markup('<span class="unit">{}</span>').format(name)

    def source(self, name: str, shown: str) -> Any:
        """A figure that leads to where it came from."""
        import markupsafe

        if name not in self.record.sources:
            return shown
        return markupsafe.Markup('<a class="n" href="{}">{}</a>').format(
            self.record.sources[name], shown
        )
