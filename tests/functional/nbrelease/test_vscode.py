"""The files for VS Code and dev containers in a new project, and the commands that they run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.functional
INTERPRETER = "${command:python.interpreterPath}"
"""On a compute instance this is the interpreter of a conda environment, here that of the tests."""


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("vscode") / "churn"
    done = run(folder.parent, sys.executable, "-m", "nbrelease", "new", str(folder))
    assert done.returncode == 0, done.stderr
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "x")
    return folder


@pytest.fixture
def tasks(root: Path) -> dict[str, dict[str, Any]]:
    content = read(root / ".vscode" / "tasks.json")
    assert content["version"] == "2.0.0"
    by_label = {task["label"]: task for task in content["tasks"]}
    assert len(by_label) == len(content["tasks"])
    return by_label


def command(task: dict[str, Any], root: Path, **inputs: str) -> list[str]:
    """The command line that VS Code starts, after it replaced the variables."""
    assert task["type"] == "process"
    assert task["command"] == INTERPRETER
    values = {"${workspaceFolder}": str(root)}
    values |= {f"${{input:{name}}}": value for name, value in inputs.items()}
    return [sys.executable, *(values.get(each, each) for each in task["args"])]


def test_task_inputs_are_pipelines_that_can_be_rehearsed(root: Path) -> None:
    from nbrelease.rehearsal import PIPELINES

    (choice,) = read(root / ".vscode" / "tasks.json")["inputs"]
    assert set(choice["options"]) == set(PIPELINES)
    assert choice["default"] in PIPELINES


def test_export_and_check_run_and_leave_the_checkout_clean(root: Path, tasks) -> None:
    for label in ("export", "check"):
        done = run(root, *command(tasks[label], root))
        assert done.returncode == 0, done.stderr
    done = run(root, sys.executable, "-m", "nbrelease", "doctor")
    assert "ok       VS Code" in done.stdout
    assert run(root, "git", "status", "--porcelain").stdout == ""


def test_the_problem_matcher_reads_every_diagnostic(root: Path, tasks, tmp_path: Path) -> None:
    project = tmp_path / "broken project"
    (project / "notebooks").mkdir(parents=True)
    (project / "settings.ini").write_text("[DEFAULT]\nexported_tests = tests\n")
    code = "import os\n\n\ndef scale(x):\n    return 2 * x"
    write_notebook(project / "notebooks" / "good one.ipynb", code)
    run(project, *command(tasks["export"], project))
    write_notebook(project / "notebooks" / "bad.ipynb", "x = unknown")
    module = project / "exported" / "good_one" / "__init__.py"
    module.write_text(module.read_text().replace("2 * x", "x + x"))

    for label, options in (("export", []), ("check", ["--check"])):
        export = [sys.executable, "-m", "nbrelease", "export", *options, "--format", "json"]
        expected = [
            (each["path"], str(each["line"]), str(each["column"]), each["level"], each["code"])
            for each in json.loads(run(project, *export).stdout)
        ]
        assert {code for *_, code in expected} >= {"NBR302", "NBR315", "NBR501", "NBR602"}
        matcher = tasks[label]["problemMatcher"]
        assert matcher["fileLocation"] == ["relative", "${workspaceFolder}"]
        done = run(project, *command(tasks[label], project))
        problems = match(matcher["pattern"], done.stdout + done.stderr)
        fields = ("file", "line", "column", "severity", "code")
        assert [tuple(each[field] for field in fields) for each in problems] == expected
        for each in problems:
            assert (project / each["file"]).is_file()
            if each["file"].endswith(".ipynb"):
                assert each["message"].startswith("cell:")  # the message names the cell


@pytest.mark.drill
def test_the_problem_matcher_reads_a_failed_runbook(tasks, project) -> None:
    project.runbook("01_stop", ("stop", ["test"], "assert 1 == 2, 'too bad'"))
    done = run(
        project.root, sys.executable, "-m", "nbrelease", "run", "--env", "dev",
        "runbooks/01_stop.ipynb",
    )  # fmt: skip
    assert done.returncode == 1
    (problem,) = match(tasks["rehearse"]["problemMatcher"]["pattern"], done.stderr)
    assert problem["file"] == "runbooks/01_stop.ipynb"
    assert problem["severity"] == "error"
    assert "cell stop" in problem["message"]
    assert tasks["rehearse"]["problemMatcher"]["pattern"]["kind"] == "file"


def test_the_launch_configurations_start_files_of_the_project(root: Path) -> None:
    launch = read(root / ".vscode" / "launch.json")
    assert launch["version"] == "0.2.0"
    training, tests = launch["configurations"]
    assert {each["type"] for each in launch["configurations"]} == {"debugpy"}
    assert tests["purpose"] == ["debug-test"]
    program = Path(training["program"].replace("${workspaceFolder}", str(root)))
    folder = Path(training["cwd"].replace("${workspaceFolder}", str(root)))
    assert program.is_file()
    assert folder.is_dir()


@pytest.mark.drill
def test_a_rehearsal_and_the_training_code_run_in_a_new_project(root: Path, tasks) -> None:
    done = run(root, *command(tasks["rehearse"], root, pipeline="dev"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert match(tasks["rehearse"]["problemMatcher"]["pattern"], done.stderr) == []
    training = root / "exported" / "train" / "main.py"
    done = run(root / "notebooks", sys.executable, str(training), "--help")
    assert done.returncode == 0, done.stderr
    assert run(root, "git", "status", "--porcelain").stdout == ""


def test_the_dev_container_has_the_python_of_the_job_and_the_port_of_the_workspace(
    root: Path,
) -> None:
    container = read(root / ".devcontainer" / "devcontainer.json")
    assert container["name"] == "churn"
    python = re.search(r"python=([\d.]+)", (root / "conda" / "train.yml").read_text())
    assert python is not None
    assert container["image"].split(":")[1].split("-")[0] == python[1]
    assert list(container["features"]) == ["ghcr.io/devcontainers/features/azure-cli:1"]
    (port,) = container["forwardPorts"]
    assert container["containerEnv"] == {"NBRELEASE_SET_LOCAL_PORT": str(port)}
    extensions = container["customizations"]["vscode"]["extensions"]
    assert extensions == read(root / ".vscode" / "extensions.json")["recommendations"]


def test_the_language_server_of_the_settings_starts(root: Path) -> None:
    settings = read(root / ".vscode" / "settings.json")
    words = [settings["glspc.server.command"], *settings["glspc.server.commandArguments"]]
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}
    )
    done = subprocess.run(
        words, cwd=root, input=f"Content-Length: {len(body)}\r\n\r\n{body}", capture_output=True,
        text=True, timeout=60, check=False, env={"PATH": f"{Path(sys.executable).parent}:/bin"},
    )  # fmt: skip
    assert '"serverInfo":{"name":"nbrelease"' in done.stdout.replace(": ", ":").replace(", ", ",")


def test_evidence_is_served_to_those_who_know_the_address(root: Path, tasks) -> None:
    done = run(root, *command(tasks["open evidence"], root))
    assert done.returncode == 2  # no release yet
    pages = {name: root / "evidence" / name / "index.html" for name in ("old", "new")}
    for name, page in pages.items():
        page.parent.mkdir(parents=True)
        page.write_text(f"<p>{name}</p>")
    os.utime(pages["old"], (0, 0))
    words = [*command(tasks["open evidence"], root), "--serve"]
    for options, name in (([], "new"), (["old"], "old")):
        process = subprocess.Popen(
            [*words, *options], cwd=root, stdout=subprocess.PIPE, text=True,
            env={"BROWSER": "true", "PYTHONUNBUFFERED": "1", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[0]
            with urllib.request.urlopen(address) as answer:
                assert answer.read().decode() == f"<p>{name}</p>"
            host, _, rest = address.removeprefix("http://").partition("/")
            for path in (rest.partition("/")[2], f"{rest.partition('/')[0]}/../settings.ini"):
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(f"http://{host}/{path}")
                assert refused.value.code == 404
        finally:
            process.terminate()  # SIGINT is ignored in background jobs of a shell
        assert process.wait(60) == 130
    assert run(root, *words, "missing").returncode == 2


def match(pattern: dict[str, Any], output: str) -> list[dict[str, str]]:
    """The problems that VS Code reads from the output of a task."""
    groups = {key: value for key, value in pattern.items() if isinstance(value, int)}
    matches = [re.search(pattern["regexp"], line) for line in output.splitlines()]
    return [{key: each[group] for key, group in groups.items()} for each in matches if each]


def write_notebook(path: Path, source: str) -> None:
    cell = {
        "cell_type": "code", "execution_count": None, "id": "cell", "metadata": {"tags": ["export"]},
        "outputs": [], "source": source,
    }  # fmt: skip
    path.write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
