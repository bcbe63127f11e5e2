"""A page as PDF, printed with the Chromium, Chrome or Edge of this machine.

A browser applies the page's own print styles; another renderer would show another page. It runs
with an empty profile, so the user's own browser is not affected.
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
MACOS_PROGRAMS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"),
)
LINK_TO_FILE = re.compile(r'(<a\b[^>]*?) href="(?!#|https?:)[^"]*"')
TIMEOUT = 120
"""Seconds for one page."""


def find_browser(environ: Mapping[str, str] = os.environ) -> str:
    """The browser that prints: the one that ``NBRELEASE_BROWSER`` names, or the first known one.

    Raises:
        UsageError: no browser is installed.
    """
    name = environ.get(VARIABLE)
    if name:
        program = shutil.which(name, path=environ.get("PATH"))
        if program is None:
            raise UsageError(f"{VARIABLE}={name}: program not found; set it to a Chromium's path")
        return program
    for known in PROGRAMS:
        if program := shutil.which(known, path=environ.get("PATH")):
            return program
    for path in MACOS_PROGRAMS:
        if path.is_file():
            return str(path)
    raise UsageError(
        "no Chromium, Chrome or Edge found; install one (Debian: apt-get install chromium) or set"
        f" {VARIABLE} to its path"
    )


def write_pdf(page: Path, target: Path) -> None:
    """Print a page into a PDF.

    Links within the page stay. Links to other files of the pack become text: in a PDF they would be
    absolute paths of this machine.

    Args:
        page: a page of a pack.
        target: the PDF, replaced when it is complete.

    Raises:
        UsageError: no browser is installed.
        RunFailed: the browser wrote no PDF.
    """
    program = find_browser()
    with tempfile.TemporaryDirectory(prefix="nbrelease-pdf-") as name:
        folder = Path(name)
        copy, printed = folder / "page.html", folder / "page.pdf"
        html = LINK_TO_FILE.sub(r"\1", page.read_text(encoding="utf-8"))
        copy.write_text(html, encoding="utf-8")
        message = _run_browser(program, folder, copy, printed)
        content = printed.read_bytes() if printed.is_file() else b""
        if not content.startswith(b"%PDF-"):
            raise RunFailed(f"{program}: wrote no PDF of {page}: {message}")
        files.write_bytes(target, content)


def _run_browser(program: str, folder: Path, page: Path, printed: Path) -> str:
    """Run the browser.

    Returns:
        Its last message, for the error if it wrote no file.
    """
    command = [
        program,
        "--headless",
        "--disable-gpu",
        "--disable-extensions",
        "--disable-background-networking",
        "--no-first-run",
        "--no-pdf-header-footer",
        f"--user-data-dir={folder / 'profile'}",
        f"--print-to-pdf={printed}",
        # Root, as in a container, cannot start it otherwise; the page has no script, and its policy
        # forbids every fetch.
        *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        page.as_uri(),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"no end after {TIMEOUT} s"
    except OSError as error:
        return str(error)
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
