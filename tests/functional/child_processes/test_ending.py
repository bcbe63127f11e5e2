"""When an owner ends, its child processes are terminated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import child_processes

pytestmark = pytest.mark.functional

# Starts a child in another session, writes the child's process id, then waits.
OWNER = """
import os, sys, time, child_processes
child = "import os, subprocess, sys, time; " \\
    "p = subprocess.Popen(['sleep', '300'], start_new_session=True); " \\
    f"open({sys.argv[1]!r}, 'w').write(str(p.pid)); time.sleep(300)"
child_processes.spawn([sys.executable, "-c", child])
time.sleep(300)
"""

# Each starts a fork of a preloaded process; the fork starts a child in another session.
MODULE = """
import pathlib, subprocess, sys, time
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(300)
"""
WORKERS = """
import asyncio, os, pathlib, sys, time
from azureml_local.forked_workers import ForkedWorkers
from child_processes import preload
note = pathlib.Path(sys.argv[1])
async def main():
    workers = ForkedWorkers([], env=os.environ, log=note.with_name("log"))
    started = await workers.spawn(["child", str(note)], env={}, folder=note.parent, log=note.with_name("out"))
    assert isinstance(started.process, preload.Process)
    time.sleep(300)
asyncio.run(main())
"""
KERNEL = """
import asyncio, os, pathlib, sys, time
from child_processes import preload
from nbrelease.preloaded import ADDRESS, BACKEND
from nbrelease.runbook.kernel_manager import PreloadedProvisioner
note = pathlib.Path(sys.argv[1])
started = preload.start([], env={**os.environ, **BACKEND}, log=note.with_name("log"))
os.environ[ADDRESS] = str(started.address)
provisioner = PreloadedProvisioner(kernel_id="", kernel_spec=None)
command = [sys.executable, "-m", "child", str(note)]
asyncio.run(provisioner.launch_kernel(command, env=dict(os.environ), cwd=note.parent))
assert isinstance(provisioner.process, preload.Process)
time.sleep(300)
"""
FORKING_OWNER = """
import os, sys, time, child_processes
child = child_processes.spawn(["sleep", "300"])
if (fork := os.fork()) == 0:
    time.sleep(300)
open(sys.argv[1], "w").write(f"{child.pid} {fork}")
time.sleep(300)
"""


def _wait_for(condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_in_another_session_ends_with_its_owner(tmp_path, signum):
    note = tmp_path / "pid"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(note)])
    pid = int(_wait_for(lambda: note.exists() and note.read_text()))
    assert _alive(pid)
    owner.send_signal(signum)
    owner.wait()
    _wait_for(lambda: not _alive(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
@pytest.mark.parametrize("owner", [WORKERS, KERNEL], ids=["server", "runbook"])
def test_a_child_of_a_fork_of_a_preloaded_process_ends_with_the_owner(tmp_path, owner):
    note = tmp_path / "pid"
    (tmp_path / "child.py").write_text(MODULE)
    process = subprocess.Popen([sys.executable, "-c", owner, str(note)])
    pid = int(_wait_for(lambda: note.exists() and note.read_text()))
    process.kill()
    process.wait()
    try:
        _wait_for(lambda: not _alive(pid), 15.0)
    finally:
        if _alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_child_ends_with_its_owner_while_a_fork_of_the_owner_runs(tmp_path):
    note = tmp_path / "pids"
    owner = subprocess.Popen([sys.executable, "-c", FORKING_OWNER, str(note)])
    child, fork = map(int, _wait_for(lambda: note.exists() and note.read_text()).split())
    try:
        owner.kill()
        owner.wait()
        _wait_for(lambda: not _alive(child), 15.0)
        assert _alive(fork)
    finally:
        os.kill(fork, signal.SIGKILL)


def test_follow_parent_ends_the_owner_with_its_parent(tmp_path):
    note = tmp_path / "pid"
    script = "import child_processes; child_processes.follow_parent()\n" + OWNER
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; subprocess.run(sys.argv[1:])",
            sys.executable,
            "-c",
            script,
            str(note),
        ]
    )
    pid = int(_wait_for(lambda: note.exists() and note.read_text()))
    parent.kill()
    parent.wait()
    _wait_for(lambda: not _alive(pid))


def test_end_group_ends_a_child_that_ignores_sigterm():
    process = child_processes.spawn(
        ["bash", "-c", "trap '' TERM; echo on; sleep 300"], stdout=-1, text=True
    )
    assert process.stdout.readline() == "on\n"
    assert child_processes.end_group(process, grace=0.2) == -signal.SIGKILL


def test_a_process_without_a_mark_outlives_its_parent(tmp_path):
    script = (
        "import subprocess, os, child_processes; "
        "p = subprocess.Popen(['sleep', '300'], env=child_processes.strip(child_processes.environment()),"
        " start_new_session=True, stdout=-3, stderr=-3); print(p.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    pid = int(done.stdout)
    time.sleep(0.5)
    assert _alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_run_returns_the_exit_code():
    assert child_processes.run(["bash", "-c", "exit 7"]).returncode == 7


def test_end_marked_ends_a_child_in_another_session():
    script = "setsid sleep 300 > /dev/null & echo $!"
    process = child_processes.spawn(["bash", "-c", script], mark="test-mark", stdout=-1, text=True)
    pid = int(process.communicate()[0])
    assert _alive(pid)
    child_processes.end_marked("test-mark", 0)
    _wait_for(lambda: not _alive(pid))
