"""Rehearsals from a fresh checkout, through the command line."""

from __future__ import annotations

import contextlib
import shutil
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


def check_missing_column(project: Path, tmp_path: Path) -> None:
    """A missing column stops the release before the training."""
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
    assert "cell columns" in record["reason"]
    assert [runbook["name"] for runbook in record["runbooks"]] == ["01_prepare"]
    assert {cell["id"]: cell["state"] for cell in record["runbooks"][0]["cells"]}[
        "columns"
    ] == "check failed"
    check_pack(project, pack)
    assert not left_behind(project)


@pytest.mark.drill
def test_a_rehearsal_passes_after_one_that_failed(project):
    """Nothing has to be cleaned up by hand."""
    done = rehearse(project, "--set", "test_size=0.9999")
    assert done.returncode == 1
    cause = "ValueError: With n_samples=1500, test_size=0.9999"
    [line] = done.stderr.strip().splitlines()
    assert f"cell wait: JobException: {cause}" in line
    pack = newest(project)
    record = read_record(pack)
    assert record["verdict"] == "failed"
    assert cause in record["reason"]
    assert [runbook["name"] for runbook in record["runbooks"]] == ["01_prepare", "02_train"]
    assert (pack / "html" / "02_train.html").is_file()
    check_pack(project, pack)
    assert not left_behind(project)

    done = rehearse(project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert read_record(newest(project))["verdict"] == "passed"
    assert not left_behind(project)


@contextlib.contextmanager
def started(project: Path, line: str) -> Iterator[subprocess.Popen[str]]:
    """A rehearsal, a second after it printed a line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nbrelease", "rehearse", "dev"],
        cwd=project, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        env=environment(project),
    )  # fmt: skip
    with process:
        try:
            assert any(line in text for text in process.stdout)
            time.sleep(1)
            yield process
        finally:
            process.kill()


def has_ended(project: Path) -> bool:
    """Whether all processes of a rehearsal end within a minute."""
    deadline = time.monotonic() + 60
    while left_behind(project):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_killed_rehearsal_leaves_a_pack_too(project, tmp_path):
    with started(project, "[train/train] Run 01_prepare, 02_train ..."):
        pass  # killed there
    assert has_ended(project), left_behind(project)
    known = finished(project)
    check_missing_column(project, tmp_path)
    [killed] = finished(project) - known - {newest(project)}
    assert read_record(killed)["verdict"] == "interrupted"
    check_pack(project, killed)

    shutil.rmtree(killed)
    assert rehearse(project, "--set", "training_data=nowhere.csv").returncode == 2
    assert not killed.exists()


@pytest.mark.drill
def test_an_interruption_leaves_a_pack_and_no_process(project):
    with started(project, "[train/train] Run 01_prepare, 02_train ...") as process:
        process.send_signal(signal.SIGINT)
        shown = process.stdout.read()
        assert process.wait(60) == 130, shown
    assert has_ended(project), left_behind(project)
    pack = newest(project)
    assert read_record(pack)["verdict"] == "interrupted"
    assert f"evidence  evidence/{pack.name}/index.html" in shown
    check_pack(project, pack)


@pytest.mark.parametrize(
    ("setting", "place"),
    [
        ("estimater=logistic", "--set estimater:"),
        ("training_data=nowhere.csv", "nowhere.csv:"),
        ("kernel_name=julia", "--set kernel_name:"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(project, setting, place):
    done = rehearse(project, "--set", setting)
    assert done.returncode == 2
    assert [place in line for line in done.stderr.strip().splitlines()] == [True]
    assert not left_behind(project)


def test_a_port_in_use_is_one_line_and_exit_code_2(project):
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        done = rehearse(project, "--set", f"local_port={port}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(port) in done.stderr
    assert not left_behind(project)
