"""make setup keeps a copy of uv and uses it for the next virtual environment.

The Python of these tests installs a uv that only writes down its arguments: the tests need no
package index.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAMS = ("cat", "cksum", "cp", "cut", "grep", "ls", "make", "mkdir", "mv", "rm", "sh", "test")
PROGRAMS += ("touch", "uname")
"""What the recipe calls, without the uv of this machine."""
UV = '#!/bin/sh\n[ "$1" = --version ] || echo "$@" >> {log}\n'
PYTHON = """#!/bin/sh
case "$*" in
*" pip "*) {install} ;;
*) exec {python} "$@" ;;
esac
"""


@pytest.fixture(params=["Makefile", "src/nbrelease/template/Makefile"])
def project(request, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / request.param, folder / "Makefile")
    (folder / "requirements.txt").write_text("uv==1.2.3\n")
    (folder / "pyproject.toml").write_text("")
    return folder


def set_up(project: Path, install: str) -> str:
    """Run make setup with a Python whose pip runs a command; return the calls of uv."""
    log, python = project.parent / "uv.log", project.parent / "python"
    log.write_text("")
    python.write_text(PYTHON.format(install=install, python=shlex.quote(sys.executable)))
    python.chmod(0o755)
    programs = project.parent / "programs"
    programs.mkdir(exist_ok=True)
    for name in PROGRAMS:
        if not (programs / name).exists():
            (programs / name).symlink_to(shutil.which(name))
    removed = ("MAKE", "MFLAGS", "VENV", "VIRTUAL_ENV", "CONDA")
    env = {name: text for name, text in os.environ.items() if not name.startswith(removed)}
    env |= {"PATH": str(programs), "XDG_CACHE_HOME": str(project.parent / "cache")}
    shutil.rmtree(project / ".venv", ignore_errors=True)
    command = [programs / "make", "--silent", "setup", f"PYTHON={python}"]
    subprocess.run(command, cwd=project, env=env, check=True, capture_output=True)
    return log.read_text()


def write_uv(project: Path) -> str:
    """A command that writes a uv into a new virtual environment, as pip does."""
    fake = project.parent / "fake-uv"
    fake.write_text(UV.format(log=shlex.quote(str(project.parent / "uv.log"))))
    fake.chmod(0o755)
    return f'cp {shlex.quote(str(fake))} "$PWD/.venv/bin/uv"'


def test_the_next_set_up_does_not_install_uv_again(project):
    first = set_up(project, write_uv(project))
    assert "--requirement requirements.txt" in first
    assert set_up(project, "exit 1") == first


def test_a_copy_that_does_not_run_is_replaced(project):
    set_up(project, write_uv(project))
    (kept,) = (project.parent / "cache" / "nbrelease").glob("*/uv")
    kept.write_text("#!/bin/no-such-loader")
    assert "--requirement requirements.txt" in set_up(project, write_uv(project))
    assert "no-such-loader" not in kept.read_text()


def test_another_version_of_uv_is_installed(project):
    set_up(project, write_uv(project))
    (project / "requirements.txt").write_text("uv==1.2.4\n")
    called = project.parent / "called"
    set_up(project, f"touch {shlex.quote(str(called))}; {write_uv(project)}")
    assert called.exists()


def test_a_cache_folder_that_cannot_be_written_changes_nothing(project):
    (project.parent / "cache").write_text("a file")
    assert "--requirement requirements.txt" in set_up(project, write_uv(project))
