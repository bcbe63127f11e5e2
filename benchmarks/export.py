"""Measure the export of 50 notebooks with 40 exported cells each, as whole processes.

Compares with ``nbdev-export`` on the same notebooks, in turns. nbdev is not a dependency; install
it into an environment of its own:

    python -m venv /tmp/nbdev && /tmp/nbdev/bin/pip install nbdev
    python benchmarks/export.py --nbdev /tmp/nbdev/bin/nbdev-export [--runs 7]

Prints medians and ratios of wall time and of CPU time, which depends less on other processes, with
the limits: half of nbdev's time if everything has changed, a quarter if nothing has; 150 ms or
three times a bare Python for ``nbrelease --help``; 200 ms from a save to its export.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

NOTEBOOKS, CELLS = 50, 40
BIN = Path(sys.executable).parent

NBDEV = """[project]
name = "bench"
version = "0.0.1"
requires-python = ">=3.11"

[tool.nbdev]
nbs_path = "notebooks"
lib_path = "bench"
"""


def write_project(root: Path, seed: int) -> None:
    """Write the notebooks; another ``seed`` changes every exported cell."""
    folder = root / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    if root.name == "theirs":
        (root / "pyproject.toml").write_text(NBDEV, encoding="utf-8")
        (root / "bench").mkdir(exist_ok=True)
        (root / "bench" / "__init__.py").write_text('__version__ = "0.0.1"\n', encoding="utf-8")
    else:
        (root / "settings.ini").write_text("[DEFAULT]\n", encoding="utf-8")
    for number in range(NOTEBOOKS):
        cells = [make_cell(f"title-{number}", "markdown", f"# Notebook {number}\n\nAbout it.")]
        cells.append(make_cell("default", "code", f"#| default_exp part_{number:02}"))
        cells.append(
            make_cell("imports", "code", "#| export\nimport math\nfrom pathlib import Path")
        )
        cells += [
            make_cell(f"cell-{index}", "code", function_source(index, seed))
            for index in range(CELLS - 1)
        ]
        notebook = {
            "cells": cells,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        path = folder / f"part_{number:02}.ipynb"
        path.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")


def make_cell(cell_id: str, kind: str, source: str) -> dict[str, object]:
    """A cell of a notebook file."""
    content: dict[str, object] = {"cell_type": kind, "id": cell_id, "metadata": {}}
    if kind == "code":
        content |= {"execution_count": None, "outputs": []}
    return {**content, "source": source.splitlines(keepends=True)}


def function_source(index: int, seed: int) -> str:
    """The source of a cell with a typical function."""
    return f'''#| export
def step_{index}(path: Path, rows: list[float], *, scale: float = {seed}.{index}) -> list[float]:
    """Scale the rows of a file, and drop what is out of range."""
    found = []
    for row in rows:
        value = math.sqrt(abs(row)) * scale
        if value < {index + 1}:
            continue
        found.append(value)
    if not found:
        raise ValueError(f"{{path}}: no rows left of {{len(rows)}}")
    return found'''


class Seconds(NamedTuple):
    """The time of a whole process."""

    wall: float
    cpu: float


def measure(command: list[str], root: Path) -> Seconds:
    """Run a command and measure it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    process = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"{' '.join(command)}: {process.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Seconds(seconds, used)


def measure_watch(root: Path, rounds: int) -> list[Seconds]:
    """The time from saving a notebook to the change of its module, with ``--watch``."""
    command = [str(BIN / "nbrelease"), "export", "--watch"]
    notebook = root / "notebooks" / "part_07.ipynb"
    written = root / "exported" / "part_07" / "__init__.py"
    times = []
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            time.sleep(5)
            for number in range(rounds):
                mark = f"found = [{number}]"
                text = notebook.read_text(encoding="utf-8")
                text = re.sub(r"found = \[\d*\]", mark, text, count=1)
                began = time.perf_counter()
                notebook.write_text(text, encoding="utf-8")
                while mark not in written.read_text(encoding="utf-8"):
                    time.sleep(0.001)
                    if time.perf_counter() - began > 10:
                        sys.exit("watch: no export within ten seconds")
                times.append(Seconds(time.perf_counter() - began, 0))
                time.sleep(0.3)
        finally:
            process.terminate()
    return times


def main() -> None:
    """Measure in turns; print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--nbdev", type=Path, default=None)
    args = parser.parse_args()
    nbdev = args.nbdev or shutil.which("nbdev-export") or BIN / "nbdev-export"
    ours = [str(BIN / "nbrelease"), "export"]
    theirs = [str(nbdev)] if Path(nbdev).is_file() else None
    times: dict[str, list[Seconds]] = {}
    with tempfile.TemporaryDirectory() as name:
        one, other = Path(name, "ours"), Path(name, "theirs")
        for run in range(args.runs + 1):
            for root in (one, other):
                write_project(root, run)
            rounds = [("nbrelease, all changed", ours, one), ("nbrelease, no change", ours, one)]
            if theirs:
                rounds += [
                    ("nbdev, all changed", theirs, other),
                    ("nbdev, no change", theirs, other),
                ]
            for what, command, root in rounds:
                seconds = measure(command, root)
                if run:  # the first fills the disk cache
                    times.setdefault(what, []).append(seconds)
        bare = [measure([sys.executable, "-c", "pass"], one) for _ in range(args.runs)]
        shown = [measure([ours[0], "--help"], one) for _ in range(args.runs)]
        times["save to export, --watch"] = measure_watch(one, args.runs)
    times |= {"python -c pass": bare, "nbrelease --help": shown}
    medians = {
        what: Seconds(*(statistics.median(values) for values in zip(*seconds, strict=True)))
        for what, seconds in times.items()
    }
    for what, seconds in medians.items():
        cpu_time = f", CPU {seconds.cpu * 1000:6.0f} ms" if seconds[1] else ""
        print(f"{what:24} {seconds.wall * 1000:7.0f} ms{cpu_time}")
    if theirs:
        for what, limit in (("all changed", 0.5), ("no change", 0.25)):
            print_ratio(what, medians[f"nbrelease, {what}"], medians[f"nbdev, {what}"], limit)
    else:
        print("nbdev-export is not installed; pass --nbdev PATH to compare with it")
    print_ratio("nbrelease --help", medians["nbrelease --help"], medians["python -c pass"], 3)


def print_ratio(what: str, one: Seconds, other: Seconds, limit: float) -> None:
    """Print the ratio of two times."""
    wall, cpu = one.wall / other.wall, one.cpu / other.cpu
    print(f"{what}: {wall:.2f} wall time, {cpu:.2f} CPU time, limit {limit}")


if __name__ == "__main__":
    main()
