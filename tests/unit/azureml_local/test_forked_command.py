"""Which commands of jobs may run as a fork of a preloaded process."""

from __future__ import annotations

import sys

import pytest

from azureml_local.jobs.forked_command import parse


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("python -m nbrelease_job train -- --a=1", ["nbrelease_job", "train", "--", "--a=1"]),
        ("python -m job --name 'a b' ", ["job", "--name", "a b"]),
    ],
)
def test_a_module_with_arguments(tmp_path, line, arguments):
    assert parse(line, tmp_path, {"A": "1"}) == [sys.executable, "-m", *arguments]


@pytest.mark.parametrize(
    "line",
    [
        "python main.py",
        "python -m",
        "python -u -m job",
        "python3 -m job",
        "cd sub && python -m job",
        "python -m job $AZUREML_RUN_ID",
        "python -m job > log.txt",
        "python -m job *.csv",
        "python -m job ~/x",
        "python -m job\npython -m other",
        "python -m job 'unclosed",
        "A=1 python -m job",
    ],
)
def test_a_shell_runs_other_commands(tmp_path, line):
    assert parse(line, tmp_path, {}) is None


def test_a_path_of_the_job_may_name_another_python(tmp_path):
    assert parse("python -m job", tmp_path, {"PATH": "/opt/bin"}) is None


@pytest.mark.parametrize("name", ["pandas.py", "json.py", "mlflow/__init__.py"])
def test_code_with_the_name_of_an_installed_module_is_not_forked(tmp_path, name):
    (tmp_path / "job.py").write_text("")
    (tmp_path / "outputs").mkdir()
    assert parse("python -m job", tmp_path, {}) is not None
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    assert parse("python -m job", tmp_path, {}) is None
