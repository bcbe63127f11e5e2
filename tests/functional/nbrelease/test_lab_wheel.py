"""The wheel in a fresh environment: JupyterLab has the extension, without node."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = [pytest.mark.functional, pytest.mark.drill]
ROOT = Path(__file__).parents[3]


def test_pip_install_adds_the_extension(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", tmp_path, ROOT], check=True, timeout=300)
    [wheel] = tmp_path.glob("nbrelease-*.whl")
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, timeout=120)
    pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
    lab = f"jupyterlab=={metadata.version('jupyterlab')}"
    subprocess.run([*pip, lab], check=True, timeout=400)
    # What else nbrelease needs does not matter for the list.
    subprocess.run([*pip, "--no-deps", wheel], check=True, timeout=120)
    jupyter = environment / "bin" / "jupyter"
    without_node = {**os.environ, "PATH": str(environment / "bin")}
    done = subprocess.run(
        [jupyter, "labextension", "list"],
        env=without_node,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    lines = re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr).splitlines()
    [line] = [each for each in lines if "nbrelease-lab" in each]
    assert "enabled OK (python, nbrelease)" in line
