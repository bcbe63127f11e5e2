"""Forks of a preloaded process behave like ordinary processes, or are refused."""

from __future__ import annotations

import ast
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

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")

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
ENDING = """
import atexit, sys, threading, time
import notes
class Ending:
    def __del__(self): print("finalizer", flush=True)
ending = Ending()
ending.itself = ending
atexit.register(print, "exit handler", flush=True)
def work():
    time.sleep(0.2)
    print("thread", flush=True)
threading.Thread(target=work).start()
if len(sys.argv) > 1:
    end = sys.argv[1]
    sys.exit(None if end == "none" else int(end) if end.strip("-").isdigit() else end)
"""
NOTES = "file = open('notes.txt', 'w')\nfile.write('a line')\n"
OWN = "import sys\nif __name__ == '__main__':\n    print('own' in sys.modules)\n"
IMPORTS = ["fractions", "fractions.Fraction", "own", "numpy", "no_such_module"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    started = tmp_path_factory.mktemp("modules")
    (started / "probe.py").write_text(PROBE)
    (started / "sleeper.py").write_text(SLEEPER)
    (started / "own.py").write_text(OWN)
    (started / "ending.py").write_text(ENDING)
    (started / "notes.py").write_text(NOTES)
    (started / "broken.py").write_text("import module_that_is_missing\n")
    return started


@pytest.fixture(scope="module")
def preloaded(folder: Path) -> Iterator[preload.Preloaded]:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    started = preload.start(IMPORTS, env=env, log=folder / "log")
    assert started is not None
    deadline = time.monotonic() + 60
    while not imported(started, folder):  # it handles requests before all imports are done
        assert time.monotonic() < deadline
    yield started
    started.stop()
    assert not started.address.exists()


def run(
    preloaded: preload.Preloaded, folder: Path, *words: str, **env: str
) -> tuple[preload.Process, Path]:
    """Start a fork whose output goes to a file."""
    output = folder / f"out-{time.monotonic_ns()}"
    with output.open("w") as file:
        process = preload.popen(
            preloaded.address,
            [sys.executable, "-m", *words],
            env={**os.environ, "PYTHONPATH": str(folder), **env},
            cwd=folder,
            stdout=file.fileno(),
            stderr=file.fileno(),
        )
    return process, output


def imported(preloaded: preload.Preloaded, folder: Path) -> bool:
    """Whether a fork starts with all imports done."""
    process, output = run(preloaded, folder, "probe", "0")
    process.wait(60)
    return bool(json.loads(output.read_text())["early"] == [True, True])


def output_of_all(
    preloaded: preload.Preloaded, module: str, folder: Path, env: dict[str, str]
) -> str:
    """What a module prints in a fork that waits for all imports."""
    with (folder / "out").open("w+") as file:
        process = preload.popen(
            preloaded.address, [sys.executable, "-m", module], env=env, cwd=folder,
            stdout=file.fileno(), imports="all",
        )  # fmt: skip
        assert process.wait(60) == 0
        file.seek(0)
        return file.read()


def up(output: Path) -> None:
    """Wait until the sleeper is running."""
    deadline = time.monotonic() + 90
    while "up" not in output.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process ends within a minute."""
    try:
        psutil.Process(pid).wait(60)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_a_fork_behaves_like_python_m(preloaded: preload.Preloaded, folder: Path) -> None:
    process, output = run(preloaded, folder, "probe", "3", "two words", TOLD="this")
    assert process.wait(60) == 3 == process.returncode == process.poll()
    actual = json.loads(output.read_text())
    assert actual.pop("random")
    assert actual == {
        "argv": ["3", "two words"],
        "name": "__main__",
        "cwd": str(folder),
        "told": "this",
        "early": [True, True],
        "path": str(folder),
        "leads": True,
        "input": "",
    }


def test_a_preloaded_module_can_run_as_the_program(
    preloaded: preload.Preloaded, folder: Path
) -> None:
    process, output = run(preloaded, folder, "own")
    assert process.wait(60) == 0
    assert output.read_text() == "False\n"  # without a warning of runpy


@pytest.mark.parametrize(
    ("words", "code", "lines"),
    [
        ([], 0, ["thread", "exit handler", "finalizer"]),
        (["none"], 0, ["thread", "exit handler", "finalizer"]),
        (["-1"], 255, ["thread", "exit handler", "finalizer"]),
        (["258"], 2, ["thread", "exit handler", "finalizer"]),
        (["a message"], 1, ["a message", "thread", "exit handler", "finalizer"]),
    ],
)
def test_a_fork_ends_like_python_m(
    preloaded: preload.Preloaded, folder: Path, words: list[str], code: int, lines: list[str]
) -> None:
    process, output = run(preloaded, folder, "ending", *words)
    assert process.wait(60) == code
    assert sorted(output.read_text().splitlines()) == sorted(lines)
    assert (folder / "notes.txt").read_text() == "a line"


def test_a_missing_module_is_not_logged(preloaded: preload.Preloaded, folder: Path) -> None:
    run(preloaded, folder, "probe", "0")[0].wait(60)
    assert "no_such_module" not in (folder / "log").read_text()


def test_forks_have_different_random_states(preloaded: preload.Preloaded, folder: Path) -> None:
    drawn = []
    for _ in range(2):
        process, output = run(preloaded, folder, "probe", "0")
        process.wait(60)
        drawn += json.loads(output.read_text())["random"]
    assert len(set(drawn)) == 4


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_terminates_a_fork(
    preloaded: preload.Preloaded, folder: Path, signum: signal.Signals
) -> None:
    process, output = run(preloaded, folder, "sleeper")
    up(output)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(signum)
    assert process.wait(60) == -signum
    process.kill()  # no effect


def test_sigint_raises_keyboard_interrupt(preloaded: preload.Preloaded, folder: Path) -> None:
    process, output = run(preloaded, folder, "sleeper")
    up(output)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT or "KeyboardInterrupt" in output.read_text()


def test_an_error_is_reported_as_by_python(preloaded: preload.Preloaded, folder: Path) -> None:
    process, output = run(preloaded, folder, "broken")
    assert process.wait(60) == 1
    assert "module_that_is_missing" in output.read_text()
    assert "Forked" not in output.read_text()


@pytest.mark.parametrize(
    ("argv", "env", "why"),
    [
        (["/usr/bin/other-python", "-m", "probe"], {}, "-m MODULE"),
        ([sys.executable, "-c", "1"], {}, "-m MODULE"),
        ([sys.executable, "-m", "probe"], {"OMP_NUM_THREADS": "7"}, "OMP_NUM_THREADS"),
    ],
)
def test_a_different_process_is_refused(
    preloaded: preload.Preloaded, folder: Path, argv: list[str], env: dict[str, str], why: str
) -> None:
    with pytest.raises(preload.Refused, match=why):
        preload.popen(preloaded.address, argv, env={**os.environ, "PYTHONPATH": str(folder), **env})


def test_a_program_may_differ_in_variables_that_it_does_not_use(
    preloaded: preload.Preloaded, folder: Path
) -> None:
    argv = [sys.executable, "-m", "probe", "0"]
    env = {**os.environ, "PYTHONPATH": str(folder), "AZURE_OTHER": "1"}
    other = {**env, "OMP_NUM_THREADS": "7"}
    with pytest.raises(preload.Refused, match=r": other values of OMP_NUM_THREADS$"):
        preload.popen(preloaded.address, argv, env=other, unused_variables=["AZURE_"])
    with (folder / "out").open("w") as file:
        process = preload.popen(
            preloaded.address, argv, env=env, cwd=folder, stdout=file.fileno(),
            unused_variables=["AZURE_"],
        )  # fmt: skip
    assert process.wait(60) == 0


@pytest.mark.parametrize("line", ["raise TimeoutError", "import module_that_is_missing"])
def test_no_fork_has_half_of_a_module(tmp_path: Path, line: str) -> None:
    """A package whose import fails once, as azureml-mlflow's does if its server answers late."""
    package = tmp_path / "late"
    package.mkdir()
    (package / "part.py").write_text("")
    (package / "__init__.py").write_text(f"import late.part\n{line}\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    started = preload.start(["late"], env=env, log=tmp_path / "log")
    assert started is not None
    try:
        with pytest.raises(preload.Refused, match="late"):
            preload.popen(
                started.address,
                [sys.executable, "-m", "late"],
                env=env,
                cwd=tmp_path,
                imports="all",
            )
    finally:
        started.stop()
    assert line.split()[1] in (tmp_path / "log").read_text()


def test_a_variable_that_an_import_sets_is_no_difference(tmp_path: Path) -> None:
    (tmp_path / "setting.py").write_text("import os\nos.environ['MPLCONFIGDIR'] = '/tmp/x'\n")
    (tmp_path / "shown.py").write_text("import os\nprint(os.environ.get('MPLCONFIGDIR'))\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    env.pop("MPLCONFIGDIR", None)
    preloaded = preload.start(["setting"], env=env, log=tmp_path / "log")
    assert preloaded is not None
    assert output_of_all(preloaded, "shown", tmp_path, env) == "None\n"
    preloaded.stop()


def test_a_folder_that_is_missing_is_refused(preloaded: preload.Preloaded, folder: Path) -> None:
    argv, env = [sys.executable, "-m", "probe"], {**os.environ, "PYTHONPATH": str(folder)}
    with pytest.raises(preload.Refused, match="no-such-folder"):
        preload.popen(preloaded.address, argv, env=env, cwd=folder / "no-such-folder")
    assert preloaded.alive


def test_each_step_may_have_its_own_azure_cli_folder(
    preloaded: preload.Preloaded, folder: Path
) -> None:
    process, _ = run(
        preloaded,
        folder,
        "probe",
        "0",
        AZURE_CONFIG_DIR=str(folder),
        AZURE_AUTHORITY_HOST="https://localhost:1",
    )
    assert process.wait(60) == 0


def test_a_fork_ends_with_its_client(preloaded: preload.Preloaded, folder: Path) -> None:
    code = (
        "import os, sys\nfrom child_processes import preload\n"
        f"p = preload.popen({str(preloaded.address)!r}, [sys.executable, '-m', 'sleeper'],"
        f" cwd={str(folder)!r})\n"
        "print(p.pid, file=sys.stderr, flush=True)\n"  # the fork prints to the standard output
        "os._exit(0)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(folder)}
    completed = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert gone(int(completed.stderr))


def test_a_fork_ends_with_the_preloaded_process(folder: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    started = preload.start([], env=env, log=folder / "other-log")
    assert started is not None
    process, output = run(started, folder, "sleeper")
    up(output)
    started.stop()
    assert gone(process.pid)
    assert process.wait(60) == -signal.SIGKILL
    with pytest.raises(preload.Refused):
        preload.popen(started.address, [sys.executable, "-m", "probe"])


def test_it_survives_forks_and_clients_that_end_at_the_same_time(
    preloaded: preload.Preloaded, folder: Path
) -> None:
    for _ in range(20):
        process, _ = run(preloaded, folder, "sleeper")
        os.kill(process.pid, signal.SIGKILL)
        del process  # closes its socket
    process, _ = run(preloaded, folder, "probe", "0")
    assert process.wait(60) == 0
    assert preloaded.alive


def test_it_exits_when_it_is_idle(folder: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    started = preload.start([], env=env, log=folder / "idle-log", idle=1)
    assert started is not None
    process, output = run(started, folder, "sleeper")
    up(output)
    time.sleep(1.5)  # longer than that
    assert started.alive, "it has a fork"
    process.kill()
    deadline = time.monotonic() + 90
    while started.alive:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    started.stop()


OWNER = """
import os, signal, sys
from pathlib import Path
from child_processes import preload
started = preload.start(["fractions"], log=Path(sys.argv[1]))
preload.popen(started.address, [sys.executable, "-m", "calendar"]).wait(60)  # it is up
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_owner_leaves_no_folder(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", OWNER, str(tmp_path / "log")]
    assert subprocess.run(command, env=env, check=False).returncode == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while list(tmp_path.glob("preload-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_log_that_cannot_be_opened_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "log").mkdir()
    with pytest.raises(IsADirectoryError):
        preload.start([], log=tmp_path / "log")
    assert list(tmp_path.glob("preload-*")) == []


def test_start_returns_none_without_a_socket(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    assert preload.start([], log=folder / "no-log") is None
    assert not list(long.iterdir())


def test_a_fork_waits_for_all_modules_if_it_needs_them(tmp_path: Path) -> None:
    names = [f"slow_{number}" for number in range(3)]
    for name in names:
        (tmp_path / f"{name}.py").write_text("import time\ntime.sleep(0.3)\n")
    shown = "import sys\nprint(sum(name.startswith('slow_') for name in sys.modules))\n"
    (tmp_path / "count.py").write_text(shown)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    preloaded = preload.start(names, env=env, log=tmp_path / "log")
    assert preloaded is not None
    assert int(output_of_all(preloaded, "count", tmp_path, env)) == len(names)
    preloaded.stop()


def test_a_function_of_a_module_is_called_after_its_import(tmp_path: Path) -> None:
    (tmp_path / "cache.py").write_text("entries = []\ndef fill():\n    entries.append(1)\n")
    (tmp_path / "shown.py").write_text("import cache\nprint(cache.entries)\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    preloaded = preload.start(["cache:fill"], env=env, log=tmp_path / "log")
    assert preloaded is not None
    assert output_of_all(preloaded, "shown", tmp_path, env) == "[1]\n"
    preloaded.stop()


def test_modules_that_read_variables_can_be_imported_later(tmp_path: Path) -> None:
    code = "import os, pathlib, time\nfolder = pathlib.Path(__file__).parent\n"
    code += "seen = os.environ.get('MPL_SEEN')\n"
    for name in ("late", "last"):
        (tmp_path / f"{name}.py").write_text(code)
    code += "(folder / 'begun').touch()\nwhile not (folder / 'go').exists(): time.sleep(0.01)\n"
    (tmp_path / "early.py").write_text(code)
    (tmp_path / "show.py").write_text(
        "import sys\nprint([m for m in sys.modules if m in ('early', 'late', 'last')])\n"
        "print([sys.modules[m].seen for m in ('early', 'late')])\n"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    started = preload.start(["early", "last"], env=env, log=tmp_path / "log")
    assert started is not None
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "begun").exists():  # before, the request would be the first
            assert time.monotonic() < deadline
            time.sleep(0.01)
        preload.import_next(started.address, ["late"], {"MPL_SEEN": "yes"})
        (tmp_path / "go").touch()
        argv = [sys.executable, "-m", "show"]
        with pytest.raises(preload.Refused, match="other values of MPL_SEEN"):
            preload.popen(started.address, argv, env=env, cwd=tmp_path)
        with (tmp_path / "out").open("w") as file:
            process = preload.popen(
                started.address, argv, env={**env, "MPL_SEEN": "yes"}, cwd=tmp_path,
                stdout=file.fileno(), imports="all",
            )  # fmt: skip
        assert process.wait(60) == 0
    finally:
        started.stop()
    order, seen = (tmp_path / "out").read_text().splitlines()
    assert ast.literal_eval(order) == ["early", "late", "last"]
    assert ast.literal_eval(seen) == [None, "yes"]


def test_a_hint_does_not_wait_for_an_import(tmp_path: Path) -> None:
    wait = "import os, time\nwhile not os.path.exists({0!r}): time.sleep(0.01)\n"
    (tmp_path / "slow.py").write_text(wait.format(str(tmp_path / "go")))
    (tmp_path / "last.py").write_text("")
    (tmp_path / "shown.py").write_text("import sys\nprint('last' in sys.modules)\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    preloaded = preload.start(["slow"], later=["last"], env=env, log=tmp_path / "log")
    assert preloaded is not None
    preload.import_all(preloaded.address)  # its caller may be what the import waits for
    (tmp_path / "go").touch()
    assert output_of_all(preloaded, "shown", tmp_path, env) == "True\n"
    preloaded.stop()


def test_a_request_whose_client_waits_no_longer_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(3)\n")
    (tmp_path / "mark.py").write_text("import sys\nopen(sys.argv[1], 'w').close()\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    preloaded = preload.start(["slow"], env=env, log=tmp_path / "log")
    assert preloaded is not None
    argv = [sys.executable, "-m", "mark"]
    with pytest.raises(preload.Refused):
        preload.popen(
            preloaded.address, [*argv, "first"], env=env, cwd=tmp_path, imports="all", timeout=0.1
        )
    process = preload.popen(preloaded.address, [*argv, "second"], env=env, cwd=tmp_path)
    assert process.wait(60) == 0
    assert (tmp_path / "second").exists()
    assert not (tmp_path / "first").exists()
    preloaded.stop()


SCRIPT = """
import json, os, pickle, sys
import helper  # imports platform
class Thing: pass
print(json.dumps({
    "argv": sys.argv, "file": __file__, "name": __name__, "cwd": os.getcwd(), "path": sys.path[0],
    "early": "numpy" in helper.AT_IMPORT, "main": sys.modules["__main__"].Thing is Thing,
    "pickled": pickle.loads(pickle.dumps(Thing)) is Thing, "prefix": sys.prefix,
    "orig": sys.orig_argv[1:], "input": sys.stdin.read(), "told": os.environ.get("TOLD"),
}))
if len(sys.argv) > 1: sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def programs(
    preloaded: preload.Preloaded, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the programs python and python3, below a path with a space."""
    written = tmp_path_factory.mktemp("the programs") / "bin"
    preload.write_programs(written, preloaded.address, ["pickle", "platform"])
    return written


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "train.py").write_text(SCRIPT)
    (tmp_path / "job" / "helper.py").write_text(
        "import sys\nAT_IMPORT = set(sys.modules)\nimport platform\n"
    )
    (tmp_path / "job" / "fail.py").write_text(
        "import pickle, platform\n\ndef work():\n    raise ValueError('no rows')\n\nwork()\n"
    )
    (tmp_path / "job" / "sleeper.py").write_text(f"import pickle, platform\n{SLEEPER}")
    return tmp_path


def shell(
    programs: Path, folder: Path, line: str, cwd: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command line with the programs first on its PATH."""
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PYTHONPATH": str(folder), "PATH": path, **env}
    return subprocess.run(
        ["bash", "-c", line], env=variables, cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["python job/train.py 3 4", "python3 -u ./job/train.py 3 4"])
def test_the_program_runs_a_script_as_python_does(
    programs: Path, folder: Path, code: Path, command: str
) -> None:
    fork = shell(programs, folder, f"echo text | TOLD=this {command}", code)
    plain = shell(Path(sys.executable).parent, folder, f"echo text | TOLD=this {command}", code)
    assert fork.returncode == plain.returncode == 3
    told, expected = json.loads(fork.stdout), json.loads(plain.stdout)
    assert told.pop("early") is True
    assert expected.pop("early") is False
    assert told.pop("orig")[-3:] == expected.pop("orig")[-3:]
    assert told == expected
    assert fork.stderr == plain.stderr == ""


def test_the_program_reports_an_error_as_python_does(
    programs: Path, folder: Path, code: Path
) -> None:
    fork = shell(programs, folder, "python job/fail.py", code)
    plain = shell(Path(sys.executable).parent, folder, "python job/fail.py", code)
    assert fork.returncode == plain.returncode == 1
    assert fork.stderr == plain.stderr


def test_the_program_runs_a_module_of_the_folder(programs: Path, folder: Path, code: Path) -> None:
    done = shell(programs, folder, "python -m train 5", code / "job")
    assert done.returncode == 5
    assert json.loads(done.stdout)["early"] is True


@pytest.mark.parametrize(
    "command",
    [
        "umask 077; python job/train.py",
        "ulimit -n 99; python job/train.py",
        "python -W error job/train.py",
        "OMP_NUM_THREADS=7 python job/train.py",
        "python job/train.py 3>out",
        "cat job/train.py > script; PYTHONPATH=$PYTHONPATH:job python script",
    ],
)
def test_the_program_starts_an_ordinary_process_if_a_fork_would_differ(
    programs: Path, folder: Path, code: Path, command: str
) -> None:
    done = shell(programs, folder, command, code)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["early"] is False


EARLY = "import sys\nprint('numpy' in sys.modules)\n"


@pytest.mark.parametrize(
    ("code_files", "command", "early"),
    [
        ({"a.py": f"{EARLY}import pickle, platform.x\n"}, "python a.py", True),
        ({"a.py": f"{EARLY}import pickle\n"}, "python a.py", False),
        ({"a.py": f"{EARLY}import pickle\ndef f():\n  import platform\n"}, "python a.py", False),
        ({"a.py": f"{EARLY}import pickle\n", "b.py": "import platform"}, "python a.py", False),
        ({"a.py": f"{EARLY}import pickle, b.c\n", "b/c.py": "import platform"}, "python a.py", True),
        ({"a.py": f"{EARLY}from b import c\n", "b/c.py": "import pickle, platform"}, "python a.py", True),
        ({"p/__main__.py": f"{EARLY}import pickle", "p/__init__.py": "import platform"}, "python -m p", True),
        ({"p/__main__.py": f"{EARLY}import pickle", "main.py": "import platform"}, "python -m p", True),
        ({"p/__main__.py": f"{EARLY}import pickle", "p/__init__.py": ""}, "python -m p", False),
    ],
)  # fmt: skip
def test_only_code_that_imports_the_packages_itself_is_a_fork(
    programs: Path,
    folder: Path,
    tmp_path: Path,
    code_files: dict[str, str],
    command: str,
    early: bool,
) -> None:
    for name, text in code_files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = shell(programs, folder, command, tmp_path)
    assert done.stdout.splitlines()[:1] == [str(early)], done.stderr


def test_the_modules_of_the_program_are_not_hidden(
    programs: Path, folder: Path, code: Path
) -> None:
    (code / "job" / "numpy").mkdir()
    (code / "job" / "numpy" / "__init__.py").write_text("OWN = True\n")
    (code / "job" / "own_numpy.py").write_text("import numpy, pickle, platform\nprint(numpy.OWN)\n")
    done = shell(programs, folder, "python job/own_numpy.py", code)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_the_program_runs_everything_else_with_the_interpreter(
    programs: Path, folder: Path, code: Path
) -> None:
    line = "python -c 'import sys; print(sys.argv)' a && python -m json.tool <<< '[1]' && python -V"
    done = shell(programs, folder, line, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "['-c', 'a']"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_to_the_program_ends_its_fork(
    programs: Path, folder: Path, code: Path, signum: signal.Signals
) -> None:
    output = code / "out"
    with output.open("w") as file:
        process = subprocess.Popen(
            [programs / "python", "sleeper.py"],
            cwd=code / "job", env={**os.environ, "PYTHONPATH": str(folder)}, stdout=file,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    up(output)
    (fork,) = [
        each
        for each in psutil.process_iter(["ppid"])  # others may end meanwhile
        if each.info["ppid"] != process.pid and _works_in(each, code / "job")
    ]
    process.send_signal(signum)
    assert process.wait(60) == -signum
    assert gone(fork.pid)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd() == str(folder) and "_server" in " ".join(process.cmdline())
    except psutil.Error:
        return False
