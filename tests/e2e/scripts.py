"""Run scripts that use the Azure ML SDK only, in a local workspace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.projects import environment

# One process for all scripts: importing the SDK for each of them would take most of the time.
LOOP = """
import contextlib, io, json, sys, traceback
from child_processes import preload
preload.import_jsonschema()
for line in sys.stdin:
    text, *words = json.loads(line)
    sys.argv, out, error = ["-c", *words], io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(out):
            exec(text, {"__name__": "__main__"})
    except BaseException:
        error = traceback.format_exc()
    print(json.dumps([out.getvalue(), error]), flush=True)
"""


class Scripts:
    """A process with the variables of a project's workspace; the server runs as long as it does."""

    def __init__(self, project: Path) -> None:
        command = ["-m", "azureml_local", "run", "--data", ".azureml-local", "--"]
        self._process = subprocess.Popen(
            [sys.executable, *command, sys.executable, "-W", "ignore", "-c", LOOP],
            cwd=project, env=environment(project), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, text: str, *words: str) -> str:
        """Run a script and return the last line that it prints."""
        out, error = self._run(text, *words)
        assert not error, out + error
        return (out.strip().splitlines() or [""])[-1]

    def fail(self, text: str, *words: str) -> str:
        """Run a script that fails and return its error."""
        out, error = self._run(text, *words)
        assert error, out
        return error

    def _run(self, text: str, *words: str) -> list[str]:
        self._process.stdin.write(json.dumps([text, *words]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process that runs scripts has ended"
        return json.loads(line)

    def end(self) -> None:
        self._process.communicate(timeout=60)
