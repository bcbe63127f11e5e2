"""A runbook's kernel is forked from the preloaded process of a rehearsal, if there is one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from jupyter_client.provisioning import LocalProvisioner

from child_processes import preload
from nbrelease.cli import main
from nbrelease.preloaded import ADDRESS, WARNINGS
from nbrelease.records import RunbookResult, result_of
from nbrelease.runbook import kernel_manager
from nbrelease.runbook.preloaded_kernels import PreloadedKernels

pytestmark = [
    pytest.mark.functional,
    pytest.mark.skipif(sys.platform != "linux", reason="preloaded processes need Linux"),
]
CODE = """
import os, sys
early = "click" in sys.modules
import click
from nbrelease import record
record(early=early, pid=os.getpid(), parent=os.getppid(), cwd=os.getcwd())
sys.stderr.write("to the notebook")
os.system("echo of a child")
unclosed = open("unclosed.txt", "w")
unclosed.write("written")
"""


def run(project) -> RunbookResult:
    """Run the project's only runbook and return its result."""
    assert main(["run", "01_a", "--env", "dev"]) == 0
    return result_of(next(project.root.glob("evidence/*/notebooks/01_a.ipynb")))


def start_preloaded(runbooks: Path, log: Path) -> PreloadedKernels:
    preloaded = PreloadedKernels(runbooks, os.environ, log)
    assert preloaded.address is not None
    preloaded.use_workspace({})
    return preloaded


def test_a_kernel_is_forked_from_the_preloaded_process(
    project, monkeypatch, tmp_path: Path, capfd
) -> None:
    project.runbook("01_a", ("r", [], CODE))
    monkeypatch.setenv("PYTHONWARNINGS", WARNINGS)
    preloaded = start_preloaded(project.root / "runbooks", tmp_path / "log")
    try:
        monkeypatch.setenv(ADDRESS, str(preloaded.address))
        result = run(project)
        values, log = result.values, (tmp_path / "log").read_text()
        assert result.verdict == "passed"
        assert "Ctrl-C" not in capfd.readouterr().out, "ipykernel does not know its parent"
        assert not log  # no refusal and no failed import
        assert "child_processes.preload._server" in psutil.Process(values["parent"]).cmdline()
        assert values["cwd"] == "./runbooks"  # as the evidence names it
        assert not psutil.pid_exists(values["pid"])
        assert (project.root / "runbooks" / "unclosed.txt").read_text() == "written"
        executed = next(project.root.glob("evidence/*/notebooks/01_a.ipynb")).read_text()
        assert "to the notebook" in executed
        assert "of a child" in executed
    finally:
        preloaded.stop()


WHO = """
import os, sys, time
import psutil
from nbrelease import record
record(parent=os.getppid(), runner=psutil.Process(int(os.environ["JPY_PARENT_PID"])).ppid())
if os.path.exists("wait"):
    open("waiting", "w").close()
    time.sleep(600)
assert not os.path.exists("fail")
"""


def test_the_command_is_a_fork_too(project, tmp_path: Path) -> None:
    project.runbook("01_a", ("r", [], WHO))
    runbooks = project.root / "runbooks"
    preloaded = start_preloaded(runbooks, tmp_path / "log")
    command = [sys.executable, "-m", "nbrelease", "run", "01_a", "--env", "dev"]
    env = {**os.environ, ADDRESS: str(preloaded.address)}
    try:
        done = subprocess.run(command, cwd=project.root, env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        executed = next(project.root.glob("evidence/*/notebooks/01_a.ipynb"))
        values = result_of(executed).values
        assert values["parent"] == values["runner"]

        (runbooks / "fail").touch()
        failed = subprocess.run(
            command, cwd=project.root, env=env, capture_output=True, check=False
        )
        plain = subprocess.run(command, cwd=project.root, capture_output=True, check=False)
        assert failed.returncode == plain.returncode != 0

        (runbooks / "wait").touch()
        process = subprocess.Popen(command, cwd=project.root, env=env, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (runbooks / "waiting").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.terminate()
        assert process.wait(60) != 0
        root = psutil.Process(values["parent"])
        while root.children():
            assert time.monotonic() < deadline + 60
            time.sleep(0.02)
    finally:
        preloaded.stop()


PLOT = """
import os, sys
early = "matplotlib.pyplot" in sys.modules
import matplotlib.pyplot as plt
from nbrelease import record
record(early=early, backend=plt.get_backend(), variable=os.environ["MPLBACKEND"])
plt.plot([1, 2])
plt.show()
"""


@pytest.mark.parametrize("backend", ["", "agg"])
def test_a_forked_kernel_shows_figures_as_an_ordinary_one_does(
    project, monkeypatch, tmp_path: Path, backend: str
) -> None:
    project.runbook("01_a", ("r", [], PLOT))
    monkeypatch.setenv("PYTHONWARNINGS", WARNINGS)
    monkeypatch.delenv("MPLBACKEND", raising=False)
    if backend:
        monkeypatch.setenv("MPLBACKEND", backend)
    ordinary = run(project).values
    preloaded = start_preloaded(project.root / "runbooks", tmp_path / "log")
    try:
        with contextlib.suppress(preload.Refused):  # after all imports
            preload.popen(
                preloaded.address, [sys.executable, "-m", "no_such_module"], imports="all"
            ).wait(60)
        monkeypatch.setenv(ADDRESS, str(preloaded.address))
        forked = run(project).values
        executed = max(
            project.root.glob("evidence/*/notebooks/01_a.ipynb"),
            key=lambda file: file.stat().st_mtime,
        )
        assert ("image/png" in executed.read_text()) is not bool(backend)
    finally:
        preloaded.stop()
    assert (forked.pop("early"), ordinary.pop("early")) == (True, False)
    assert forked == ordinary


def test_without_a_preloaded_process_a_kernel_starts_the_ordinary_way(project, monkeypatch) -> None:
    project.runbook("01_a", ("r", [], CODE))
    monkeypatch.setenv(ADDRESS, str(project.root / "nothing-here"))
    values = run(project).values
    assert values["early"] is False
    assert values["parent"] == os.getpid()


STACK = """
import inspect
from nbrelease import record
files = [frame.filename for frame in inspect.stack()]
record(unknown=[file for file in files if inspect.getmodule(None, file) is None])
"""


def test_inspect_knows_the_module_of_each_function_in_the_call_stack(project) -> None:
    project.runbook("01_a", ("r", [], STACK))
    assert run(project).values["unknown"] == []


@pytest.mark.parametrize("runs_a_cell", [False, True])
def test_a_kernel_is_interrupted_at_its_end_only_if_it_runs_a_cell(
    project, monkeypatch, runs_a_cell: bool
) -> None:
    sent = []

    async def send_signal(self, signum: int) -> None:
        sent.append(signum)
        self.process.send_signal(signum)

    monkeypatch.setattr(LocalProvisioner, "send_signal", send_signal)
    if not runs_a_cell:  # on a busy machine its end takes longer than usual
        monkeypatch.setattr(kernel_manager, "SHUTDOWN_SECONDS", 60.0)
    code = "import os, time\nfrom nbrelease import record\nrecord(pid=os.getpid())"
    project.runbook("01_a", ("r", [], code), ("s", [], f"time.sleep({600 * runs_a_cell})"))
    status = main(["run", "01_a", "--env", "dev", "--set", "cell_timeout_seconds=2"])
    values = result_of(next(project.root.glob("evidence/*/notebooks/01_a.ipynb"))).values
    assert (status, sent) == ((1, [signal.SIGINT]) if runs_a_cell else (0, []))
    assert not psutil.pid_exists(values["pid"])
