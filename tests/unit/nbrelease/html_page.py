"""A page as a reader meets it: its texts, its answers, where its links lead."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag


@cache
def _parsed(path: Path, changed: int) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


class Page:
    """A page of a pack."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.html = _parsed(path, path.stat().st_mtime_ns)

    @property
    def headline(self) -> str:
        return words(self.html.h1)

    @property
    def verdict(self) -> str:
        """The verdict bar's word, without its mark."""
        return words(self.html.select_one(".verdict .word")).split(" ", 1)[1]

    @property
    def answers(self) -> dict[str, tuple[str, list[str]]]:
        """The first screen: by question the answer, and the lines below it."""
        found = {}
        for box in self.html.select(".answers > div"):
            lead, *lines = [words(each) for each in box.select("p")]
            found[words(box.h2)] = (lead, lines)
        return found

    def section(self, anchor: str) -> str:
        """The text from a section's heading to the next one."""
        heading = self.html.find(id=anchor)
        parts = []
        for each in heading.next_siblings:
            if isinstance(each, Tag):
                if each.name == "h2":
                    break
                parts.append(words(each))
        return " ".join(parts)

    def link(self, text: str) -> str:
        """Where the link with this text leads."""
        return next(each["href"] for each in self.html.find_all("a") if words(each) == text)

    def broken_links(self) -> list[str]:
        """Links to files that are not there, or to no element of theirs."""
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
