"""The export as a format of nbconvert."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.functional
ROOT = Path(__file__).parents[3]
MIRROR = ROOT / "tests/unit/nbrelease/export/mirror/inputs"


def convert(notebook: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "nbrelease", notebook, "--output-dir", folder],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_notebook_is_converted_by_name(tmp_path):
    done = convert(MIRROR / "whole.ipynb", tmp_path)
    assert done.returncode == 0, done.stderr
    tree = ast.parse((tmp_path / "whole.py").read_text("utf-8"))
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == [
        "double",
        "main",
        "_arguments",
    ]


def test_findings_are_said_and_nothing_is_written(tmp_path):
    done = convert(MIRROR / "hidden-state.ipynb", tmp_path)
    assert done.returncode == 1
    assert "NBR304 rows is made only in cell explore" in done.stderr
    assert list(tmp_path.iterdir()) == []
