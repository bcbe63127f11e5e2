"""An interruption is not lost where Python ignores exceptions."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from nbrelease.errors import ExitCode

pytestmark = pytest.mark.functional

# Python ignores exceptions of a destructor, and of callbacks of weak references in its imports.
PROGRAM = """
import os, signal, sys, time
from nbrelease import cli

class Interrupted:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0)  # the handler runs here

def command(**_):
    Interrupted()
    time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
cli.group.main = command
sys.exit(cli.main())
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_an_interruption_of_a_destructor_ends_the_command(name):
    assert hasattr(signal, name)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name)],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.INTERRUPTED, done.stderr
    assert "ignored" not in done.stderr
