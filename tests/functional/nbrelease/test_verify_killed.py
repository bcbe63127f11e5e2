"""The pack of a release whose runbook was killed has that verdict, and verifies."""

from __future__ import annotations

import sys
import time

import pytest

import child_processes
from nbrelease.cli import main
from nbrelease.verification import verify

pytestmark = pytest.mark.functional


def test_a_killed_run_is_a_truthful_pack(project, capfd):
    project.runbook(
        "01_a",
        ("told", [], "from nbrelease import record\nrecord(data_version='1')\nprint('begun')"),
        ("wait", [], "import time; time.sleep(300)"),
        ("never", ["test"], "assert True"),
    )
    words = [sys.executable, "-m", "nbrelease", "run", "01_a", "--env", "dev"]
    process = child_processes.spawn(words, stdout=-3, stderr=-3)
    deadline = time.monotonic() + 120
    text = ""
    while "begun\\n" not in text and time.monotonic() < deadline:
        time.sleep(0.1)
        for path in project.root.glob("evidence/*/notebooks/*.ipynb"):
            text = path.read_text(encoding="utf-8")
    process.kill()
    process.wait()
    assert "begun\\n" in text
    [pack] = (project.root / "evidence").iterdir()
    assert main(["evidence", "build", "--env", "dev", pack.name]) == 0
    assert "interrupted: 01_a was interrupted" in capfd.readouterr().out
    report = verify(pack)
    assert not report.failed, report.text()
    states = {name: result.state for name, result in report.results.items()}
    assert states["runbooks"] == "passed"
    assert states["tests"] == states["rows"] == states["parity"] == "not applicable"
    assert report.results["tests"].state == "not applicable"
