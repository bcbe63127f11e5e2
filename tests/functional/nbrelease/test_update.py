"""Updates of projects that an older nbrelease wrote, by the command line and git alone."""

from __future__ import annotations

import configparser
import functools
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from command import nbrelease

from nbrelease.new import EDITOR, SCORING

pytestmark = pytest.mark.functional
KIND = ("--example", "diabetes")
ENDPOINT = "runbooks/assets/online_endpoint.yml"


def git(project: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", *words],
        cwd=project, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def commit(project: Path) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "change")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def current(tmp_path_factory) -> Path:
    """A project of the installed version."""
    project = tmp_path_factory.mktemp("current") / "bike-rentals"
    done = nbrelease(project.parent, "new", str(project), *KIND)
    assert done.returncode == 0, done.stderr
    git(project, "init", "-q", "-b", "main")
    commit(project)
    return project


@pytest.fixture(scope="module")
def installed(current, tmp_path_factory) -> Path:
    """The installed version's files out of its wheel, with their bytecode."""
    site = tmp_path_factory.mktemp("installed") / "site"
    [wheel] = (current / "wheels").glob("nbrelease-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    write_as(site, site.parent / "bike-rentals")
    return site


def write_as(site: Path, project: Path) -> None:
    """Write the project with the nbrelease in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "nbrelease", "new", project, *KIND],
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}, cwd=site,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def olders(installed, tmp_path_factory) -> Callable[[Callable[[Path], None]], Path]:
    """Writes the project as a version with an older template would have; once for each template."""

    @functools.cache
    def make(edit: Callable[[Path], None]) -> Path:
        folder = tmp_path_factory.mktemp("older")
        project, site = folder / "bike-rentals", folder / "site"
        shutil.copytree(installed, site)
        edit(site / "nbrelease" / "template")
        [record] = site.glob("nbrelease-*.dist-info/RECORD")
        listed = [path.relative_to(site) for path in site.rglob("*") if path.is_file()]
        record.write_text("".join(f"{path.as_posix()},,\n" for path in listed))
        write_as(site, project)
        git(project, "init", "-q", "-b", "main")
        commit(project)
        return project

    return make


@pytest.fixture
def older(olders, tmp_path) -> Callable[[Callable[[Path], None]], Path]:
    """Copies a project of a version with an older template."""

    def copy(edit: Callable[[Path], None]) -> Path:
        return shutil.copytree(olders(edit), tmp_path / "bike-rentals")

    return copy


def age(template: Path) -> None:
    change(template / "project" / ENDPOINT, "Scores requests", "Answers requests")
    change(template / "Makefile", "# Two commands", "# Commands")
    (template / "project" / "runbooks" / "assets" / "old.yml").write_text("old: 1\n")
    readme = template / "README.md"
    readme.write_text(readme.read_text() + "\nOld.\n")


def test_a_current_project_is_not_behind(current):
    assert nbrelease(current, "update", "--check").returncode == 0
    done = nbrelease(current, "update")
    assert done.returncode == 0
    assert git(current, "status", "--porcelain") == ""


def test_a_project_that_is_behind_is_merged_with_its_own_changes(older, current):
    project = older(age)
    change(project / "runbooks" / "criteria.yml", "smallest_sample: 300", "smallest_sample: 50")
    (project / "NOTES.md").write_text("mine\n")
    (project / "README.md").unlink()  # deleted here, changed in the template
    commit(project)
    done = nbrelease(project, "update", "--check")
    assert done.returncode == 1
    assert git(project, "status", "--porcelain") == ""

    done = nbrelease(project, "update")
    assert done.returncode == 1
    marked = {line.split()[-1]: line.split()[0] for line in done.stdout.splitlines()}
    assert marked[ENDPOINT] == marked["Makefile"] == "merged"
    assert marked["README.md"] == "conflict"
    for name in (ENDPOINT, "Makefile", ".nbrelease.json"):
        assert (project / name).read_text() == (current / name).read_text()
    assert not (project / "runbooks" / "assets" / "old.yml").exists()
    assert "smallest_sample: 50" in (project / "runbooks" / "criteria.yml").read_text()
    assert (project / "NOTES.md").read_text() == "mine\n"
    git(project, "rm", "-q", "README.md")
    commit(project)
    assert nbrelease(project, "update", "--check").returncode == 0


def test_a_line_that_both_changed_is_a_conflict_of_git(older):
    project = older(age)
    change(project / ENDPOINT, "Answers requests with the released model", "Predicts rentals")
    commit(project)
    done = nbrelease(project, "update")
    assert done.returncode == 1
    assert f"conflict  {ENDPOINT}" in done.stdout
    assert git(project, "diff", "--name-only", "--diff-filter=U").split() == [ENDPOINT]
    text = (project / ENDPOINT).read_text()
    assert "Predicts rentals" in text
    assert "Scores requests" in text
    git(project, "reset", "-q", "--hard")
    assert nbrelease(project, "update", "--check").returncode == 1


def test_a_notebook_that_both_changed_is_merged_by_cell_and_exported_again(older):
    def edit(template: Path) -> None:
        notebook = template / "project" / "notebooks" / "train.ipynb"
        change(notebook, "Fit the model to the rows.", "Fit it.")

    project = older(edit)
    notebook = project / "notebooks" / "train.ipynb"
    change(notebook, "# the classifier", "# which classifier")
    assert nbrelease(project, "export").returncode == 0
    commit(project)
    done = nbrelease(project, "update")
    assert done.returncode == 0, done.stdout + done.stderr
    exported = (project / "exported" / "train" / "main.py").read_text()
    for text in ("Fit the model to the rows.", "which classifier"):
        assert text in notebook.read_text()
        assert text in exported
    assert nbrelease(project, "export", "--check").returncode == 0


def test_keys_that_became_parameters_of_the_notebook_move_to_its_section(older, current):
    def edit(template: Path) -> None:
        settings = template / "project" / "settings.ini"
        lines = settings.read_text().splitlines(keepends=True)
        start = lines.index("[train]\n")
        settings.write_text("".join([*lines[: start - 1], *lines[start + 1 :]]))

    project = older(edit)
    settings = project / "settings.ini"
    change(settings, "test_size = 0.3", "test_size = 0.25")
    change(settings, "promotion = code", "promotion = code\nestimator = random_forest")
    commit(project)
    done = nbrelease(project, "update")
    assert done.returncode == 0, done.stdout + done.stderr
    moved = [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("moved ")]
    assert moved == ["[train]", "[train:prod]"]
    parser = configparser.ConfigParser()
    parser.read(settings)
    assert set(parser["train"]) - set(parser.defaults()) == {
        "estimator", "test_size", "regularization_rate", "random_state",
    }  # fmt: skip
    assert (parser["train"]["test_size"], parser["train"]["estimator"]) == ("0.25", "logistic")
    assert parser["train:prod"]["estimator"] == "random_forest"
    assert nbrelease(project, "settings").returncode == 0


def test_a_parameter_that_the_notebook_does_not_have_is_left_to_do(older):
    project = older(age)
    change(project / "settings.ini", "[dev]", "[train:prod]\nestimater = pipeline\n\n[dev]")
    commit(project)
    done = nbrelease(project, "update")
    assert done.returncode == 1
    [todo] = [line for line in done.stdout.splitlines() if line.startswith("to do ")]
    assert "[train:prod] estimater: " in todo


def test_a_project_in_a_subfolder_of_a_repository_is_merged(older, tmp_path):
    project = older(age)
    shutil.rmtree(project / ".git")
    repository = tmp_path / "repository"
    (repository / "models").mkdir(parents=True)
    (repository / "Makefile").write_text("# not of the project\n")
    project = project.rename(repository / "models" / "bike-rentals")
    git(repository, "init", "-q", "-b", "main")
    commit(repository)
    (repository / "Makefile").write_text("# not committed\n")
    done = nbrelease(project, "update")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "merged    Makefile" in done.stdout
    assert (repository / "Makefile").read_text() == "# not committed\n"
    assert (project / "Makefile").read_text().startswith("# Two commands")
    [undo] = re.findall(r"undo: git (.+)", done.stdout)
    git(project, *shlex.split(undo))
    assert git(project, "status", "--porcelain").split() == ["M", "Makefile"]
    assert (repository / "Makefile").read_text() == "# not committed\n"


def without_editor_files(template: Path) -> None:
    for name in EDITOR:
        (template / name).unlink()
    new = template.parent / "new.py"
    change(new, '"pyproject.toml", *EDITOR)', '"pyproject.toml")')
    change(new, 'Path("README.md"), Path(DEV_CONTAINER)', 'Path("README.md"),')


def test_an_older_project_gets_the_files_of_editors(older, current):
    project = older(without_editor_files)
    done = nbrelease(project, "update")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in EDITOR:
        assert f"merged    {name}" in done.stdout
        assert (project / name).read_text() == (current / name).read_text()


def test_own_files_of_editors_stay_and_get_the_missing_settings(older):
    project = older(without_editor_files)
    own = {".vscode/settings.json": '{"editor.rulers": [100]}', ".vscode/tasks.json": "// mine"}
    (project / ".vscode").mkdir()
    for name, text in own.items():
        (project / name).write_text(text)
    change(project / ".gitignore", "dist/\n", "dist/\n/.vscode/tasks.json\n")  # not in git
    commit(project)
    done = nbrelease(project, "update")
    assert done.returncode == 0, done.stdout + done.stderr
    settings = json.loads((project / ".vscode/settings.json").read_text())
    assert settings["editor.rulers"] == [100]
    assert settings["python.testing.pytestEnabled"] is True
    assert (project / ".vscode/tasks.json").read_text() == "// mine"
    assert (project / ".vscode/launch.json").is_file()


def without_scoring_script(template: Path) -> None:
    """A version whose deployments had no scoring script."""
    project = template / "project"
    settings = project / "settings.ini"
    lines = settings.read_text().splitlines(keepends=True)
    at = lines.index("scoring_notebook = score\n")
    settings.write_text("".join([*lines[: at - 1], *lines[at + 1 :]]))
    for name in SCORING:
        (project / name).unlink()
    change(template.parent / "new.py", "    SCORING_NOTEBOOK,\n", "")


def test_an_update_does_not_give_deployments_a_scoring_script(older, current):
    project = older(without_scoring_script)
    before = (project / "settings.ini").read_text()
    done = nbrelease(project, "update")
    assert done.returncode == 0, done.stdout + done.stderr
    [line] = [each for each in done.stdout.splitlines() if each.startswith("unchanged ")]
    assert "scoring_notebook = score" in line
    assert (project / "settings.ini").read_text() == before
    for name in (*SCORING, "exported/score/main.py"):
        assert (project / name).read_text() == (current / name).read_text()
    commit(project)
    assert nbrelease(project, "update", "--check").returncode == 0
    # The user decides.
    change(project / "settings.ini", "task = binary", "task = binary\nscoring_notebook = score")
    done = nbrelease(project, "settings", "dev")
    assert json.loads(done.stdout)["scoring_notebook"] == "score"
    assert nbrelease(project, "export", "--check").returncode == 0


def test_an_own_scoring_script_stays(older):
    project = older(without_scoring_script)
    notebook = project / SCORING[0]
    content = json.loads((project / "notebooks/train.ipynb").read_text())
    content["cells"][0]["source"] = ["# Mine"]
    notebook.write_text(json.dumps(content))
    change(project / "settings.ini", "task = binary", "task = binary\nscoring_notebook = score")
    assert nbrelease(project, "export").returncode == 0
    commit(project)
    before = {name: (project / name).read_text() for name in (*SCORING, "settings.ini")}
    done = nbrelease(project, "update")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name: (project / name).read_text() for name in before} == before
    assert "unchanged " not in done.stdout


@pytest.mark.parametrize("own", SCORING)
def test_the_scoring_notebook_and_its_tests_are_added_together_or_not_at_all(older, current, own):
    project = older(without_scoring_script)
    content = json.loads((project / "notebooks/train.ipynb").read_text())
    texts = {SCORING[0]: json.dumps(content), SCORING[1]: "def test_mine():\n    pass\n"}
    (project / own).write_text(texts[own])
    commit(project)
    done = nbrelease(project, "update")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / own).read_text() == texts[own]
    assert nbrelease(project, "export", "--check").returncode == 0
    # The export writes the tests of an own notebook; the template's tests are of its own notebook.
    [other] = {*SCORING} - {own}
    test = "def test_convert_tensor()"
    assert test in (current / SCORING[1]).read_text()
    assert (project / other).is_file() == (own == SCORING[0])
    assert test not in (project / SCORING[1]).read_text()


def test_uncommitted_changes_and_a_missing_wheel_are_refused(older):
    project = older(age)
    (project / "NOTES.md").write_text("mine\n")
    done = nbrelease(project, "update")
    assert done.returncode == 2
    assert git(project, "status", "--porcelain") == "?? NOTES.md\n"
    (project / "NOTES.md").unlink()
    shutil.rmtree(project / "wheels")
    commit(project)
    done = nbrelease(project, "update")
    assert done.returncode == 2
    assert "wheels/nbrelease-" in done.stderr
