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
def shared(tmp_path: Path, monkeypatch: Any) -> Path:
    """A repository with templates on the branch main, and a newer branch other."""
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
    commit = [
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@example.org",
        "commit",
        "-q",
        "-a",
        "-m",
        "x",
    ]

    def git(*argv: str) -> None:
        subprocess.run(["git", "-C", str(folder), *argv], check=True)

    for argv in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        commit,
        ["checkout", "-q", "-b", "other"],
    ):
        git(*argv)
    (folder / "root.yml").write_text("steps: [{bash: echo other root}]\n")
    (folder / "script.sh").write_text("echo other script\n")
    for argv in (commit, ["tag", "v1"], ["checkout", "-q", "main"]):
        git(*argv)
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path / "cache"))
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


AT_REF = "steps:\n- checkout: shared\n- template: root.yml@shared\n- bash: cat script.sh"
MAIN, OTHER = ["root", "echo script"], ["other root", "echo other script"]


@pytest.mark.parametrize(
    ("ref", "option", "lines"),
    [
        ("main", "", MAIN),
        ("other", "", OTHER),
        ("refs/heads/other", "", OTHER),
        ("refs/tags/v1", "", OTHER),
        ("main", "@v1", OTHER),
        ("nope", "@other", OTHER),
        ("other", "@main", MAIN),
    ],
)
def test_templates_and_checkouts_have_the_files_of_the_ref(
    run: Any, shared: Path, ref: str, option: str, lines: list[str]
) -> None:
    result = run(RESOURCES % ref + AT_REF, repositories={"shared": f"{shared}{option}"})
    assert (result.result, log(result)) == ("Succeeded", lines)
    head = subprocess.check_output(["git", "-C", shared, "rev-parse", "--abbrev-ref", "HEAD"])
    assert head == b"main\n"


def test_a_ref_from_a_parameter(run: Any, shared: Path) -> None:
    parameters = "parameters: [{name: ref, type: string, default: main}]\n"
    text = parameters + RESOURCES.replace("%s", "'${{ parameters.ref }}'") + AT_REF
    result = run(text, repositories={"shared": shared}, parameters={"ref": "other"})
    assert log(result) == OTHER


def test_changes_that_are_not_committed_are_used_at_the_ref_of_the_folder(
    run: Any, shared: Path
) -> None:
    (shared / "script.sh").write_text("echo changed\n")
    for ref, line in (("main", "echo changed"), ("other", "echo other script")):
        assert log(run(RESOURCES % ref + AT_REF, repositories={"shared": shared}))[-1] == line


def test_a_folder_without_git_is_used_as_it_is(run: Any, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "x.txt").write_text("plain\n")
    steps = CHECKOUTS % "- checkout: shared\n- bash: cat x.txt"
    assert log(run(steps, repositories={"shared": tmp_path / "plain"})) == ["plain"]


@pytest.mark.parametrize(
    ("text", "given", "code"),
    [
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
    assert main(["validate", path, "--repository", f"shared={shared}@other"]) == 0
    capsys.readouterr()
    for folder, code in (("nope", "missing-folder"), (f"{shared}@nope", "repository-ref")):
        with pytest.raises(UsageError) as caught:
            run(text, repositories={"shared": folder})
        assert caught.value.code == code
