"""A copy of a zygote is the process that was asked for, with its imports done; or it is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from child_processes import preload

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="zygotes are for Linux")

PROBE = """
import json, os, random, sys
early = "fractions" in sys.modules, "numpy" in sys.modules
import numpy
print(json.dumps({
    "argv": sys.argv[1:], "name": __name__, "cwd": os.getcwd(), "told": os.environ.get("TOLD"),
    "early": early, "path": sys.path[0], "random": [random.random(), numpy.random.random()],
    "leads": os.getsid(0) == os.getpid(), "input": sys.stdin.read(),
}))
sys.exit(int(sys.argv[1]))
"""
SLEEPER = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"
OWN = "import sys\nif __name__ == '__main__':\n    print('own' in sys.modules)\n"
IMPORTS = ["fractions", "fractions.Fraction", "own", "numpy", "no_such_module", "broken"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("modules")
    (made / "probe.py").write_text(PROBE)
    (made / "sleeper.py").write_text(SLEEPER)
    (made / "own.py").write_text(OWN)
    (made / "broken.py").write_text("import module_that_is_missing\n")
    return made


@pytest.fixture(scope="module")
def born(folder: Path) -> Iterator[preload.Preloaded]:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    made = preload.start(IMPORTS, env=env, log=folder / "log")
    assert made is not None
    deadline = time.monotonic() + 60
    while not imported(made, folder):  # it answers before it has imported all
        assert time.monotonic() < deadline
    yield made
    made.stop()
    assert not made.address.exists()


def run(
    born: preload.Preloaded, folder: Path, *words: str, **env: str
) -> tuple[preload.Process, Path]:
    """Ask for a process; its output goes to a file."""
    output = folder / f"out-{time.monotonic_ns()}"
    with output.open("w") as file:
        process = preload.popen(
            born.address,
            [sys.executable, "-m", *words],
            env={**os.environ, "PYTHONPATH": str(folder), **env},
            cwd=folder,
            stdout=file.fileno(),
            stderr=file.fileno(),
        )
    return process, output


def imported(born: preload.Preloaded, folder: Path) -> bool:
    """Whether a copy begins with all imports done."""
    process, output = run(born, folder, "probe", "0")
    process.wait(60)
    return bool(json.loads(output.read_text())["early"] == [True, True])


def up(output: Path) -> None:
    """Wait until a sleeper says that it is there."""
    deadline = time.monotonic() + 30
    while "up" not in output.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process ends within half a minute."""
    try:
        psutil.Process(pid).wait(30)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_is_what_python_m_would_be(born: preload.Preloaded, folder: Path) -> None:
    process, output = run(born, folder, "probe", "3", "two words", TOLD="this")
    assert process.wait(60) == 3 == process.returncode == process.poll()
    found = json.loads(output.read_text())
    assert found.pop("random")
    assert found == {
        "argv": ["3", "two words"],
        "name": "__main__",
        "cwd": str(folder),
        "told": "this",
        "early": [True, True],
        "path": str(folder),
        "leads": True,
        "input": "",
    }


def test_a_module_that_was_imported_runs_as_the_program(
    born: preload.Preloaded, folder: Path
) -> None:
    process, output = run(born, folder, "own")
    assert process.wait(60) == 0
    assert output.read_text() == "False\n"  # no warning of runpy above it


def test_what_cannot_be_imported_is_left_out_and_logged(
    born: preload.Preloaded, folder: Path
) -> None:
    run(born, folder, "probe", "0")[0].wait(60)
    log = (folder / "log").read_text()
    assert "module_that_is_missing" in log
    assert "no_such_module" not in log


def test_two_copies_do_not_share_their_chances(born: preload.Preloaded, folder: Path) -> None:
    drawn = []
    for _ in range(2):
        process, output = run(born, folder, "probe", "0")
        process.wait(60)
        drawn += json.loads(output.read_text())["random"]
    assert len(set(drawn)) == 4


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(born: preload.Preloaded, folder: Path, signum: signal.Signals) -> None:
    process, output = run(born, folder, "sleeper")
    up(output)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(signum)
    assert process.wait(30) == -signum
    process.kill()  # nothing any more


def test_an_interrupt_is_pythons(born: preload.Preloaded, folder: Path) -> None:
    process, output = run(born, folder, "sleeper")
    up(output)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == -signal.SIGINT or "KeyboardInterrupt" in output.read_text()


def test_an_error_is_told_as_pythons(born: preload.Preloaded, folder: Path) -> None:
    process, output = run(born, folder, "broken")
    assert process.wait(30) == 1
    told = output.read_text()
    assert "module_that_is_missing" in told
    assert "Born" not in told


@pytest.mark.parametrize(
    ("argv", "env", "why"),
    [
        (["/usr/bin/other-python", "-m", "probe"], {}, "-m MODULE"),
        ([sys.executable, "-c", "1"], {}, "-m MODULE"),
        ([sys.executable, "-m", "probe"], {"OMP_NUM_THREADS": "7"}, "another OMP_NUM_THREADS"),
    ],
)
def test_what_it_cannot_be_truly_is_refused(
    born: preload.Preloaded, folder: Path, argv: list[str], env: dict[str, str], why: str
) -> None:
    with pytest.raises(preload.Refused, match=why):
        preload.popen(born.address, argv, env={**os.environ, "PYTHONPATH": str(folder), **env})


def test_ends_with_the_process_that_asked(born: preload.Preloaded, folder: Path) -> None:
    code = (
        "import os, sys\nfrom child_processes import preload\n"
        f"p = preload.popen({str(born.address)!r}, [sys.executable, '-m', 'sleeper'],"
        f" cwd={str(folder)!r})\n"
        "print(p.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(folder)}
    asked = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert gone(int(asked.stdout.split()[0]))


def test_ends_with_the_zygote(folder: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    made = preload.start([], env=env, log=folder / "other-log")
    assert made is not None
    process, output = run(made, folder, "sleeper")
    up(output)
    made.stop()
    assert gone(process.pid)
    assert process.wait(30) == -signal.SIGKILL
    with pytest.raises(preload.Refused):
        preload.popen(made.address, [sys.executable, "-m", "probe"])


def test_it_outlives_copies_and_clients_that_end_together(
    born: preload.Preloaded, folder: Path
) -> None:
    for _ in range(20):
        process, _ = run(born, folder, "sleeper")
        os.kill(process.pid, signal.SIGKILL)
        del process  # nobody wants it any more
    process, _ = run(born, folder, "probe", "0")
    assert process.wait(60) == 0
    assert born.alive


def test_ends_when_nobody_wants_it(folder: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    made = preload.start([], env=env, log=folder / "idle-log", idle=0.2)
    assert made is not None
    process, output = run(made, folder, "sleeper")
    up(output)
    time.sleep(0.6)  # three times as long
    assert made.alive, "it has a copy"
    process.kill()
    deadline = time.monotonic() + 30
    while made.alive:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    made.stop()


def test_where_no_socket_can_be_made_there_is_none(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    assert preload.start([], log=folder / "no-log") is None
    assert not list(long.iterdir())
