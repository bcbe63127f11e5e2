"""A page as PDF, printed by a chromium that is on this machine.

A browser already knows the page's print styles; a second renderer would show a second page. It
runs with an empty profile, so nobody's own browser is touched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nbrelease import files
from nbrelease.errors import RunFailed, UsageError

VARIABLE = "NBRELEASE_BROWSER"
PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "chrome",
)
ELSEWHERE = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"),
)
LINK = re.compile(r'(<a\b[^>]*?) href="(?!#|https?:)[^"]*"')
TIMEOUT = 120
"""Seconds for one page."""


def browser(environ: Mapping[str, str] = os.environ) -> str:
    """The chromium of this machine: what ``NBRELEASE_BROWSER`` names, else the first known one.

    Raises:
        UsageError: there is none.
    """
    named = environ.get(VARIABLE)
    if named:
        found = shutil.which(named, path=environ.get("PATH"))
        if found is None:
            raise UsageError(f"{VARIABLE}={named}: no such program; name a chromium's path")
        return found
    for name in PROGRAMS:
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    for path in ELSEWHERE:
        if path.is_file():
            return str(path)
    raise UsageError(
        "no chromium, Chrome or Edge on this machine; install one (Debian: apt-get install"
        f" chromium) or name its path in {VARIABLE}"
    )


def write(page: Path, target: Path) -> None:
    """Print a page into a PDF.

    Links within the page stay. Those to other files of the pack are shown as text: a PDF can only
    hold them as absolute addresses, which name this machine's folders and lead nowhere elsewhere.

    Args:
        page: a page of a pack.
        target: the PDF, replaced when it is complete.

    Raises:
        UsageError: there is no browser.
        RunFailed: the browser made no PDF.
    """
    program = browser()
    with tempfile.TemporaryDirectory(prefix="nbrelease-pdf-") as name:
        scratch = Path(name)
        copy, made = scratch / "page.html", scratch / "page.pdf"
        copy.write_text(_alone(page.read_text(encoding="utf-8")), encoding="utf-8")
        said = _print(program, scratch, copy, made)
        content = made.read_bytes() if made.is_file() else b""
        if not content.startswith(b"%PDF-"):
            raise RunFailed(f"{program}: no PDF of {page}: {said}")
        files.write_bytes(target, content)


def _alone(html: str) -> str:
    """The page without what leads to other files."""
    return LINK.sub(lambda found: found[1], html)


def _print(program: str, scratch: Path, page: Path, made: Path) -> str:
    """Run the browser.

    Returns:
        The last line that it said, for where there is no file afterwards.
    """
    command = [
        program,
        "--headless",
        "--disable-gpu",
        "--disable-extensions",
        "--disable-background-networking",
        "--no-first-run",
        "--no-pdf-header-footer",
        f"--user-data-dir={scratch / 'profile'}",
        f"--print-to-pdf={made}",
        # A container's root has no other way to start it; the page has no script, and its policy
        # forbids every fetch.
        *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        page.as_uri(),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"not done after {TIMEOUT} s"
    except OSError as error:
        return str(error)
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
