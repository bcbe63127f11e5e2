"""resources.repositories: templates and checkouts of other repositories."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import InvalidPipeline, RunResult, UsageError
from pipelines_local.cli import main

pytestmark = pytest.mark.functional

RESOURCES = (
    "resources:\n  repositories:\n  - {repository: shared, type: git, name: team/shared, ref: %s}\n"
)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A repository with templates on the branch main and a branch other."""
    folder = tmp_path / "shared"
    files = {
        "a/steps.yml": "steps:\n- template: more.yml\n- template: /root.yml\n- template: own.yml@self\n",
        "a/more.yml": "steps: [{bash: echo relative}]\n",
        "root.yml": "steps: [{bash: echo root}]\n",
        "script.sh": "echo script\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    who = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    for argv in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "one"],
                 [*who, "commit", "-q", "--allow-empty", "-m", "two"], ["branch", "other", "HEAD~1"]):  # fmt: skip
        subprocess.run(["git", "-C", str(folder), *argv], check=True)
    return folder


def log(result: RunResult) -> list[str]:
    lines = result.stages[0].jobs[0].log
    return [line for line in lines if not line.startswith(("Checked out", "Nothing"))]


def test_templates_of_another_repository(run: Any, shared: Path) -> None:
    text = RESOURCES % "main" + "steps:\n- checkout: none\n- template: a/steps.yml@shared\n"
    files = {"own.yml": "steps: [{bash: echo own}]\n"}
    result = run(text, files, repositories={"SHARED": shared})
    assert log(result) == ["relative", "root", "own"]


CHECKOUTS = RESOURCES % "refs/heads/main" + "steps:\n%s"


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        ("- checkout: shared\n- bash: cat script.sh", "echo script"),
        ("- checkout: self\n- checkout: shared\n- bash: ls; test -e repo/p.yml", "shared"),
        ("- checkout: self\n  path: s/\n- checkout: shared\n  path: s/templates/\n- bash: test -e p.yml && bash templates/script.sh", "script"),
    ],
)  # fmt: skip
def test_checkouts_of_another_repository(run: Any, shared: Path, steps: str, line: str) -> None:
    result = run(CHECKOUTS % steps, repositories={"shared": shared})
    assert (result.result, log(result)[-1]) == ("Succeeded", line)


def test_a_folder_without_git_is_used_as_it_is(run: Any, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "x.txt").write_text("plain\n")
    steps = CHECKOUTS % "- checkout: shared\n- bash: cat x.txt"
    assert log(run(steps, repositories={"shared": tmp_path / "plain"})) == ["plain"]


@pytest.mark.parametrize(
    ("text", "given", "code"),
    [
        (RESOURCES % "other" + "steps: [{checkout: shared}]", True, "repository-ref"),
        (RESOURCES % "nope" + "steps: [{checkout: shared}]", True, "repository-ref"),
        (RESOURCES % "main" + "steps: [{checkout: shared}]", False, "missing-repository"),
        (RESOURCES % "main" + "steps: [{template: root.yml@shared}]", False, "missing-repository"),
        (RESOURCES % "main" + "steps: [{template: ../x.yml@shared}]", True, "template-outside-repository"),
        ("resources: {repositories: [{name: x}]}\nsteps: [{bash: x}]", False, "duplicate-resource"),
        ("resources: {repositories: [{repository: self}]}\nsteps: [{bash: x}]", False, "duplicate-resource"),
        ("steps: [{checkout: 'git://team/x'}]", False, "unsupported-checkout"),
    ],
)  # fmt: skip
def test_repositories_that_cannot_be_used(
    run: Any, shared: Path, text: str, given: bool, code: str
) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        run(text, repositories={"shared": shared} if given else {})
    assert caught.value.code == code


def test_the_option_of_the_command_line(run: Any, shared: Path, capsys: Any) -> None:
    text = RESOURCES % "main" + "steps:\n- checkout: none\n- template: root.yml@shared\n"
    path = os.fspath(run(text, repositories={"shared": shared}).pipeline)
    option = ["--repository", f"shared={shared}", "--format", "json"]
    assert main(["validate", path, *option]) == 0
    assert main(["expand", path, *option]) == 0
    capsys.readouterr()
    assert main(["validate", path, "--repository", "shared=nope", "--format", "json"]) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "missing-folder"
    with pytest.raises(UsageError):
        run(text, repositories={"shared": Path("nope")})
