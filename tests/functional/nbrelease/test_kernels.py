"""A runbook's kernel comes out of a rehearsal's zygote where there is one, and works as any other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from nbrelease.cli import main
from nbrelease.records import RunbookResult, result_of
from nbrelease.runbook import warm

pytestmark = [
    pytest.mark.functional,
    pytest.mark.skipif(sys.platform != "linux", reason="zygotes are for Linux"),
]
CODE = """
import os, sys
early = "click" in sys.modules
import click
from nbrelease import record
record(early=early, pid=os.getpid(), parent=os.getppid(), cwd=os.getcwd())
sys.stderr.write("to the notebook")
os.system("echo of a child")
"""


def ran(project) -> RunbookResult:
    """The result of the project's one runbook."""
    assert main(["run", "01_a", "--env", "dev"]) == 0
    return result_of(next(project.root.glob("evidence/*/notebooks/01_a.ipynb")))


def test_a_kernel_of_a_zygote(project, monkeypatch, tmp_path: Path, capfd) -> None:
    project.runbook("01_a", ("r", [], CODE))
    monkeypatch.setenv("PYTHONWARNINGS", warm.WARNINGS)
    zygote = warm.start(project.root / "runbooks", {}, tmp_path / "log")
    assert zygote is not None
    try:
        monkeypatch.setenv(warm.ADDRESS, str(zygote.address))
        result = ran(project)
        values, log = result.values, (tmp_path / "log").read_text()
        assert result.verdict == "passed"
        assert "Ctrl-C" not in capfd.readouterr().out, "ipykernel thinks that nobody is above it"
        assert not log, "refused, or a failed import"
        assert "child_processes.preload._server" in psutil.Process(values["parent"]).cmdline()
        assert values["cwd"] == "./runbooks"  # as the evidence names it
        assert not psutil.pid_exists(values["pid"])
        executed = next(project.root.glob("evidence/*/notebooks/01_a.ipynb")).read_text()
        assert "to the notebook" in executed
        assert "of a child" in executed
    finally:
        zygote.stop()


def test_without_a_zygote_that_answers_a_kernel_starts_by_itself(project, monkeypatch) -> None:
    project.runbook("01_a", ("r", [], CODE))
    monkeypatch.setenv(warm.ADDRESS, str(project.root / "nothing-here"))
    values = ran(project).values
    assert values["early"] is False
    assert values["parent"] == os.getpid()
