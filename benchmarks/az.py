"""Compare the time of one call of the local ``az`` with its limit.

    python benchmarks/az.py [--runs 15]

Each call is a new process, started by the program file ``az`` of a workspace, as in a pipeline.
Prints the median wall time and CPU time of the call, its limit, and the ratio of time and limit.
The core commands run in the call itself, so their limit is for the CPU time, which depends less on
other processes. The ``ml`` commands run in forks, so their limit is for the wall time. Also prints
the time of an empty Python program, of the first ``az ml`` call, which starts the preloaded
process, and of a call without it. Exit code 1 if a median exceeds its limit.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """A command line and the limit of its median, in seconds."""

    line: str
    limit: float


SCOPE = "-g local -w bench"
CASES = (
    Case("account show", 0.150),
    Case("account show --query id -o tsv", 0.150),
    Case("configure --list-defaults", 0.150),
    Case("version", 0.150),
    Case("extension add -n ml -y", 0.150),
    Case(f"ml job list {SCOPE}", 1.0),
    Case(f"ml compute show -n cpu {SCOPE} --query name -o tsv", 1.0),
    Case(f"ml job show -n missing {SCOPE}", 1.0),
    Case("ml workspace show -n bench -g local", 1.0),
)


def read_cpu_seconds() -> float:
    """The CPU time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(program: list[str], line: str, env: dict[str, str]) -> tuple[float, float]:
    """The wall time and the CPU time of one call, in seconds."""
    begin, used = time.perf_counter(), read_cpu_seconds()
    result = subprocess.run([*program, *line.split()], env=env, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    if result.returncode not in (0, 3):
        raise SystemExit(f"az {line}: exit code {result.returncode}\n{result.stderr}")
    return seconds, read_cpu_seconds() - used


def main() -> int:
    """Start a workspace, measure, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    cli = [sys.executable, "-m", "azureml_local"]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        env = {"PATH": os.environ["PATH"], "HOME": folder, "AZURE_CONFIG_DIR": f"{folder}/config"}
        subprocess.run([*cli, "start", "--data", data], env=env, check=True, capture_output=True)
        try:
            return report([str(data / "bin" / "az")], data, env, runs)
        finally:
            subprocess.run([*cli, "stop", "--data", data], env=env, check=True, capture_output=True)


def report(program: list[str], data: Path, env: dict[str, str], runs: int) -> int:
    """Measure and print all cases; returns the exit code."""
    create = f"ml compute create -n cpu --type amlcompute {SCOPE}"
    bare = statistics.median(
        measure([sys.executable, "-I", "-c"], "0", env)[0] for _ in range(runs)
    )
    print(f"empty Python program: {bare:.3f} s, load average {os.getloadavg()[0]:.1f}")
    print(f"first call of az ml: {measure(program, create, env)[0]:.2f} s")
    measure(program, "ml workspace show -n bench -g local", env)  # waits for the last imports
    failed = False
    print(f"{'command':56} {'wall':>8} {'CPU':>8} {'limit':>7} {'ratio':>6}")
    medians = {}
    for case in CASES:
        times = [measure(program, case.line, env) for _ in range(runs)]
        wall, cpu = map(statistics.median, zip(*times, strict=True))
        medians[case.line] = wall
        ratio = (wall if case.line.startswith("ml ") else cpu) / case.limit
        failed = failed or ratio > 1
        print(f"{case.line:56} {wall:7.3f}s {cpu:7.3f}s {case.limit:6.2f}s {ratio:6.2f}")
    line = CASES[5].line
    alone = {**env, "AZUREML_LOCAL_DATA": str(data), "AZUREML_LOCAL_AZ_CALLER": "{}"}
    interpreter = [sys.executable, "-I", "-m", "azureml_local.az"]
    new = statistics.median(measure(interpreter, line, alone)[0] for _ in range(3))
    print(f"without the preloaded process: {new:.2f} s ({new / medians[line]:.0f} times)")
    print("FAILED" if failed else "passed")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
