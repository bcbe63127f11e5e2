"""Measure how long the profile of a large CSV file takes, and how much memory.

    python benchmarks/data.py [--megabytes 500]

Writes a file with columns of each kind, reads it with ``pandas.read_csv`` and profiles it, each in
a process of its own. Fails when the profile takes more than twice as long as reading, or more than
1.5 GB of memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from nbrelease.quality import criteria
from nbrelease.quality.data import profile_data

LARGEST_RATIO = 2.0
LARGEST_MEMORY = 1.5 * 2**30
CHUNK_ROWS = 100_000


def write_rows(path: Path, size: int, seed: int = 0) -> int:
    """Write rows until the file has this many bytes; returns the number of rows."""
    draw = np.random.default_rng(seed)
    words = np.array([f"word{n}" for n in range(2000)])
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        while file.tell() < size:
            n = CHUNK_ROWS
            table = pd.DataFrame(
                {
                    "order": np.arange(rows, rows + n),
                    "amount": draw.gamma(2, 30, n),
                    "weight": np.where(draw.random(n) < 0.05, np.nan, draw.normal(5, 1, n)),
                    "items": draw.integers(1, 20, n),
                    "country": draw.choice(["DE", "FR", "IT", "PL", "ES"], n),
                    "postcode": [f"{code:05}" for code in draw.integers(0, 99_999, n)],
                    "express": draw.random(n) < 0.3,
                    "ordered": pd.Timestamp("2026-01-01")
                    + pd.to_timedelta(draw.integers(0, 10**7, n), unit="s"),
                    "comment": [" ".join(row) for row in draw.choice(words, (n, 5))],
                    "returned": draw.integers(0, 2, n),
                }
            )
            table.to_csv(file, index=False, header=rows == 0)
            rows += n
    return rows


def read(path: Path) -> None:
    """What the profile is compared with."""
    pd.read_csv(path)


def profile(path: Path) -> None:
    """Profile with limits on each kind of column."""
    checks = {
        "id_column": "order",
        "columns": {
            "amount": {"min": 0},
            "weight": {"missing": 0.1},
            "country": {"values": ["DE", "ES", "FR", "IT", "PL"]},
            "postcode": {"pattern": r"\d{5}"},
            "ordered": {"min": "2026-01-01"},
        },
    }
    content = {"data": checks, "metrics": [{"metric": "roc_auc", "at_least": 0.5}]}
    result = profile_data(path, criteria.Criteria.model_validate(content), "returned", "binary")
    failed = [check.why for check in result.checks if not check.passed]
    if failed:
        raise SystemExit("; ".join(failed))


def measure(task: Callable[[Path], None], path: Path) -> tuple[float, int]:
    """The seconds that a process needs for a task, and its largest resident set in bytes."""
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    process = context.Process(target=_measure_here, args=(task, path, results))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
    seconds, memory = results.get()
    return seconds, memory


def _measure_here(
    task: Callable[[Path], None],
    path: Path,
    results: multiprocessing.queues.SimpleQueue[tuple[float, int]],
) -> None:
    started = time.perf_counter()
    task(path)
    seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    results.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit))


def main() -> int:
    """Print both measurements with their limits; returns 1 when one is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        rows = write_rows(path, arguments.megabytes * 10**6)
        size = path.stat().st_size
        print(f"{size / 1e6:.0f} MB of CSV, {rows} rows", flush=True)
        results = {task.__name__: measure(task, path) for task in (read, profile)}
    for name, (seconds, memory) in results.items():
        print(f"{name:8} {seconds:6.1f} s  {memory / 2**30:.2f} GB", flush=True)
    ratio = results["profile"][0] / results["read"][0]
    memory = results["profile"][1]
    print(f"time: {ratio:.2f} times pandas.read_csv (limit {LARGEST_RATIO:g})")
    print(f"memory: {memory / 2**30:.2f} GB (limit {LARGEST_MEMORY / 2**30:g} GB)")
    return int(ratio > LARGEST_RATIO or memory > LARGEST_MEMORY)


if __name__ == "__main__":
    sys.exit(main())
