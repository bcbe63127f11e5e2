"""Measure the pages of a release against ``jupyter nbconvert --to html`` on the same notebooks.

    python benchmarks/evidence.py [--rounds N] [--json FILE] [--pack PACK]

Both commands run alternately on the same ten executed notebooks. Times are wall clock of the whole
process. ``nbrelease evidence build`` also writes record, index, test reports and manifest. The
model card has its own line and is not in the ratio: nbconvert writes none, and importing skops
takes two seconds.

The notebooks are generated and executed with a real kernel. They have Markdown, code, logs, tables,
images and tests. The limit is a quarter of nbconvert's time.

With ``--pack`` a pack of a rehearsal is verified as many times. The limit is one second.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = 10
LIMIT = 0.25
VERIFY_LIMIT = 1.0
RELEASE = "prod-20260101T120000Z-0a1b2c3d"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

PICTURE = """
import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot
from IPython.display import Image, display
import io
figure, axes = pyplot.subplots(figsize=(5, 4))
axes.plot([i * i for i in range({n}, {n} + 50)])
held = io.BytesIO(); figure.savefig(held, format="png"); pyplot.close(figure)
display(Image(held.getvalue()))
"""
TABLE = """
import pandas
pandas.DataFrame({{f"column {{i}}": range({n}, {n} + 20) for i in range(8)}})
"""


def notebook(number: int) -> object:
    """A runbook of 24 cells."""
    import nbformat

    cells = [nbformat.v4.new_markdown_cell(f"# {number:02d} · A runbook\n\nThe *purpose* of it.")]
    for part in range(4):
        n = 10 * number + part
        lines = "\n".join(f"total_{i} = {n} + {i}  # a comment" for i in range(12))
        cells += [
            nbformat.v4.new_markdown_cell(f"## Part {part}\n\n| a | b |\n|---|---|\n| 1 | {n} |"),
            nbformat.v4.new_code_cell(f"{lines}\nprint('step', {n}, *range(30))"),
            nbformat.v4.new_code_cell(f"for i in range(60): print('line', i, 'of part', {n})"),
            nbformat.v4.new_code_cell(TABLE.format(n=n)),
            nbformat.v4.new_code_cell(PICTURE.format(n=n)),
        ]
    for test in range(3):
        cells.append(
            nbformat.v4.new_code_cell(
                f"assert total_1 == {number * 10 + 3} + 1, {test}", metadata={"tags": ["test"]}
            )
        )
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"
    kernel = {"name": "python3", "display_name": "Python 3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def result(name: str, number: int, executed: dict[str, object]) -> dict[str, object]:
    """The result that ``nbrelease run`` writes into the metadata."""
    code = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
    started = NOON + timedelta(minutes=number)
    return {
        "name": name,
        "source": f"runbooks/{name}.ipynb",
        "source_sha256": "0" * 64,
        "env": "prod",
        "release_id": RELEASE,
        "parameters": {"number": number},
        "started": started.isoformat(),
        "ended": (started + timedelta(seconds=30)).isoformat(),
        "seconds": 30.0,
        "verdict": "passed",
        "stage": f"stage{number // 3}",
        "job": "job",
        "cells": [
            {
                "id": cell["id"],
                "index": place,
                "tags": cell["metadata"].get("tags", []),
                "state": "passed",
                "seconds": 1.0,
            }
            for place, cell in enumerate(code)
        ],
        "values": {},
    }


def prepare(folder: Path) -> Path:
    """A project with one release of executed notebooks."""
    import nbformat
    from nbclient import NotebookClient

    shutil.copy(ROOT / "settings.ini", folder)
    release = folder / "evidence" / RELEASE
    (release / "notebooks").mkdir(parents=True)
    for number in range(NOTEBOOKS):
        name = f"{number:02d}_part"
        executed = NotebookClient(
            notebook(number), timeout=120, extra_arguments=["--log-level=ERROR"]
        ).execute()
        executed["metadata"]["nbrelease"] = result(name, number, executed)
        nbformat.write(executed, release / "notebooks" / f"{name}.ipynb")
    identity = {
        "release_id": RELEASE,
        "env": "prod",
        "started": NOON.isoformat(),
        "actor": "a benchmark",
        "source": {"commit": "0a1b2c3d" * 5, "branch": "main", "dirty": False},
        "workspace": {
            "kind": "local",
            "subscription_id": "0",
            "resource_group": "local",
            "workspace_name": "prod",
        },
        "parameters": {},
    }
    (release / "record.json").write_text(json.dumps(identity), encoding="utf-8")
    return release


def run_timed(command: list[str], folder: Path) -> float:
    """Run a command and return its seconds; exit when it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return seconds


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """The seconds of each command, run alternately."""
    release = prepare(folder)
    notebooks = sorted(str(path) for path in (release / "notebooks").glob("*.ipynb"))
    theirs = folder / "nbconvert"
    build = [str(BIN / "nbrelease"), "evidence", "build", "--env", "prod", RELEASE]
    convert = [str(BIN / "jupyter"), "nbconvert", "--to", "html", "--output-dir", str(theirs)]
    runs: dict[str, Callable[[], float]] = {
        "nbrelease evidence build": lambda: run_timed(build, folder),
        "jupyter nbconvert --to html": lambda: run_timed([*convert, *notebooks], folder),
    }
    timings: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            shutil.rmtree(release / "html", ignore_errors=True)
            shutil.rmtree(theirs, ignore_errors=True)
            timings[name].append(run())
            pages = len(list((release / "html").glob("*.html"))) + len(list(theirs.glob("*.html")))
            if pages != NOTEBOOKS:
                sys.exit(f"{name}: {pages} pages of {NOTEBOOKS}")
    register(release)
    timings["with a model card"] = [run_timed(build, folder) for _ in range(rounds)]
    if not (release / "model-card.md").is_file():
        sys.exit("no model card was written")
    return timings


def measure_verify(pack: Path, rounds: int) -> tuple[list[float], float]:
    """The wall clock seconds of each verification, and the mean processor seconds.

    A first run, which compiles modules, is not measured.
    """
    command = [str(BIN / "nbrelease"), "evidence", "verify", str(pack.resolve())]
    run_timed(command, ROOT)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    timings = [run_timed(command, ROOT) for _ in range(rounds)]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return timings, used / rounds


def register(release: Path) -> None:
    """Let the last runbook publish a registered model, so that the release gets a card."""
    path = max((release / "notebooks").glob("*.ipynb"))
    content = json.loads(path.read_text(encoding="utf-8"))
    model = {"model_name": "model", "model_version": "1", "model_sha256": "0" * 64}
    content["metadata"]["nbrelease"]["values"] = model
    path.write_text(json.dumps(content), encoding="utf-8")


def main() -> int:
    """Measure, print, and return 1 when a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pack", type=Path, help="a pack of the example, to verify")
    parser.add_argument("--json", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        timings = measure(Path(name), options.rounds)
    medians = {name: statistics.median(seconds) for name, seconds in timings.items()}
    ours, theirs, _ = medians.values()
    print(f"{NOTEBOOKS} executed notebooks, {options.rounds} rounds, medians of the whole process")
    for name, seconds in timings.items():
        low, high = min(seconds), max(seconds)
        print(f"  {name:<30} {medians[name]:6.2f} s  (from {low:.2f} to {high:.2f})")
    print(f"  ratio {ours / theirs:.3f}, limit {LIMIT}")
    met = ours / theirs <= LIMIT
    if options.pack:
        timings["nbrelease evidence verify"], used = measure_verify(options.pack, options.rounds)
        seconds = statistics.median(timings["nbrelease evidence verify"])
        met = met and seconds < VERIFY_LIMIT
        low, high = (end(timings["nbrelease evidence verify"]) for end in (min, max))
        print(
            f"  {'nbrelease evidence verify':<30} {seconds:6.2f} s  (from {low:.2f} to {high:.2f}),"
            f" {used:.2f} s of the processor; limit {VERIFY_LIMIT:.0f} s"
        )
    if options.json:
        content = {"seconds": timings, "medians": medians, "ratio": ours / theirs, "limit": LIMIT}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
