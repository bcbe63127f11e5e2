"""Projects of other models: a starter, and an overlay of the files that a user edits.

An overlay in ``models`` has notebooks, criteria.yml, conda/train.yml, a script that makes the data,
and the keys of settings.ini that differ. Nothing else of the project is changed.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.projects import nbrelease

MODELS = Path(__file__).parent / "models"
EDITED = re.compile(r"notebooks/|data/|conda/[^/]+\.yml$|settings\.ini$|runbooks/[a-z-]+\.yml$")
"""The files that a user edits."""


def create(root: Path, model: str, task: str) -> Path:
    """Create a project with ``nbrelease new``, overlay a model and commit both."""
    done = nbrelease(root.parent, "new", str(root), "--name", model, "--task", task)
    assert done.returncode == 0, done.stderr
    git(root, "init", "-q", "-b", "develop")
    commit(root, "Create the project")
    overlay = MODELS / model
    for path in sorted(overlay.rglob("*")):
        name = path.relative_to(overlay).as_posix()
        if path.is_file() and name != "settings.ini":
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, root / name)
    set_keys(root, read_sections(model))
    make_data(root, model)
    finish(root)
    mark_environment(root)
    return root


def mark_environment(root: Path) -> None:
    """Let ``make setup`` of a project accept the environment of these tests.

    ``make setup`` installs the project's pinned packages and leaves a mark named by their checksum.
    The environment of the tests has these packages, but its mark is that of this checkout.
    """
    with (root / "requirements.txt").open("rb") as file:
        done = subprocess.run(["cksum"], stdin=file, capture_output=True, text=True, check=True)
    (Path(sys.prefix) / f".installed-{done.stdout.split()[0]}").touch()


def add(root: Path, model: str, task: str) -> None:
    """Add a model to a project as ``[model:NAME]``."""
    overlay = MODELS / model
    shutil.copyfile(overlay / "notebooks/train.ipynb", root / "notebooks" / f"{model}.ipynb")
    shutil.copyfile(overlay / "runbooks/criteria.yml", root / "runbooks" / f"{model}.yml")
    for script in (overlay / "data").glob("*.py"):
        shutil.copyfile(script, root / "data" / script.name)
    sections = read_sections(model)
    keys = {"training_notebook": model, "criteria_file": f"{model}.yml", "task": task}
    values = {**keys, **sections["DEFAULT"], **sections["train"]}
    with (root / "settings.ini").open("a", encoding="utf-8") as file:
        file.write(f"\n[model:{model}]\n")
        file.writelines(f"{key} = {value}\n" for key, value in values.items())
    make_data(root, model)
    finish(root)


def finish(root: Path) -> None:
    """Export, check that only files of a user differ, and commit."""
    done = nbrelease(root, "export")
    assert done.returncode == 0, done.stdout + done.stderr
    changed = git(root, "status", "--porcelain", "-uall").splitlines()
    names = [line[3:] for line in changed if not line[3:].startswith(("exported/", "tests/"))]
    assert names
    assert [name for name in names if not EDITED.match(name)] == []
    commit(root, "Another model")


def set_keys(root: Path, sections: dict[str, dict[str, str]]) -> None:
    """Set keys of settings.ini, as a user edits them; ``[train]`` is replaced."""
    path = root / "settings.ini"
    lines = path.read_text(encoding="utf-8").splitlines()
    if "train" in sections:
        start = lines.index("[train]") + 1
        end = lines.index("[dev]")
        lines[start:end] = [*(f"{k} = {v}" for k, v in sections["train"].items()), ""]
    for key, value in sections["DEFAULT"].items():
        at = next(n for n, line in enumerate(lines) if line.partition(" =")[0] == key)
        lines[at] = f"{key} = {value}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_sections(model: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    parser.read(MODELS / model / "settings.ini", encoding="utf-8")
    return {"DEFAULT": {}, **{name: dict(parser[name]) for name in parser.sections()}}


def make_data(root: Path, model: str) -> None:
    for script in (MODELS / model / "data").glob("*.py"):
        subprocess.run([sys.executable, root / "data" / script.name], check=True)


def git(root: Path, *words: str) -> str:
    author = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    return subprocess.run(
        ["git", "-C", root, *author, *words], capture_output=True, text=True, check=True
    ).stdout


def commit(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
