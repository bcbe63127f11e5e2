"""``nbrelease doctor`` reports what is missing and fixes the local set-up, no committed file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from nbrelease.new import editor_settings

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


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    pairs = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    return {rest.partition(":")[0]: state for state, rest in pairs}


def test_missing_set_up_is_reported_and_fixed(root):
    done = run(root, "nbrelease", "doctor")
    assert done.returncode == 1
    assert states(done)["git filter"] == "missing"
    assert not (root / ".vscode").exists()
    fixed = states(run(root, "nbrelease", "doctor", "--fix"))
    assert (fixed["git filter"], fixed["git hook"], fixed["VS Code"]) == ("fixed",) * 3
    after = states(run(root, "nbrelease", "doctor"))
    assert set(after.values()) == {"ok"}
    assert "nbdime" in after
    settings = json.loads((root / ".vscode/settings.json").read_text("utf-8"))
    assert settings == editor_settings()
    assert ".vscode" not in run(root, "git", "status", "--porcelain").stdout


def test_git_alone_is_checked_and_fixed(root):
    done = run(root, "nbrelease", "doctor", "--git", "--fix")
    assert done.returncode == 0
    assert states(done) == {"git filter": "fixed", "nbdime": "fixed", "git hook": "fixed"}
    assert set(states(run(root, "nbrelease", "doctor", "--git")).values()) == {"ok"}


def test_a_new_project_in_a_repository_commits_no_outputs(root):
    run(root, "nbrelease", "new", "made", "--task", "binary", check=True)
    notebook = root / "made" / "notebooks" / "train.ipynb"
    content = json.loads(notebook.read_bytes())
    [cell] = [each for each in content["cells"] if each["id"] == "parameters"]
    output = {"output_type": "stream", "name": "stdout", "text": "from a run"}
    cell.update(outputs=[output], execution_count=1)
    notebook.write_text(json.dumps(content), encoding="utf-8")
    run(root, "git", "add", "made", check=True)
    committed = run(root, "git", "show", ":made/notebooks/train.ipynb", check=True).stdout
    assert "from a run" not in committed
    assert "from a run" in notebook.read_text("utf-8")


def test_committed_settings_of_vs_code_are_not_changed(root):
    path = root / ".vscode" / "settings.json"
    path.parent.mkdir()
    path.write_text("{}")
    run(root, "git", "add", ".vscode", check=True)
    assert states(run(root, "nbrelease", "doctor", "--fix"))["VS Code"] == "missing"
    assert path.read_text() == "{}"


def test_committed_notebooks_are_stripped_and_the_working_copy_is_not_changed(root):
    run(root, "nbrelease", "doctor", "--git", "--fix")
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


def test_the_hook_rejects_a_commit_with_a_stale_export(root):
    run(root, "nbrelease", "doctor", "--git", "--fix")
    run(root, "git", "add", "notebooks", "settings.ini", check=True)
    done = run(root, "git", "commit", "-m", "x")
    assert done.returncode == 1
    assert "NBR601" in done.stderr
    run(root, "nbrelease", "export", check=True)
    run(root, "git", "add", ".", check=True)
    assert run(root, "git", "commit", "-m", "x").returncode == 0


def test_a_hook_written_by_the_user_is_not_changed(root):
    hook = root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    assert states(run(root, "nbrelease", "doctor", "--git", "--fix"))["git hook"] == "missing"
    assert hook.read_text("utf-8") == "#!/bin/sh\nexit 0\n"


def test_a_comment_in_a_hook_does_not_count_as_a_check(root):
    hook = root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    for line, state in (
        ("# the pre-commit hook of our team, without nbrelease", "missing"),
        ("make lint  # not nbrelease", "missing"),
        ("nbrelease export --check", "ok"),
        ('exec "$INSTALL_PYTHON" -mpre_commit "${ARGS[@]}"', "ok"),
    ):
        hook.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        assert states(run(root, "nbrelease", "doctor", "--git"))["git hook"] == state


def test_a_folder_of_hooks_is_not_changed(root):
    (root / ".githooks").mkdir()
    run(root, "git", "config", "core.hooksPath", ".githooks", check=True)
    done = run(root, "nbrelease", "doctor", "--git", "--fix")
    assert states(done)["git hook"] == "missing"
    assert list((root / ".githooks").iterdir()) == []
    (root / ".githooks" / "pre-commit").write_text("nbrelease export --check --staged\n")
    assert states(run(root, "nbrelease", "doctor", "--git"))["git hook"] == "ok"


def test_the_hook_rejects_changes_that_are_not_staged(root):
    run(root, "nbrelease", "doctor", "--git", "--fix")
    run(root, "nbrelease", "export", check=True)
    run(root, "git", "add", "notebooks", "settings.ini", check=True)
    assert "exported/train/main.py" in run(root, "git", "commit", "-m", "x").stderr  # untracked
    run(root, "git", "add", ".", check=True)
    run(root, "git", "commit", "-m", "one", check=True)
    path = root / "notebooks" / "train.ipynb"
    path.write_text(path.read_text("utf-8").replace("Trains", "Fits"), encoding="utf-8")
    run(root, "nbrelease", "export", check=True)
    run(root, "git", "add", "notebooks", check=True)
    done = run(root, "git", "commit", "-m", "two")
    [line] = done.stderr.splitlines()
    assert (done.returncode, "exported/train/main.py" in line) == (1, True)
    run(root, "git", "commit", "-a", "-m", "two", check=True)
    content = json.loads(path.read_text("utf-8"))
    content["cells"][-1]["metadata"]["collapsed"] = True  # the filter removes it
    path.write_text(json.dumps(content), encoding="utf-8")
    (root / "README.md").write_text("text\n")
    run(root, "git", "add", "README.md", check=True)
    run(root, "git", "commit", "-m", "three", check=True)


def test_a_project_in_a_subfolder_leaves_other_folders_of_the_repository_alone(tmp_path, root):
    repository = tmp_path.with_name("repository")
    project = repository / "größe [1]" / "our models"
    project.mkdir(parents=True)
    for path in list(root.iterdir()):
        if path.name != ".git":
            shutil.move(path, project)
    shutil.move(root / ".git", repository)
    attributes = repository / ".git" / "info" / "attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("*.ipynb filter=nbrelease\n")  # of an earlier version
    assert states(run(project, "nbrelease", "doctor", "--git"))["git filter"] == "missing"
    run(project, "nbrelease", "doctor", "--git", "--fix")
    assert set(states(run(project, "nbrelease", "doctor", "--git")).values()) == {"ok"}
    notebook = json.loads((project / "notebooks" / "train.ipynb").read_text("utf-8"))
    notebook["cells"][-1]["metadata"]["collapsed"] = True  # the filter removes it
    folders = [repository, repository / "other", project / "notebooks", project / "tests"]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        (folder / "train.ipynb").write_text(json.dumps(notebook))
    run(project, "nbrelease", "export", check=True)
    done = run(repository, "git", "add", ".")
    assert (done.returncode, done.stderr) == (0, "")
    stored = {
        folder: "collapsed" in run(folder, "git", "show", ":./train.ipynb", check=True).stdout
        for folder in folders
    }
    assert stored == {folder: folder != project / "notebooks" for folder in folders}
    run(repository, "git", "commit", "-m", "one", check=True)
    run(project, "git", "commit", "--allow-empty", "-m", "two", check=True)
    (project / "exported" / "train" / "main.py").write_text("")
    assert "main.py" in run(repository, "git", "commit", "--allow-empty", "-m", "x").stderr
    assert "NBR" in run(repository, "git", "commit", "-a", "-m", "x").stderr
    shutil.rmtree(project)  # as on a branch from before the project
    run(repository, "git", "commit", "-a", "-m", "three", check=True)


def test_missing_kernels_and_different_packages_are_named(root):
    path = root / "notebooks" / "train.ipynb"
    path.write_text(
        path.read_text("utf-8").replace('"name": "python3"', '"name": "nowhere"'), encoding="utf-8"
    )
    (root / "conda").mkdir()
    (root / "conda" / "train.yml").write_text(
        "dependencies:\n  - pip:\n      - click==1.0\n      - nosuch-package==2\n", encoding="utf-8"
    )
    done = run(root, "nbrelease", "doctor")
    assert states(done)["kernel nowhere"] == "missing"
    assert states(done)["conda/train.yml"] == "missing"
    assert f"click==1.0 (installed: {metadata.version('click')})" in done.stdout
    assert "nosuch-package==2 (installed: none)" in done.stdout
    kernel = Path(sys.prefix) / "share" / "jupyter" / "kernels" / "nowhere"
    try:
        done = run(root, "nbrelease", "doctor", "--fix", PIP_NO_INDEX="1")
        assert (kernel / "kernel.json").is_file()
    finally:
        shutil.rmtree(kernel)  # installed where these tests run
    assert done.returncode == 1
    assert states(done)["conda/train.yml"] == "missing"
    assert states(done)["kernel nowhere"] == "fixed"


def test_pins_of_requirements_files_are_checked(root):
    (root / "conda").mkdir()
    here = metadata.version("click")
    (root / "requirements.txt").write_text(
        f"# pins\nclick=={here}\nrich[x]==0.1 # old\nwin==1; sys_platform == 'win32'\n./wheels/x.whl\n"
    )
    (root / "conda/workbench.yml").write_text(
        "dependencies:\n  - python=3\n  - pip:\n      - -r ../requirements.txt\n      - -e ..\n"
    )
    other = "3.12" if sys.version_info < (3, 12) else "3.11"
    (root / "conda/other.yml").write_text(f"dependencies:\n  - python={other}\n  - click={here}\n")
    (root / "conda/channel.yml").write_text(
        "dependencies:\n  - conda-forge::python=3\n  - pytorch::pytorch=2.1\n"
    )
    (root / "conda/old.yml").write_text("dependencies:\n  - python=2.7\n")
    (root / "conda/broken.yml").write_text("a: [")
    (root / "conda/missing.yml").write_text("dependencies:\n  - pip:\n    - -r nowhere.txt\n")
    (root / "conda/empty.yml").write_text("")
    messages = {
        line.split(":")[0]: line for line in run(root, "nbrelease", "doctor").stdout.splitlines()
    }
    assert "rich==0.1" in messages["missing  conda/workbench.yml"]
    assert "click" not in messages["missing  conda/workbench.yml"]
    assert "Python 2.7" in messages["missing  conda/old.yml"]
    assert f"Python {other}" in messages["ok       conda/other.yml"]
    assert "missing  conda/broken.yml" in messages
    assert "ok       conda/channel.yml" in messages  # pip has no package of this name
    assert "nowhere.txt" in messages["missing  conda/missing.yml"]
    assert "ok       conda/empty.yml" in messages


def git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run git as VS Code does: without the environment's programs in the path."""
    return run(root, "git", *words, PATH="/usr/local/bin:/usr/bin:/bin")


def test_git_diffs_and_merges_notebooks(root):
    run(root, "nbrelease", "doctor", "--git", "--fix")
    run(root, "nbrelease", "export", check=True)
    assert git(root, "add", ".").returncode == 0
    assert git(root, "commit", "-m", "one").returncode == 0, git(root, "commit", "-m", "x").stderr
    path = root / "notebooks" / "train.ipynb"
    for branch, old, new in (("one", "Trains a classifier", "Fits a classifier"), ("two", "has only one value", "has a single value")):  # fmt: skip
        git(root, "checkout", "-q", "-b", branch, "HEAD" if branch == "one" else "HEAD~1")
        path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
        run(root, "nbrelease", "export", check=True)
        assert git(root, "commit", "-a", "-m", branch).returncode == 0
    diff = git(root, "diff", "HEAD~1", "--", "notebooks").stdout
    assert "nbdiff" in diff
    assert "has a single value" in diff
    done = git(root, "merge", "one", "-m", "both")
    assert done.returncode == 0, done.stdout + done.stderr
    merged = path.read_text("utf-8")
    assert "Fits a classifier" in merged
    assert "has a single value" in merged
    assert merged == run(root, "nbrelease", "clean", "-", input=merged).stdout
    assert run(root, "nbrelease", "export", "--check").returncode == 0


def test_in_a_worktree(root):
    run(root, "git", "add", ".", check=True)
    run(root, "git", "commit", "-q", "-m", "one", check=True)
    run(root, "git", "worktree", "add", "-q", "../tree", check=True)
    tree = root.parent / "tree"
    run(tree, "nbrelease", "doctor", "--git", "--fix")
    assert set(states(run(tree, "nbrelease", "doctor", "--git")).values()) == {"ok"}
    assert states(run(root, "nbrelease", "doctor", "--git"))["git hook"] == "ok"


def test_each_worktree_uses_its_own_environment(root):
    run(root, "git", "add", ".", check=True)
    run(root, "git", "commit", "-q", "-m", "one", check=True)
    run(root, "git", "worktree", "add", "-q", "../other", check=True)
    run(root, "nbrelease", "doctor", "--git", "--fix")
    tree = root.parent / "other"
    for name in ("python", "nbrelease"):
        program = tree / ".venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(
            f'#!/bin/sh\necho "$@" >>{name}.txt\ncase "$*" in *clean*) cat ;; esac\n'
        )
        program.chmod(0o755)
    notebook = "notebooks/train.ipynb"
    (tree / notebook).write_text((tree / notebook).read_text().replace("Trains", "Fits"))
    done = git(tree, "commit", "-a", "-m", "two")
    assert done.returncode == 0, done.stderr
    calls = (tree / "python.txt").read_text()
    assert "-m nbrelease clean -" in calls
    assert "-m nbrelease export --check --staged" in calls
    assert not (tree / "nbrelease.txt").exists()


def test_the_checkout_stays_clean(root):
    notebook = json.loads((root / "notebooks" / "train.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        cell["metadata"]["collapsed"] = True  # the filter removes it
    (root / "tests" / "inputs").mkdir(parents=True)
    (root / "tests" / "inputs" / "a.ipynb").write_text(json.dumps(notebook))
    run(root, "git", "add", ".", check=True)
    run(root, "git", "commit", "-q", "-m", "one", check=True)
    fixed = states(run(root, "nbrelease", "doctor", "--fix"))
    assert (fixed["VS Code"], fixed["git filter"]) == ("fixed", "fixed")
    (root / "tests" / "inputs" / "a.ipynb").touch()  # git reads it again
    assert run(root, "git", "status", "--porcelain").stdout == ""


def test_a_hook_of_another_environment_is_replaced(root):
    run(root, "nbrelease", "doctor", "--git", "--fix")
    hook = root / ".git/hooks/pre-commit"
    original = hook.read_text("utf-8")
    hook.write_text(original.replace(sys.executable, "/gone/bin/python"), encoding="utf-8")
    assert states(run(root, "nbrelease", "doctor", "--git"))["git hook"] == "missing"
    run(root, "nbrelease", "doctor", "--git", "--fix")
    assert hook.read_text("utf-8") == original


def test_the_filter_does_not_change_a_file_that_is_not_a_notebook(root):
    done = subprocess.run(
        [BIN / "nbrelease", "clean", "-"], input=b"{ no", capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"{ no")
    assert done.stderr
