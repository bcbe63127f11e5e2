"""The drills of benchmarks/, short here and whole by variables."""

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


def drill(name, *words):
    found = subprocess.run(
        [sys.executable, BENCHMARKS / name, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout
    return found.stdout


def test_nothing_acknowledged_is_lost_when_it_is_killed():
    assert f"{KILLS} kills" in drill("kill.py", "--rounds", KILLS)


def test_many_clients_meet_no_error_and_memory_does_not_grow():
    said = drill("workspace.py", "--untimed", "--seconds", LOAD_SECONDS, "--gigabytes", "0.25")
    assert " operations, 0 errors" in said
