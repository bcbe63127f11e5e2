"""Measure ``make setup`` with an empty and with a filled download cache, and pip's installation.

    python benchmarks/setup.py [--pip]

Each set-up runs in a fresh copy of this checkout, without uv on the PATH. The limits are for an
idle machine: 12 s with an empty cache, 4 s with a filled one. CPU time depends less on other
processes. The first imports are measured too, because they compile the modules that they import.
Exit code 1 if a set-up exceeds its limit.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# by path, which works for python benchmarks/setup.py and python -m benchmarks.setup
copy_project = runpy.run_path(str(Path(__file__).with_name("rehearse.py")))["copy_project"]

LIMITS = {"make setup, empty cache": 12.0, "make setup, filled cache": 4.0}
IMPORTS = "import azure.ai.ml, mlflow, mlflow.sklearn, papermill, nbconvert, matplotlib.pyplot"


def clean_environment(caches: Path) -> dict[str, str]:
    """The variables of this process with caches of our own and without uv on the PATH."""
    folders = os.environ["PATH"].split(os.pathsep)
    path = [folder for folder in folders if not (Path(folder) / "uv").exists()]
    active = ("VENV", "VIRTUAL_ENV", "CONDA_PREFIX", "MAKEFLAGS", "PYTHONDONTWRITEBYTECODE")
    env = {name: value for name, value in os.environ.items() if name not in active}
    folders = {"UV_CACHE_DIR": "uv", "PIP_CACHE_DIR": "pip", "XDG_CACHE_HOME": "other"}
    own = {name: str(caches / folder) for name, folder in folders.items()}
    return {**env, "PATH": os.pathsep.join(path), **own}


def measure(commands: list[list[str]], folder: Path, env: dict[str, str]) -> tuple[float, float]:
    """Wall time and CPU time of commands, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    for command in commands:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}: {done.stderr[-2000:]}")
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def main() -> int:
    """Print the times; 1 if a set-up exceeds its limit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default="python3", help="the Python of the environments")
    parser.add_argument("--pip", action="store_true", help="measure pip too: about two minutes")
    options = parser.parse_args()
    setup = [["make", "--silent", "setup", f"PYTHON={options.python}"]]
    python = ".venv/bin/python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    install += ["--requirement", "requirements.txt"]
    with tempfile.TemporaryDirectory() as name:
        folder = copy_project(Path(name) / "checkout")
        env = clean_environment(Path(name) / "caches")
        passed = True
        for what, limit in LIMITS.items():
            shutil.rmtree(folder / ".venv", ignore_errors=True)
            passed &= report(what, measure(setup, folder, env), limit)
        for what in ("first imports", "later imports"):
            report(what, measure([[python, "-c", IMPORTS]], folder, env))
        if options.pip:
            shutil.rmtree(folder / ".venv")
            create = [options.python, "-m", "venv", ".venv"]
            report("pip, empty cache", measure([create, install], folder, env))
        else:
            tests = [["make", "--silent", "tests-setup", f"PYTHON={options.python}"]]
            report("make tests-setup", measure(tests, folder, env))
    print(f"load average: {os.getloadavg()[0]:.1f}, processors: {os.cpu_count()}")
    return int(not passed)


def report(what: str, seconds: tuple[float, float], limit: float = math.inf) -> bool:
    """Print wall time and CPU time; whether the wall time is within the limit."""
    wall, cpu = seconds
    passed = wall <= limit
    line = f"{what:26}{wall:7.1f} s wall {cpu:7.1f} s CPU"
    if limit < math.inf:
        line += f"  limit {limit:.0f} s: {'passed' if passed else 'failed'}"
    print(line, flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main())
