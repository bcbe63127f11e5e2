"""Cleaning after real runs gives the committed bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.functional
CELLS = [
    ("parameters", "n: int = 2"),
    ("export", "def double(x):\n    return 2 * x"),
    ("main", "print('größe', double(n))"),
    ("check", "double(n)"),
    ("keep_output", "import sys\nprint('kept')\nprint('err', file=sys.stderr)"),
    ("", "from IPython.display import HTML\nHTML('<b>x</b>')"),
]


def clean(path: Path) -> bytes:
    command = [sys.executable, "-m", "nbrelease", "clean", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return path.read_bytes()


def test_a_run_does_not_change_the_cleaned_bytes(tmp_path):
    path = tmp_path / "some.ipynb"
    cells = [
        nbformat.v4.new_code_cell(source, id=f"c{number}", metadata={"tags": [tag] if tag else []})
        for number, (tag, source) in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    run = nbformat.read(path, 4)
    NotebookClient(run, timeout=60).execute()
    nbformat.write(run, path)
    once = clean(path)  # with the outputs of checked cells
    with_outputs = [cell["id"] for cell in json.loads(once)["cells"] if cell["outputs"]]
    assert with_outputs == ["c3", "c4"]
    assert [cell["metadata"]["tags"] for cell in json.loads(once)["cells"]] == [
        [tag] if tag else [] for tag, _ in CELLS
    ]
    again = nbformat.read(path, 4)
    NotebookClient(again, timeout=60).execute()
    nbformat.write(again, path)
    assert path.read_bytes() != once
    assert clean(path) == once
    papermill.execute_notebook(path, path, {"n": 2}, progress_bar=False)
    assert b"injected-parameters" in path.read_bytes()
    assert clean(path) == once
