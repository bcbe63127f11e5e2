"""Debian's chromium, driven by Playwright, on packs of every kind.

Without a browser these tests are skipped, and say so; where ``NBRELEASE_NEEDS_BROWSER`` is set, as
``.ci/run`` does, a missing one is a failure.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "nbrelease"))
sys.path.insert(0, str(Path(__file__).parents[1] / "functional" / "nbrelease"))

import packs
import task_packs
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from visit import Screen

from nbrelease.attestation import chain
from nbrelease.errors import UsageError
from nbrelease.pack import build_pack, write_entries_page
from nbrelease.report import pdf, site

ROOT = Path(__file__).parents[2]

expect.set_options(timeout=30_000)  # the default of 5 s is too short on a busy machine


@pytest.fixture(scope="session")
def program() -> str:
    try:
        return pdf.find_browser()
    except UsageError as missing:
        if os.environ.get("NBRELEASE_NEEDS_BROWSER"):
            pytest.fail(f"{missing}, or: make chromium")
        pytest.skip(f"{missing}, or: make chromium")


@pytest.fixture(scope="module")
def browser(program) -> Iterator[Browser]:
    # Of a module, not of the session: while it lives no other test can run an event loop.
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program)
        yield started
        started.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of the pages are kept: an artifact of CI, for people to look at."""
    folder = Path(os.environ.get("NBRELEASE_SCREENSHOTS", ROOT / "test-results" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _evidence(folder: Path, language: str) -> Path:
    folder.mkdir()
    for make in packs.ALL:
        build_pack(make(folder, language=language))
    [full] = folder.glob("*T090000Z*")
    chain.append(full, "incident", "slow answers since noon", actor="Ada")
    chain.append(full, "rollback", "all traffic back to model-1", actor="Lin")
    write_entries_page(full)
    site.build_site(folder, language)
    return folder


@pytest.fixture(scope="session")
def english(tmp_path_factory) -> Path:
    """The folder of all releases."""
    return _evidence(tmp_path_factory.mktemp("browser") / "evidence", "en")


@pytest.fixture(scope="session")
def japanese(tmp_path_factory) -> Path:
    return _evidence(tmp_path_factory.mktemp("browser") / "evidence", "ja")


@pytest.fixture(scope="session")
def of_tasks(tmp_path_factory) -> Path:
    """The folder of releases of five models in one repository, one of each task."""
    folder = tmp_path_factory.mktemp("browser") / "evidence"
    for make in task_packs.ALL:
        build_pack(make(folder, settings_model=make.__name__))
    site.build_site(folder)
    return folder


@pytest.fixture(scope="module")
def window(browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def screen(window) -> Iterator[Screen]:
    screen = Screen(window)
    yield screen
    screen.close()
