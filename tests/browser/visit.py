"""Visits to pages: requests, console messages, accessibility violations and layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import BrowserContext, Page

HEIGHTS = {360: 780, 1280: 900, 1920: 1080}
# Width, color scheme, and whether axe runs: the color scheme does not change the layout, and the
# width does not change the contrast.
VIEWS = ((360, "light", True), (1280, "dark", True), (1920, "light", False))


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

    def axe(self) -> list[str]:
        """The violations that axe-core finds, one line for each element."""
        self.page.evaluate(_axe())
        return _violations(self.page)


def axe_of(context: BrowserContext, page: Page) -> list[str]:
    """The violations on a page whose policy forbids scripts: axe is injected by the debugger."""
    session = context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": _axe()})
    session.detach()
    return _violations(page)


def axe_violations(page: Page, selectors: list[str]) -> list[str]:
    """The violations in a part of a page that is not ours as a whole."""
    page.evaluate(_axe())
    return _violations(page, {"include": [[each] for each in selectors]})


def check_views(page: Page, axe: Callable[[], list[str]], folder: Path, name: str) -> None:
    """Check that no view overflows or has violations, and take a screenshot of each."""
    for width, scheme, looked_at in VIEWS:
        where = f"{name}-{width}-{scheme}"
        page.set_viewport_size(size(width))
        page.emulate_media(color_scheme=scheme)
        # JPEG: to compress a long page as PNG takes twice the time.
        page.screenshot(path=folder / f"{where}.jpeg", type="jpeg", quality=80, full_page=True)
        assert _overflow(page) <= 0, where
        if looked_at:
            assert axe() == [], where


def _overflow(page: Page) -> int:
    """By how many pixels a page is wider than the screen."""
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(page.evaluate(width))


def _violations(page: Page, part: dict[str, Any] | None = None) -> list[str]:
    result: dict[str, Any] = page.evaluate(
        "part => axe.run(part || document, {resultTypes: ['violations']})", part
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
