"""Measure JupyterLab: from the last key before a pause in typing to the marker of a diagnostic.

A real JupyterLab with the extension, a real browser, and a notebook of 100 code cells, 80 of them
tagged for export. Each round types a name that no cell defines into another cell.

    python benchmarks/lab.py [--rounds 15]

Prints the median, the slowest round, and the limit: a median of 500 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import child_processes
from nbrelease.report.pdf import find_browser

CELLS, LIMIT_MS = 100, 500
START_SECONDS = 120
TOKEN = "token-of-the-benchmark"
# The time of the last key, and of the first marker with a certain text.
CLOCK = """name => {
    window.marked = new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error(`no marker of ${name} within 30 s`)), 30000);
        let key = 0;
        document.addEventListener('keydown', () => { key = performance.now(); }, true);
        const look = () => {
            for (const each of document.querySelectorAll('.cm-lintRange-error')) {
                if (each.textContent === name) {
                    observer.disconnect();
                    resolve(performance.now() - key);
                }
            }
        };
        const observer = new MutationObserver(look);
        observer.observe(document.body, {childList: true, subtree: true, characterData: true});
    });
}"""


def write_project(root: Path) -> None:
    """Write settings.ini and a notebook with functions, a main cell and untagged cells."""
    (root / "settings.ini").write_text("[DEFAULT]\n", encoding="utf-8")
    (root / "notebooks").mkdir()
    cells = []
    for index in range(CELLS):
        tags = ["main"] if index == CELLS - 1 else [] if index % 5 == 4 else ["export"]
        source = f"value_{index} = {index}"
        if tags == ["export"]:
            source = (
                f'def function_{index}(rows: list[int]) -> int:\n    """Sum of rows."""\n'
                f"    total = {index}\n    for row in rows:\n        total += row\n    return total"
            )
        cells.append(
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "metadata": {"tags": tags},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
        )
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    (root / "notebooks" / "many.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def start_lab(root: Path, state: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start JupyterLab; return its process and its address."""
    folders = {f"JUPYTER_{name}_DIR": str(state / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    process = child_processes.spawn(
        [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", "--port=0", f"--IdentityProvider.token={TOKEN}"),
            f"--ServerApp.root_dir={root}",
        ],
        env={**os.environ, **folders},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for path in (state / "RUNTIME").glob("jpserver-*.json"):
            time.sleep(1)  # the file is written before the server answers
            return process, str(json.loads(path.read_text(encoding="utf-8"))["url"])
        time.sleep(0.1)
    child_processes.end_group(process)
    raise SystemExit("JupyterLab did not start")


def measure(page: Page, rounds: int) -> list[float]:
    """The milliseconds of each round."""
    milliseconds = []
    for index in range(rounds):
        name = f"missing_{index}"
        page.evaluate(CLOCK, name)
        cell = page.locator(".jp-CodeCell").nth(index * 2 % 4)
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Home")
        page.keyboard.type(f"{name}\n", delay=30)
        milliseconds.append(float(page.evaluate("window.marked")))
    return milliseconds


def main() -> int:
    """Run the rounds and compare the median with the limit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "project")
        root.mkdir()
        write_project(root)
        process, url = start_lab(root, Path(folder, "state"))
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_browser())
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(f"{url}lab/tree/notebooks/many.ipynb?token={TOKEN}&reset")
                page.wait_for_selector(".nbr-badge", timeout=START_SECONDS * 1000)
                milliseconds = measure(page, rounds)
                browser.close()
        finally:
            child_processes.end_group(process, grace=10)
    median = statistics.median(milliseconds)
    print(f"{CELLS} cells, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(f"median {median:.0f} ms, slowest {max(milliseconds):.0f} ms, limit {LIMIT_MS} ms")
    return int(median > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
