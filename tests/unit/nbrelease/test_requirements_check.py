"""An active environment that has all pinned versions is used by make; another one is not."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[3] / "src" / "nbrelease" / "template" / "Makefile"
INSTALLED = f"click=={metadata.version('click')}"


def check(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbrelease.requirements_check", *files]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    "line",
    [
        INSTALLED,
        "click>=8.1  # a comment",
        "appnope==1.0.0; sys_platform == 'nowhere'",
        "--extra-index-url https://example.org/simple",
        "-r more.txt",
        f"./wheels/nbrelease-{metadata.version('nbrelease')}-py3-none-any.whl",
    ],
)
def test_satisfied(tmp_path, line):
    (tmp_path / "requirements.txt").write_text(f"# pins\n{line}\n")
    (tmp_path / "more.txt").write_text("rich\n")
    done = check(tmp_path, "requirements.txt")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "line",
    [
        "click==0.1",
        "no-such-package",
        "-r more.txt",
        "./wheels/nbrelease-99-py3-none-any.whl",
        "a b",
    ],
)
def test_missing(tmp_path, line):
    (tmp_path / "requirements.txt").write_text(f"{INSTALLED}\n{line}\n")
    (tmp_path / "more.txt").write_text("no-such-package\n")
    done = check(tmp_path, "requirements.txt")
    assert done.returncode == 1
    assert line in done.stderr or "no-such-package" in done.stderr


def test_another_checkout_is_missing(tmp_path):
    (tmp_path / "src" / "nbrelease").mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text(f"{INSTALLED}\n")
    assert check(tmp_path, "requirements.txt").returncode == 1


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_make_uses_an_active_environment_that_has_the_pins(tmp_path, variable):
    (tmp_path / "Makefile").write_text(MAKEFILE.read_text())
    tools = {}
    for line in (INSTALLED, "no-such-package"):
        (tmp_path / "requirements.txt").write_text(f"{line}\n")
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MAKE", "VENV", "VIRTUAL_ENV", "CONDA"))
        }
        done = subprocess.run(
            ["make", "--silent", "--dry-run", "setup", "tools"],
            cwd=tmp_path,
            env={**env, variable: sys.prefix},
            capture_output=True,
            text=True,
            check=True,
        )
        tools[line] = done.stdout
    assert tools[INSTALLED] == f'cd "{sys.prefix}/bin" && pwd\n'
    assert "-m venv" in tools["no-such-package"]
    assert 'cd ".venv/bin" && pwd' in tools["no-such-package"]
