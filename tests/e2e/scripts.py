"""Somebody else's scripts, which know the SDK and nothing of us, in a local workspace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.projects import environment

# Runs scripts for as long as there are any: importing the SDK for each would take most of the time.
LOOP = """
import contextlib, io, json, sys, traceback
for line in sys.stdin:
    text, *words = json.loads(line)
    sys.argv, said, error = ["-c", *words], io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(said):
            exec(text, {"__name__": "__main__"})
    except BaseException:
        error = traceback.format_exc()
    print(json.dumps([said.getvalue(), error]), flush=True)
"""


class Scripts:
    """A process with the environment of a project's workspace, whose server runs as long as it."""

    def __init__(self, project: Path) -> None:
        command = ["-m", "azureml_local", "run", "--data", ".azureml-local", "--"]
        self._process = subprocess.Popen(
            [sys.executable, *command, sys.executable, "-W", "ignore", "-c", LOOP],
            cwd=project, env=environment(project), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, text: str, *words: str) -> str:
        """The last line that a script prints."""
        said, error = self._run(text, *words)
        assert not error, said + error
        return (said.strip().splitlines() or [""])[-1]

    def refused(self, text: str, *words: str) -> str:
        """The error that a script ends with."""
        said, error = self._run(text, *words)
        assert error, said
        return error

    def _run(self, text: str, *words: str) -> list[str]:
        self._process.stdin.write(json.dumps([text, *words]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that runs scripts has ended"
        return json.loads(answer)

    def end(self) -> None:
        self._process.communicate(timeout=60)
