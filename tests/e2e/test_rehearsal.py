"""Releases rehearsed from a fresh checkout, by the command line alone."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.packs import check_pack, finished, newest, read_record
from tests.e2e.projects import checkout, environment, left_behind, rehearse

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A checkout of the working tree as it is, in a repository of its own."""
    return checkout(tmp_path_factory.mktemp("project"))


def test_a_file_without_a_column_stops_before_the_training(project, tmp_path):
    sample = (project / "data" / "diabetes-sample.csv").read_text().splitlines()
    without_age = [
        "".join(line.rpartition(",")[0].rpartition(",")[0::2]) + "," + line.rpartition(",")[2]
        for line in sample
    ]
    (tmp_path / "rows.csv").write_text("\n".join(without_age) + "\n")
    done = rehearse(project, "--set", f"training_data={tmp_path / 'rows.csv'}")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    pack = newest(project)
    record = read_record(pack)
    assert record["verdict"] == "failed"
    assert "cell columns: expected «PatientID" in record["reason"]
    assert [runbook["name"] for runbook in record["runbooks"]] == ["01_prepare"]
    assert {cell["id"]: cell["state"] for cell in record["runbooks"][0]["cells"]}[
        "columns"
    ] == "check failed"
    check_pack(project, pack)
    assert not left_behind(project)


@pytest.mark.drill
def test_a_training_that_raises_and_the_rehearsal_after_it(project):
    """Nothing has to be cleaned by hand."""
    done = rehearse(project, "--set", "test_size=0.9999")
    assert done.returncode == 1
    said = "ValueError: With n_samples=1500, test_size=0.9999"
    [line] = done.stderr.strip().splitlines()
    assert f"cell wait: JobException: {said}" in line
    pack = newest(project)
    record = read_record(pack)
    assert record["verdict"] == "failed"
    assert said in record["reason"]
    assert [runbook["name"] for runbook in record["runbooks"]] == ["01_prepare", "02_train"]
    assert (pack / "html" / "02_train.html").is_file()
    check_pack(project, pack)
    assert not left_behind(project)

    done = rehearse(project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert read_record(newest(project))["verdict"] == "passed"
    assert not left_behind(project)


@contextlib.contextmanager
def begun(project: Path, line: str) -> Iterator[subprocess.Popen[str]]:
    """A rehearsal that printed a line three seconds ago."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nbrelease", "rehearse", "dev"],
        cwd=project, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        env=environment(project),
    )  # fmt: skip
    with process:
        try:
            assert any(line in printed for printed in process.stdout)
            time.sleep(3)
            yield process
        finally:
            process.kill()


def ended(project: Path) -> bool:
    """Whether nothing of a rehearsal lives any more, a moment after its end."""
    deadline = time.monotonic() + 15
    while left_behind(project):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_an_interruption_leaves_a_pack_and_no_process(project):
    with begun(project, "[train/train] Run 01_prepare, 02_train ..."):
        pass  # killed there
    assert ended(project), left_behind(project)
    known = finished(project)

    with begun(project, "[train/train] Run 01_prepare, 02_train ...") as process:
        [killed] = finished(project) - known
        record = read_record(killed)
        assert record["verdict"] == "interrupted"
        check_pack(project, killed)
        process.send_signal(signal.SIGINT)
        shown = process.stdout.read()
        assert process.wait(60) == 130, shown
    assert ended(project), left_behind(project)
    pack = newest(project)
    record = read_record(pack)
    assert pack != killed
    assert record["verdict"] == "interrupted"
    assert f"evidence  evidence/{pack.name}/index.html" in shown
    check_pack(project, pack)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "estimater=logistic"], "--set estimater: no such key; did you mean estimator?"),
        (["--set", "training_data=nowhere.csv"], "nowhere.csv: no such data file"),
        (["--set", "kernel_name=julia"], "--set kernel_name: kernel «julia» is not installed"),
    ],
)
def test_what_is_set_wrongly_is_one_line_and_exit_code_2(project, words, said):
    done = rehearse(project, *words)
    assert done.returncode == 2
    assert [said in line for line in done.stderr.strip().splitlines()] == [True]
    assert not left_behind(project)


def test_a_port_that_is_taken_is_one_line_and_exit_code_2(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = rehearse(project, "--set", f"local_port={port}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"port {port} is taken" in done.stderr
    assert not left_behind(project)
