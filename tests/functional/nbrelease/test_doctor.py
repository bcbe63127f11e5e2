"""``nbrelease doctor``: tells what is missing, repairs its own set-up, and nothing that is committed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = pytest.mark.functional
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[3]


def run(
    root: Path, *words: str, check: bool = False, input: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "NBRELEASE_NO_CACHE": "1",
        **more,
    }
    return subprocess.run(
        words,
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        check=check,
        timeout=120,
        input=input,
    )


@pytest.fixture
def root(tmp_path) -> Path:
    shutil.copy(ROOT / "settings.ini", tmp_path)
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "train.ipynb", tmp_path / "notebooks")
    run(tmp_path, "git", "init", "-q", ".", check=True)
    run(tmp_path, "git", "config", "user.email", "a@example.org", check=True)
    run(tmp_path, "git", "config", "user.name", "a", check=True)
    return tmp_path


def lines(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    words = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    return {rest.partition(":")[0]: state for state, rest in words}


def test_what_is_missing_is_said_and_repaired(root):
    done = run(root, "nbrelease", "doctor")
    assert done.returncode == 1
    assert lines(done)["git filter"] == "missing"
    assert not (root / ".vscode").exists()
    repaired = lines(run(root, "nbrelease", "doctor", "--fix"))
    assert (repaired["git filter"], repaired["git hook"], repaired["VS Code"]) == ("repaired",) * 3
    after = lines(run(root, "nbrelease", "doctor"))
    assert set(after.values()) == {"ok"}
    assert "nbdime" in after
    assert (
        json.loads((root / ".vscode/settings.json").read_text("utf-8"))[
            "python.testing.pytestEnabled"
        ]
        is True
    )


def test_what_is_committed_is_clean_and_the_working_copy_is_not_touched(root):
    run(root, "nbrelease", "doctor", "--fix")
    path = root / "notebooks" / "train.ipynb"
    content = json.loads(path.read_text("utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 5
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
    run(root, "git", "add", "notebooks", check=True)
    stored = run(root, "git", "show", ":notebooks/train.ipynb", check=True).stdout
    assert stored == (ROOT / "notebooks" / "train.ipynb").read_text("utf-8")
    assert path.read_text("utf-8") == text


def test_the_hook_keeps_a_stale_export_from_being_committed(root):
    run(root, "nbrelease", "doctor", "--fix")
    run(root, "git", "add", "notebooks", "settings.ini", check=True)
    done = run(root, "git", "commit", "-m", "x")
    assert done.returncode == 1
    assert "NBR601" in done.stderr
    run(root, "nbrelease", "export", check=True)
    run(root, "git", "add", ".", check=True)
    assert run(root, "git", "commit", "-m", "x").returncode == 0


def test_a_hook_of_ones_own_is_left_alone(root):
    hook = root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    assert lines(run(root, "nbrelease", "doctor", "--fix"))["git hook"] == "missing"
    assert hook.read_text("utf-8") == "#!/bin/sh\nexit 0\n"


def test_a_kernel_that_is_not_there_and_packages_that_differ_are_named(root):
    path = root / "notebooks" / "train.ipynb"
    path.write_text(
        path.read_text("utf-8").replace('"name": "python3"', '"name": "nowhere"'), encoding="utf-8"
    )
    (root / "conda").mkdir()
    (root / "conda" / "train.yml").write_text(
        "dependencies:\n  - pip:\n      - click==1.0\n      - nosuch-package==2\n", encoding="utf-8"
    )
    done = run(root, "nbrelease", "doctor")
    assert "missing  kernel nowhere: not installed" in done.stdout
    assert "click==1.0 (here: " in done.stdout
    assert "nosuch-package==2 (here: not installed)" in done.stdout
    kernel = Path(sys.prefix) / "share" / "jupyter" / "kernels" / "nowhere"
    try:
        done = run(root, "nbrelease", "doctor", "--fix", PIP_NO_INDEX="1")
        assert (kernel / "kernel.json").is_file()
    finally:
        shutil.rmtree(kernel)  # installed where these tests run
    assert done.returncode == 1
    assert "missing  conda/train.yml: could not be repaired: ERROR: No matching" in done.stdout


def test_environments_are_followed_into_the_files_that_they_name(root):
    (root / "conda").mkdir()
    here = metadata.version("click")
    (root / "requirements.txt").write_text(
        f"# pins\nclick=={here}\nrich[x]==0.1 # old\nwin==1; sys_platform == 'win32'\n./wheels/x.whl\n"
    )
    (root / "conda/workbench.yml").write_text(
        "dependencies:\n  - python=3\n  - pip:\n      - -r ../requirements.txt\n      - -e ..\n"
    )
    (root / "conda/old.yml").write_text("dependencies:\n  - python=2.7\n")
    (root / "conda/broken.yml").write_text("a: [")
    (root / "conda/missing.yml").write_text("dependencies:\n  - pip:\n    - -r nowhere.txt\n")
    (root / "conda/empty.yml").write_text("")
    said = {
        line.split(":")[0]: line for line in run(root, "nbrelease", "doctor").stdout.splitlines()
    }
    assert "differs: rich==0.1 (here: " in said["missing  conda/workbench.yml"]
    assert "click" not in said["missing  conda/workbench.yml"]
    assert "wants Python 2.7 (here: 3." in said["missing  conda/old.yml"]
    assert "cannot be read: " in said["missing  conda/broken.yml"]
    assert "cannot be read: " in said["missing  conda/missing.yml"]
    assert "ok       conda/empty.yml" in said


def git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Git as VS Code starts it: without the environment's programs."""
    return run(root, "git", *words, PATH="/usr/local/bin:/usr/bin:/bin")


def test_git_alone_diffs_and_merges_notebooks(root):
    run(root, "nbrelease", "doctor", "--fix")
    run(root, "nbrelease", "export", check=True)
    assert git(root, "add", ".").returncode == 0
    assert git(root, "commit", "-m", "one").returncode == 0, git(root, "commit", "-m", "x").stderr
    path = root / "notebooks" / "train.ipynb"
    for branch, old, new in (("one", "Fits a classifier", "Makes a classifier"), ("two", "has one value only", "has but one value")):  # fmt: skip
        git(root, "checkout", "-q", "-b", branch, "HEAD" if branch == "one" else "HEAD~1")
        path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
        run(root, "nbrelease", "export", check=True)
        diff = git(root, "diff", "notebooks").stdout
        assert "nbdiff" in diff
        assert new in diff
        assert git(root, "commit", "-a", "-m", branch).returncode == 0
    done = git(root, "merge", "one", "-m", "both")
    assert done.returncode == 0, done.stdout + done.stderr
    merged = path.read_text("utf-8")
    assert "Makes a classifier" in merged
    assert "has but one value" in merged
    assert merged == run(root, "nbrelease", "clean", "-", input=merged).stdout
    assert run(root, "nbrelease", "export", "--check").returncode == 0


def test_in_a_worktree_too(root):
    run(root, "git", "add", ".", check=True)
    run(root, "git", "commit", "-q", "-m", "one", check=True)
    run(root, "git", "worktree", "add", "-q", "../tree", check=True)
    tree = root.parent / "tree"
    run(tree, "nbrelease", "doctor", "--fix")
    assert set(lines(run(tree, "nbrelease", "doctor")).values()) == {"ok"}


def test_another_environment_s_hook_is_set_up_again(root):
    run(root, "nbrelease", "doctor", "--fix")
    hook = root / ".git/hooks/pre-commit"
    right = hook.read_text("utf-8")
    hook.write_text(right.replace(sys.executable, "/gone/bin/python"), encoding="utf-8")
    assert lines(run(root, "nbrelease", "doctor"))["git hook"] == "missing"
    run(root, "nbrelease", "doctor", "--fix")
    assert hook.read_text("utf-8") == right


def test_as_a_filter_what_is_no_notebook_passes_unchanged(root):
    done = subprocess.run(
        [BIN / "nbrelease", "clean", "-"], input=b"{ no", capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"{ no")
    assert b"passed unchanged" in done.stderr
