"""Visits to pages: requests, console messages, accessibility violations and layout."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
from playwright.sync_api import BrowserContext, Page

HEIGHTS = {360: 780, 1280: 900, 1920: 1080}
CONTRAST = "color-contrast"
"""The rule that takes most of axe's time. The width of a page does not change its result."""
FOCUSED = """
(element => element === document.body ? null : {
  number: [...document.querySelectorAll('*')].indexOf(element),
  outlined: getComputedStyle(element).outlineStyle !== 'none',
  html: element.outerHTML.slice(0, 200),
})(document.activeElement)
"""
"""The element that has the focus; null if none has."""


@cache
def _axe() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


class Visit:
    """An open page with its requests and its console messages."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.path = page, path
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())

    @property
    def foreign(self) -> list[str]:
        """The requests for other addresses than the file and its data URLs."""
        own = self.path.as_uri()
        return [url for url in self.requests if url != own and not url.startswith("data:")]


def add_axe(page: Page) -> None:
    """Load axe-core with the debugger, which pages whose policy forbids scripts allow too."""
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": _axe()})
    session.detach()


def axe_violations(page: Page, selectors: list[str]) -> list[str]:
    """The violations in a part of a page that is not ours as a whole."""
    add_axe(page)
    return violations(page, part={"include": [[each] for each in selectors]})


def check_views(page: Page, folder: Path, name: str, *, contrast: bool = True) -> None:
    """Check that no view overflows or has violations, and take a screenshot of two of them.

    Without ``contrast``, the contrast of the text is not checked: for pages with the same styles
    as others.
    """
    page.set_viewport_size(size(1920))
    assert _overflow(page) <= 0, name
    add_axe(page)
    _take_screenshot(page, folder, name, 360, "dark")
    assert _overflow(page) <= 0, name
    rules = {CONTRAST: {"enabled": contrast}}
    assert violations(page, rules=rules) == [], name
    _take_screenshot(page, folder, name, 1280, "light")
    assert _overflow(page) <= 0, name
    if contrast:
        assert violations(page, runOnly=[CONTRAST]) == [], name


def _take_screenshot(
    page: Page, folder: Path, name: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    page.set_viewport_size(size(width))
    page.emulate_media(color_scheme=scheme)
    # JPEG: to compress a long page as PNG takes twice the time.
    path = folder / f"{name}-{width}-{scheme}.jpeg"
    page.screenshot(path=path, type="jpeg", quality=80, full_page=True)


def _overflow(page: Page) -> int:
    """By how many pixels a page is wider than the screen."""
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(page.evaluate(width))


def violations(page: Page, *, part: dict[str, Any] | None = None, **options: Any) -> list[str]:
    """The violations that axe-core finds, one line for each element."""
    result: dict[str, Any] = page.evaluate(
        "([part, options]) => axe.run(part || document, options)",
        [part, {"resultTypes": ["violations"], **options}],
    )
    return [
        f"{violation['impact']}: {violation['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


class Screen:
    """Opens pages in one window; each further window would take as long as the first."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context

    def open(self, path: Path, width: int = 1280) -> Visit:
        page = self._context.new_page()
        page.set_viewport_size(size(width))
        return Visit(page, path)

    def close(self) -> None:
        for page in self._context.pages:
            page.close()


def size(width: int) -> dict[str, int]:
    return {"width": width, "height": HEIGHTS[width]}
