"""Short runs of benchmarks; environment variables make them as long as the benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.functional, pytest.mark.drill]

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
LOAD_SECONDS = os.environ.get("AZUREML_LOCAL_LOAD_SECONDS", "8")
KILLS = os.environ.get("AZUREML_LOCAL_KILLS", "3")


def run_benchmark(name, *words):
    result = subprocess.run(
        [sys.executable, BENCHMARKS / name, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_kill():
    assert f"{KILLS} kills" in run_benchmark("kill.py", "--rounds", KILLS)


def test_load():
    output = run_benchmark(
        "workspace.py", "--untimed", "--seconds", LOAD_SECONDS, "--gigabytes", "0.25"
    )
    assert " operations, 0 errors" in output
