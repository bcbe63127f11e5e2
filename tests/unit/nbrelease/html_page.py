"""A page of a pack for tests: its codes, its texts, its links."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag


@cache
def _parse(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


@dataclass(frozen=True)
class Box:
    """A box of the overview: the code and text of its lead, and of its details by their code."""

    code: str
    text: str
    details: dict[str, str]


class Page:
    """A page of a pack."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.html = _parse(path.read_text(encoding="utf-8"))

    @property
    def headline(self) -> str:
        return words(self.html.h1)

    @property
    def verdict(self) -> str:
        return self.html.select_one(".verdict")["data-verdict"]

    @property
    def overview(self) -> dict[str, Box]:
        boxes = {}
        for box in self.html.select("#overview > div"):
            lead, *details = box.select("p")
            by_code: dict[str, str] = {}
            for each in details:
                code = each["data-code"]
                by_code[code] = (
                    f"{by_code[code]}\n{words(each)}" if code in by_code else words(each)
                )
            boxes[box["data-box"]] = Box(lead["data-code"], words(lead), by_code)
        return boxes

    def section(self, id: str) -> str:
        """The text of a section."""
        return words(self.html.find(id=id))

    def link(self, text: str) -> str:
        """Where the link with this text leads."""
        return next(each["href"] for each in self.html.find_all("a") if words(each) == text)

    def broken_links(self) -> list[str]:
        """Links to files or elements that do not exist."""
        return [
            each["href"]
            for each in self.html.find_all(["a", "link"], href=True)
            if not each["href"].startswith("data:")
            and not (each.find_parent(class_="prose") and each["href"].startswith("https://"))
            and not self._leads_somewhere(each["href"])
        ]

    def _leads_somewhere(self, href: str) -> bool:
        parts = urlsplit(href)
        if parts.scheme or parts.netloc:
            return False
        target = (self.path.parent / unquote(parts.path)) if parts.path else self.path
        if not target.is_file():
            return False
        if not parts.fragment:
            return True
        return Page(target).html.find(id=unquote(parts.fragment)) is not None


def words(element: Tag | None) -> str:
    return (
        " ".join(element.get_text(" ").split()).replace(" ,", ",").replace(" :", ":")
        if element
        else ""
    )
