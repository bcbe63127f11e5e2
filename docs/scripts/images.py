"""Make the pictures of the docs from a real rehearsal: the terminal and the evidence page.

Usage: python docs/scripts/images.py (called by ``make docs``). It rehearses a release of the
working tree into dev in a temporary copy and replaces ``docs/images/{terminal.svg,evidence.png}``.
Without a browser the picture of the page is left as it is, and the exit code is 1.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
COLUMNS, LINES = 100, 30
PAGE_SIZE = (1100, 1400)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge")


def copy_checkout(target: Path) -> None:
    """Commit a copy of the tracked and new files, as a user's clone would be."""
    names = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    author = ["-c", "user.name=Data Scientist", "-c", "user.email=ds@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "A release"]):
        subprocess.run(["git", "-C", target, *words], check=True)


def record_terminal(command: list[str], folder: Path) -> pyte.Screen:
    """Run a command in a terminal of ``COLUMNS`` x ``LINES``; returns its last screen."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(folder)
        # The size is set before the program reads it.
        os.environ.update(COLUMNS=str(COLUMNS), LINES=str(LINES), TERM="xterm-256color")
        os.execvp(command[0], command)
    while True:
        try:
            output = os.read(master, 65536)
        except OSError:  # Linux reports the end of a pseudo-terminal this way
            break
        if not output:
            break
        stream.feed(output)
    _, status = os.waitpid(pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)}: exit code {code}\n" + "\n".join(screen.display))
    return screen


def render_screen(screen: pyte.Screen, prompt: str, folder: Path, target: Path) -> None:
    """Write a screen as SVG, below the command that was typed."""
    console = Console(record=True, width=COLUMNS, file=Path(os.devnull).open("w"))  # noqa: SIM115
    console.print(Text(f"$ {prompt}", style="bold"))
    rows = [_styled_line(screen, row) for row in range(LINES)]
    while rows and not rows[-1].plain.strip():
        rows.pop()
    for row in rows:
        console.print(_replace(row, str(folder), "~/diabetes"))
    # A reader's browser loads nothing from the network.
    svg = re.sub(
        r"@font-face\s*\{.*?\}", "", console.export_svg(title="nbrelease"), flags=re.DOTALL
    )
    # Without a size the picture shrinks to nothing in a table.
    svg = re.sub(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', r'width="\1" height="\2" \g<0>', svg, count=1)
    target.write_text(svg, encoding="utf-8")


def _replace(line: Text, old: str, new: str) -> Text:
    return Text(line.plain.replace(old, new)) if old in line.plain else line


def _styled_line(screen: pyte.Screen, row: int) -> Text:
    line = Text()
    for column in range(COLUMNS):
        cell = screen.buffer[row][column]
        color = cell.fg if cell.fg != "default" else ""
        color = (
            f"#{color}" if len(color) == 6 and color.isalnum() and not color.isalpha() else color
        )
        style = " ".join(
            filter(None, ["bold" if cell.bold else "", color.replace("brown", "yellow")])
        )
        line.append(cell.data, style=style)
    line.rstrip()
    return line


def take_picture(page: Path, target: Path) -> None:
    """Take a picture of the top of a page."""
    names = filter(None, [os.environ.get("NBRELEASE_BROWSER"), *BROWSERS])
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        sys.exit("no browser for the picture of the evidence page; make chromium installs one")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(browser, "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
                *("--disable-background-networking", f"--user-data-dir={profile}"),
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
                f"--window-size={PAGE_SIZE[0]},{PAGE_SIZE[1]}",
                f"--screenshot={target}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def main() -> None:
    """Rehearse, then replace the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "diabetes"
        project.mkdir()
        copy_checkout(project)
        program = str(Path(sys.prefix) / "bin" / "nbrelease")
        screen = record_terminal([program, "rehearse", "dev"], project)
        render_screen(screen, "make rehearse", project, IMAGES / "terminal.svg")
        page = max(project.glob("evidence/dev-*/index.html"))
        take_picture(page, IMAGES / "evidence.png")


if __name__ == "__main__":
    main()
