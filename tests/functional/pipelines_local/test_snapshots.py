"""The files that a checkout provides: submodules, Git LFS, folders below the top of a repository."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import RunResult, run_pipeline

pytestmark = pytest.mark.functional
WHO = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always")


def git(folder: Path, *args: str) -> str:
    command = ["git", "-C", str(folder), *WHO, *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def create(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "trunk")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def add_submodule(folder: Path, source: Path, name: str) -> None:
    git(folder, "submodule", "add", "-q", str(source), name)
    git(folder, "commit", "-q", "-m", "submodule")


def log(result: RunResult, job: str = "Job") -> list[str]:
    lines = next(actual.log for _, actual in result.jobs() if actual.job == job)
    return [line for line in lines if not line.startswith("Checked out ")]


def steps(checkout: str) -> str:
    return f"steps:\n- {{checkout: self{checkout}}}\n- bash: find . -path ./.git -prune -o -type f -print -o -type d -empty -print | sort | grep -v -e git -e yml"


@pytest.fixture
def submodules(tmp_path: Path) -> Path:
    inner = create(tmp_path / "inner", {"deep.txt": "x", ".gitignore": "build\n"})
    outer = create(tmp_path / "outer", {"lib.txt": "x"})
    add_submodule(outer, inner, "inner")
    root = create(tmp_path / "repo", {"own.txt": "x"})
    add_submodule(root, outer, "outer")
    git(root, "submodule", "update", "-q", "--init", "--recursive")
    (root / "outer" / "new.txt").write_text("x")
    return root


@pytest.mark.parametrize(
    ("checkout", "files"),
    [
        ("", ["./outer", "./own.txt"]),
        (", submodules: false", ["./outer", "./own.txt"]),
        (", submodules: true", ["./outer/inner", "./outer/lib.txt", "./outer/new.txt", "./own.txt"]),
        (", submodules: recursive", ["./outer/inner/deep.txt", "./outer/lib.txt", "./outer/new.txt", "./own.txt"]),
    ],
)  # fmt: skip
def test_submodules(run: Any, submodules: Path, checkout: str, files: list[str]) -> None:
    assert log(run(steps(checkout))) == files


def test_jobs_with_and_without_submodules(run: Any, submodules: Path) -> None:
    text = "jobs:\n- {job: a, steps: [{checkout: self, submodules: true}, {bash: ls outer}]}\n- {job: b, steps: [{bash: ls outer}]}"
    result = run(text)
    assert (log(result, "a"), log(result, "b")) == (["inner", "lib.txt", "new.txt"], [])


def test_a_submodule_that_is_missing_fails_only_the_checkout_that_needs_it(
    run: Any, submodules: Path
) -> None:
    git(submodules, "submodule", "deinit", "-q", "-f", "outer")
    text = "jobs:\n- {job: a, steps: [{checkout: self, submodules: true}]}\n- {job: b, steps: [{bash: ls}]}"
    assert [job.result for _, job in run(text).jobs()] == ["Failed", "Succeeded"]


def test_a_nested_repository_that_is_not_committed_is_empty(run: Any, tmp_path: Path) -> None:
    create(tmp_path / "repo", {"own.txt": "x"})
    create(tmp_path / "repo" / "nested", {"f": "x"})
    assert log(run(steps(""))) == ["./nested", "./own.txt"]


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"


def pointer(content: str) -> str:
    return POINTER.format(hashlib.sha256(content.encode()).hexdigest(), len(content))


def test_files_of_git_lfs(run: Any, tmp_path: Path) -> None:
    files = {
        ".gitattributes": "*.bin filter=lfs\n",
        "d/model.bin": pointer("weights"),
        "raw.bin": "committed without LFS",
        "text": "x",
    }
    root = create(tmp_path / "repo", files)
    (root / "d" / "model.bin").write_text("weights")  # as git lfs pull writes it
    (root / "new.bin").write_text("new")
    text = """
jobs:
- job: a
  steps: [{bash: cat d/model.bin new.bin raw.bin text}]
- job: b
  steps: [{checkout: self, lfs: yes}, {bash: cat d/model.bin new.bin raw.bin text}]
"""
    result = run(text)
    expected = f"{pointer('weights')}{pointer('new')}committed without LFSx"
    assert "\n".join(log(result, "a")) == expected
    assert log(result, "b") == ["weightsnewcommitted without LFSx"]


def test_a_folder_below_the_top_of_a_repository(run: Any, tmp_path: Path) -> None:
    top = tmp_path / "repo"
    create(top, {"app/own.txt": "x", "other/f": "x", ".gitignore": ".venv\n"})
    (top / "app" / ".venv").mkdir()
    (top / "app" / ".venv" / "big").write_text("x")
    (top / "app" / "new.txt").write_text("x")
    show = "ls -A; git rev-parse HEAD; git diff --name-only; echo '$(Build.SourceVersion) $(Build.SourceBranchName)'"
    result = run(f'steps: [{{bash: "{show}"}}]', root=top / "app")
    commit = git(top, "rev-parse", "HEAD")
    assert log(result) == [".git", "new.txt", "own.txt", commit, f"{commit} trunk"]


def test_a_new_folder_and_one_that_git_ignores(run: Any, tmp_path: Path) -> None:
    top = create(tmp_path / "repo", {"f": "x", ".gitignore": "out\n"})
    for name in ("out/app/own.txt", "fresh/own.txt"):
        (top / name).parent.mkdir(parents=True)
        (top / name).write_text("x")
    text = "steps: [{bash: 'ls; echo [$(Build.SourceBranchName)]'}]"
    assert log(run(text, root=top / "fresh")) == ["own.txt", "[trunk]"]
    assert log(run(text, root=top / "out" / "app")) == ["own.txt", "[]"]


def test_a_repository_without_a_commit(run: Any, tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    text = "steps: [{bash: 'ls -A; echo [$(Build.SourceVersion)]'}]"
    result = run(text, {".gitignore": ".venv\n", ".venv/big": "x"})
    assert log(result) == [".gitignore", "p.yml", "[]"]


def test_git_ignores_a_new_folder_of_runs(tmp_path: Path) -> None:
    text = "steps: [{bash: ls -A}]"
    root = create(tmp_path / "repo", {"p.yml": text})
    path, work = root / "p.yml", root / ".pipelines-local"
    work.mkdir()
    result = run_pipeline(path, root=root, work_dir=work)
    assert log(result) == [".git", "p.yml"]
    assert git(root, "status", "--porcelain") == ""
    (tmp_path / "own").mkdir()
    run_pipeline(path, root=root, work_dir=tmp_path / "own")
    assert not (tmp_path / "own" / ".gitignore").exists()


def test_git_lfs_below_the_top_of_a_repository(run: Any, tmp_path: Path) -> None:
    files = {".gitattributes": "*.bin filter=lfs\n", "app/model.bin": pointer("weights")}
    top = create(tmp_path / "repo", files)
    (top / "app" / "model.bin").write_text("weights")
    result = run("steps: [{bash: cat model.bin}]", root=top / "app")
    assert "\n".join(log(result)) + "\n" == pointer("weights")
