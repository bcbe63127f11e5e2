"""The command line of ``nbrelease run``, with real kernels."""

from __future__ import annotations

import ast
import json
import sys
import tempfile
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import nbformat
import pytest
from papermill.engines import NotebookExecutionManager

import child_processes
from nbrelease.cli import main
from nbrelease.records import result_of
from nbrelease.verification import verify

pytestmark = pytest.mark.functional


def run(*words: str) -> int:
    return int(main(["run", *words, "--env", "dev"]))


def results(project) -> dict:
    return {
        path.stem: result_of(path)
        for path in sorted(project.root.glob("evidence/*/notebooks/*.ipynb"))
    }


def states(result) -> dict[str, str]:
    return {cell.id: cell.state for cell in result.cells}


def stream(text: str):
    return [nbformat.v4.new_output("stream", name="stdout", text=text)]


def test_a_local_workspace_is_not_used_for_an_environment_on_azure(project, monkeypatch, capfd):
    project.runbook("01_a", ("a", [], "print(1)"))
    monkeypatch.setenv("ARM_CLOUD_METADATA_URL", "https://localhost:4711/metadata/endpoints")
    monkeypatch.delenv("TF_BUILD", raising=False)
    assert run("01_a") == 2
    [line] = capfd.readouterr().err.splitlines()
    assert "localhost:4711" in line
    assert not (project.root / "evidence").exists()


def test_published_values_and_settings_are_injected(project, capfd):
    project.runbook(
        "01_a",
        (
            "p",
            ["parameters"],
            "model_name: str = 'x'\ncount: int | None = None\nurl: str = 'a=b#c'  # kept",
        ),
        (
            "r",
            [],
            "from nbrelease import record\nrecord(model_version='7', seen=[model_name, count, url])",
        ),
    )
    project.runbook(
        "02_b",
        ("p", ["parameters"], "model_version: str = '0'\nseen: list = []"),
        (
            "t",
            ["test"],
            "assert model_version == '7' and seen == ['diabetes-classifier', 3, 'a=b#c'], seen",
        ),
    )
    assert run("01_a", "-p", "count=3") == 0
    assert run("runbooks/02_b.ipynb") == 0
    first, second = results(project).values()
    assert first.parameters == {"model_name": "diabetes-classifier", "count": 3}
    assert second.parameters["model_version"] == "7"
    assert first.release_id == second.release_id
    assert first.verdict == second.verdict == "passed"
    assert "01_a.ipynb: passed, 2 cells" in capfd.readouterr().out


def test_values_come_from_the_runbooks_that_ran_before_whatever_their_names(project):
    project.runbook("train", ("r", [], "from nbrelease import record\nrecord(model_version='7')"))
    project.runbook(
        "register",
        ("p", ["parameters"], "model_version: str = '0'"),
        ("r", [], "from nbrelease import record\nrecord(model_version='8')"),
    )
    assert run("train", "register") == 0
    assert results(project)["register"].parameters["model_version"] == "7"
    assert run("register") == 0
    again = results(project)["register"]
    assert (again.parameters["model_version"], again.first_started is None) == ("7", False)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["01_a", "-p", "cuont=3"], ["01_a.ipynb", "cuont", "count?"]),
        (["01_a", "-p", "count=three"], ["01_a.ipynb:p:1", "count", "'three'", "int"]),
        (["01_a", "-p", "count"], ["-p count:", "NAME=VALUE"]),
        (["01_b"], ["01_b:", "01_a?"]),
        (["01_a", "--release", "dev-1"], ["dev-1", "evidence/"]),
    ],
)
def test_wrong_arguments_run_nothing(project, capfd, words, named):
    project.runbook("01_a", ("p", ["parameters"], "count: int = 1"))
    assert run(*words) == 2
    err = capfd.readouterr().err
    assert [each for each in named if each not in err] == []
    assert err.count("\n") == 1
    assert not results(project)


def test_each_cell_has_a_state_and_the_worst_is_the_verdict(project, capfd):
    project.runbook(
        "01_a",
        ("ok", [], "1"),
        ("skipped", ["skip"], "raise SystemError"),
        ("nbdev-skipped", [], "#| eval: false\nraise SystemError"),
        ("meant-to", ["raises-exception"], "1/0"),
        ("meant-to-comment", [], "# NBVAL_RAISES_EXCEPTION\n1/0"),
        ("bad", [], "raise ValueError('no column Age\\nsecond line')"),
        ("after", [], "1"),
    )
    assert run("01_a") == 1
    (result,) = results(project).values()
    assert states(result) == {
        "ok": "passed",
        "skipped": "skipped",
        "nbdev-skipped": "skipped",
        "meant-to": "passed",
        "meant-to-comment": "passed",
        "bad": "failed",
        "after": "not run",
    }
    assert result.verdict == "failed"
    err = capfd.readouterr().err
    assert "01_a.ipynb" in err
    assert "cell bad: ValueError: no column Age" in err
    assert "Traceback" not in err


def test_a_cell_that_should_raise_and_does_not_fails(project):
    project.runbook("01_a", ("meant-to", ["raises-exception"], "1"))
    assert run("01_a") == 1
    assert states(*results(project).values()) == {"meant-to": "failed"}


def test_a_clean_exit_in_the_middle_does_not_pass(project, capfd):
    project.runbook("01_a", ("stop", [], "import sys; sys.exit(0)"), ("after", [], "1"))
    assert run("01_a") == 1
    (result,) = results(project).values()
    assert states(result) == {"stop": "passed", "after": "not run"}
    assert result.verdict == "not run"
    assert "cell after" in capfd.readouterr().err


QUIET = """\
def quiet(shell, kind, error, traceback, tb_offset=None):
    return []  # no error output: the reply alone has the error
get_ipython().set_custom_exc((ValueError,), quiet)
"""
ENDS = {
    "exit": ("import os; os._exit(1)", [], "DeadKernelError"),
    "kill": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", [], "DeadKernelError"),
    "kill in a cell that should raise": (
        "import os; os._exit(1)", ["raises-exception"], "DeadKernelError",
    ),
    "timeout": ("import time; time.sleep(60)", [], "CellTimeoutError"),
    "error without an output": (f"{QUIET}raise ValueError('quiet')", [], "ValueError"),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_a_cell_without_a_good_reply_fails(project, monkeypatch, end):
    source, tags, ename = ENDS[end]
    if ename == "CellTimeoutError":
        # For the cells before it too, which need their time on a busy machine.
        monkeypatch.setenv("NBRELEASE_SET_CELL_TIMEOUT_SECONDS", "5")
    setup = QUIET if ename == "ValueError" else "1"
    project.runbook(
        "01_a", ("before", [], setup), ("end", ["test", *tags], source), ("after", ["test"], "1")
    )
    assert run("01_a") == 1
    (result,) = results(project).values()
    assert result.verdict == "failed"
    assert states(result) == {"before": "passed", "end": "failed", "after": "not run"}
    assert result.cells[1].error.ename == ename
    (folder,) = project.root.glob("evidence/*Z-*")
    assert main(["evidence", "build", "--env", "dev", folder.name]) == 0
    report = (folder / "junit" / "01_a.xml").read_text()
    assert 'failures="1"' in report
    assert ename in report
    assert not (checked := verify(folder)).failed, checked.text()


def test_only_marked_cells_are_compared(project, capfd):
    (project.root / "runbooks" / "nbval_sanitize.cfg").write_text(
        "[time]\nregex: \\d+ ms\nreplace: TIME\n"
    )
    cells = (
        ("same", ["check"], "print('5 columns')"),
        ("cleaned", [], "# NBVAL_CHECK_OUTPUT\nprint('took 31 ms')"),
        ("ignored", ["check"], "# NBVAL_IGNORE_OUTPUT\nprint('anything')"),
        ("unmarked", [], "print('whatever')"),
    )
    outputs = {
        "same": stream("5 columns\n"),
        "cleaned": stream("took 9 ms\n"),
        "ignored": stream("else\n"),
        "unmarked": stream("else\n"),
    }
    project.runbook("01_a", *cells, outputs=outputs)
    assert run("01_a") == 0
    project.runbook("02_b", *cells, outputs=outputs | {"same": stream("6 columns\n")})
    assert run("02_b") == 1
    first, second = results(project).values()
    assert [cell.check is not None for cell in first.cells] == [True, True, False, False]
    assert states(second)["same"] == "check failed"
    assert (second.cells[0].check.expected, second.cells[0].check.found) == (
        "6 columns\n",
        "5 columns\n",
    )
    assert "cell same" in capfd.readouterr().err


def test_a_missing_kernel_is_one_line_and_nothing_runs(project, capfd):
    project.runbook("01_a", ("c", [], "1"), kernel="julia-9")
    assert run("01_a") == 2
    err = capfd.readouterr().err
    assert "julia-9" in err
    assert "python3" in err
    assert err.count("\n") == 1


def test_the_executed_notebook_contains_no_folder_of_this_machine(project):
    project.runbook(
        "01_a", ("c", [], "import os\nprint(os.getcwd())\nimport json\njson.loads('{')")
    )
    assert run("01_a") == 1
    (path,) = project.root.glob("evidence/*/notebooks/*.ipynb")
    text = path.read_text()
    assert str(project.root) not in text
    assert sys.prefix not in text
    assert sys.base_prefix not in text
    assert "./runbooks" in text


def test_folders_in_the_code_of_a_runbook_stay(project):
    code = f"folder = {tempfile.gettempdir()!r}\nprint(folder)"
    project.runbook("01_a", ("c", [], code))
    assert run("01_a") == 0
    (path,) = project.root.glob("evidence/*/notebooks/*.ipynb")
    cell = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}["c"]
    assert cell.source == code
    assert cell.outputs[0].text == "<tmp>\n"


def test_a_killed_run_leaves_a_valid_notebook_and_no_kernel(project):
    project.runbook(
        "01_a",
        ("one", [], "import os; print(os.getpid(), flush=True)"),
        ("two", [], "import time; time.sleep(300)"),
    )
    process = child_processes.spawn(
        [sys.executable, "-m", "nbrelease", "run", "01_a", "--env", "dev"], stdout=-3, stderr=-3
    )
    deadline = time.monotonic() + 120
    pid = None
    while pid is None and time.monotonic() < deadline:
        time.sleep(0.1)
        for path in project.root.glob("evidence/*/notebooks/*.ipynb"):
            outputs = json.loads(path.read_text())["cells"][0]["outputs"]
            pid = int("".join(outputs[0]["text"])) if outputs else None
    assert pid is not None
    process.kill()
    process.wait()
    (result,) = results(project).values()
    assert (result.verdict, result.ended) == ("not run", None)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("the kernel is still running")


def test_while_a_cell_runs_the_file_contains_what_ran_before_it(project):
    look = """
import json, pathlib
(path,) = pathlib.Path("..").glob("evidence/*/notebooks/*.ipynb")
cells = json.loads(path.read_text())["cells"]
print([(c["id"], c["metadata"]["papermill"]["status"], len(c["outputs"])) for c in cells])
"""
    project.runbook("01_a", ("a", [], look), ("b", [], look), ("c", [], look + "raise ValueError"))
    assert run("01_a") == 1
    (path,) = project.root.glob("evidence/*/notebooks/*.ipynb")
    cells = json.loads(path.read_text())["cells"]
    seen = [ast.literal_eval("".join(cell["outputs"][0]["text"])) for cell in cells]
    pending, running = ("pending", 0), ("running", 0)
    done = ("completed", 1)
    assert seen == [
        [(name, *state) for name, state in zip("abc", states, strict=True)]
        for states in ((running, pending, pending), (done, running, pending), (done, done, running))
    ]
    assert [cell["metadata"]["papermill"]["status"] for cell in cells] == [
        "completed", "completed", "failed",
    ]  # fmt: skip


def test_the_output_of_a_long_cell_is_saved_while_it_runs(project, monkeypatch):
    """papermill saves every 30 seconds; a run that is killed leaves the output until then."""
    interval = property(lambda _: 0.1, lambda *_: None)
    monkeypatch.setattr(NotebookExecutionManager, "autosave_cell_every", interval, raising=False)
    code = """
import json, pathlib, time
(path,) = pathlib.Path("..").glob("evidence/*/notebooks/*.ipynb")
print("early", flush=True)
time.sleep(0.5)
print("later", flush=True)
deadline = time.monotonic() + 20
while not json.loads(path.read_text())["cells"][0]["outputs"]:
    assert time.monotonic() < deadline
    time.sleep(0.1)
"""
    project.runbook("01_a", ("a", [], code))
    assert run("01_a") == 0


def test_check_compares_an_executed_notebook_with_its_current_source(project, capfd, tmp_path):
    cells = (("same", ["check"], "print('5 columns')"), ("t", ["test"], "assert True"))
    project.runbook("01_a", *cells, outputs={"same": stream("5 columns\n")})
    assert run("01_a") == 0
    (executed,) = project.root.glob("evidence/*/notebooks/01_a.ipynb")
    before = executed.read_bytes()
    report = project.root / "junit"
    assert main(["check", str(executed.parent), "--junit", str(report)]) == 0
    assert "01_a.ipynb" in capfd.readouterr().out
    assert 'tests="2" failures="0"' in (report / "01_a.xml").read_text()
    project.runbook("01_a", *cells, outputs={"same": stream("6 columns\n")})
    assert main(["check", str(executed), "--junit", str(report)]) == 1
    assert "cell same" in capfd.readouterr().err
    assert 'failures="1"' in (report / "01_a.xml").read_text()
    assert executed.read_bytes() == before
    project.runbook("01_a", *cells, ("more", [], "1"))
    assert main(["check", str(executed)]) == 2
    err = capfd.readouterr().err
    assert "missing cell more" in err
    assert "runbooks/01_a.ipynb" in err


def test_nothing_to_check_is_a_failure(project):
    project.runbook("01_a", ("c", [], "1"))
    assert run("01_a") == 0
    (executed,) = project.root.glob("evidence/*/notebooks/01_a.ipynb")
    assert main(["check", str(executed)]) == 1


HEAD = """\
from datetime import UTC, datetime
from nbrelease import record
now = datetime.now(UTC).isoformat()
"""
ROLLBACK = "record(rollback={'from': 'b', 'to': 'a', 'time': now, 'reason': 'slow answers'})"
ROLLOUT = "record(rollout=[{'time': now, 'traffic': {'a': 100}, 'decision': 'roll back', 'why': 'slow'}])\nassert False"


@pytest.mark.parametrize(("source", "code"), [(ROLLBACK, 0), (ROLLOUT, 1)])
def test_a_rollback_by_hand_builds_its_pack(project, capfd, source, code):
    project.runbook("09_back", ("back", [], HEAD + source), ("t", ["test"], "assert True"))
    assert run("09_back") == code
    [pack] = (project.root / "evidence").iterdir()
    assert f"evidence  evidence/{pack.name}/index.html" in capfd.readouterr().out
    record = json.loads((pack / "record.json").read_text())
    assert record["verdict"] == "rolled back"
    report = verify(pack)
    assert not report.failed, report.text()
    project.runbook("01_next", ("t", ["test"], "assert True"))
    assert run("01_next") == 0
    assert (
        len(list((project.root / "evidence").iterdir())) == 2
    )  # the next run starts a new release


TYPED = """\
from __future__ import annotations
import datetime
import pathlib
from datetime import date
from pathlib import Path
from typing import Literal
whole: bool = False
count: int = 1
share: float = 0.5
name: str = 'x'
folder: Path = Path('a b')
other: pathlib.Path = pathlib.Path('.')
start: date = date(2026, 1, 1)
until: datetime.date | None = None
names: list[str] = []
rows: list = []
limits: dict = {}
size: Literal['s', 'l'] = 's'
late: int | None = 3
"""
VALUES = {
    "whole": "true", "count": "-7", "share": "1e-3", "name": "a 'b' \"c\" \\\\ \u65e5\u672c # = {x}",
    "folder": "c d/e", "other": "/x y", "start": "2026-02-03", "until": "2027-01-31",
    "names": '["a,b", "c"]', "rows": '[1, null, true, {"k": [0.5]}]', "limits": '{"a b": -1.5}',
    "size": "l", "late": "None",
}  # fmt: skip
CHECK = """\
assert whole is True and count == -7 and share == 0.001 and size == 'l' and late is None
assert name == 'a \\'b\\' "c" \\\\\\\\ \u65e5\u672c # = {x}', name
assert folder / 'x' == Path('c d/e/x') and other == pathlib.Path('/x y')
assert start == date(2026, 2, 3) and until - start == datetime.timedelta(362)
assert names == ['a,b', 'c'] and rows == [1, None, True, {'k': [0.5]}] and limits == {'a b': -1.5}
"""


def test_every_parameter_type_reaches_the_kernel_and_the_record(project, caplog):
    project.runbook("01_a", ("p", ["parameters"], TYPED), ("c", ["test"], CHECK))
    options = [word for name, value in VALUES.items() for word in ("-p", f"{name}={value}")]
    assert run("01_a", *options) == 0
    assert not [each for each in caplog.records if each.levelname == "WARNING"]
    (result,) = results(project).values()
    known = result.parameters
    assert (known["folder"], known["start"], known["late"]) == ("c d/e", "2026-02-03", None)
    assert known["rows"] == [1, None, True, {"k": [0.5]}]
    (folder,) = project.root.glob("evidence/*Z-*")
    assert main(["evidence", "build", "--env", "dev", folder.name]) == 0
    assert not (checked := verify(folder)).failed, checked.text()


@pytest.mark.parametrize("value", ["share=nan", "share=inf", "rows=[NaN]", "start=2026-02-30"])
def test_values_that_json_or_the_type_cannot_hold_are_rejected(project, capfd, value):
    project.runbook("01_a", ("p", ["parameters"], TYPED))
    assert run("01_a", "-p", value) == 2
    assert f"parameter {value.partition('=')[0]}" in capfd.readouterr().err


TERMINAL = """\
print('a\\x1b]8;;http://x\\x07link\\x1b]8;;\\x07 b\\x08c nul\\x00')
print('shown')
raise ValueError('got \\x1b[31mred\\x1b[0m and \\x00')
"""


def test_control_characters_do_not_reach_pages_reports_and_the_terminal(project, capfd):
    project.runbook("01_a", ("c", ["test"], TERMINAL))
    assert run("01_a") == 1
    err = capfd.readouterr().err
    assert "got red and ␀" in err
    (folder,) = project.root.glob("evidence/*Z-*")
    assert main(["evidence", "build", "--env", "dev", folder.name]) == 0
    page = (folder / "html" / "01_a.html").read_text()
    assert "alink b" in page
    assert "shown" in page
    for path in [*folder.glob("**/*.html"), *folder.glob("**/*.xml"), *folder.glob("*.md")]:
        raw = set(path.read_text()) & set(map(chr, [*range(9), 11, 12, *range(14, 32), 127]))
        assert not raw, path.name
    assert not (checked := verify(folder)).failed, checked.text()


def test_a_clock_that_goes_back_during_a_runbook_is_reported(project, monkeypatch, capfd) -> None:
    class Clock(datetime):
        readings = 0

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            cls.readings += 1
            return datetime.now(tz) - timedelta(hours=1 if cls.readings > 1 else 0)

    project.runbook("01_a", ("r", [], "1 + 1"))
    monkeypatch.setattr("nbrelease.runbook.datetime", Clock)
    assert main(["run", "01_a", "--env", "dev"]) == 0
    assert "01_a: the clock of this machine went back 3600 s" in capfd.readouterr().err
