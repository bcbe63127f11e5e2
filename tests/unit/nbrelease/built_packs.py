"""A built pack for tests: its folder, its record and its pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from html_page import Page

from nbrelease.pack import build_pack
from nbrelease.records import ReleaseRecord


@dataclass(frozen=True)
class Built:
    """A pack with its record."""

    folder: Path
    record: ReleaseRecord

    def page(self, name: str = "index.html") -> Page:
        return Page(self.folder / name)

    @property
    def pages(self) -> list[Page]:
        return [Page(path) for path in sorted(self.folder.rglob("*.html"))]


def build(folder: Path, *, card: bool = True) -> Built:
    """Build the pack of a release."""
    return Built(folder, build_pack(folder, card=card))
