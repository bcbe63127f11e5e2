"""The nbconvert exporter."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lab_server import open_server
from preloaded_python import PreloadedPython

pytestmark = pytest.mark.functional
ROOT = Path(__file__).parents[3]
MIRROR = ROOT / "tests/unit/nbrelease/export/mirror/inputs"


def convert(
    python: PreloadedPython, notebook: Path, folder: Path
) -> subprocess.CompletedProcess[str]:
    words = ("nbconvert", "--to", "nbrelease", notebook, "--output-dir", folder)
    return python.run(*words, cwd=folder)


def test_nbconvert_finds_the_exporter_by_name(python, tmp_path):
    done = convert(python, MIRROR / "whole.ipynb", tmp_path)
    assert done.returncode == 0, done.stdout
    tree = ast.parse((tmp_path / "whole.py").read_text("utf-8"))
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == [
        "double",
        "main",
        "_arguments",
    ]


def test_in_a_project_the_module_is_the_exported_one(python, tmp_path):
    notebooks = tmp_path / "project" / "notebooks"
    notebooks.mkdir(parents=True)
    (tmp_path / "project/settings.ini").write_text("[DEFAULT]\n", encoding="utf-8")
    for name in ("whole", "library"):
        shutil.copy(MIRROR / f"{name}.ipynb", notebooks)
    content = json.loads((notebooks / "whole.ipynb").read_text("utf-8"))
    content["cells"].insert(1, {**content["cells"][-1], "id": "i", "metadata": {"tags": ["export"]}, "source": "import library\n\nL = library"})  # fmt: skip
    (notebooks / "whole.ipynb").write_text(json.dumps(content), encoding="utf-8")
    export = [sys.executable, "-m", "nbrelease", "export"]
    subprocess.run(export, cwd=tmp_path / "project", check=True, capture_output=True)
    done = convert(python, notebooks / "whole.ipynb", tmp_path)
    assert done.returncode == 0, done.stdout
    written = tmp_path / "project/exported/whole/main.py"
    assert (tmp_path / "whole.py").read_bytes() == written.read_bytes()


def test_jupyterlab_lists_it_and_downloads_the_module(python, tmp_path, tmp_path_factory):
    """The requests of JupyterLab's menu "Save and Export Notebook As"."""
    shutil.copy(MIRROR / "whole.ipynb", tmp_path)
    shutil.copy(MIRROR / "hidden-state.ipynb", tmp_path)
    state = tmp_path_factory.mktemp("state") / "server"
    with open_server(tmp_path, state, python=python) as server, server.client() as client:
        formats = client.get("api/nbconvert").json()
        assert formats["nbrelease"] == {"output_mimetype": "text/x-python"}
        page = client.get("nbconvert/nbrelease/whole.ipynb", params={"download": "true"})
        assert page.headers["content-disposition"].endswith("whole.py")
        assert "def main(" in page.text
        page = client.get("nbconvert/nbrelease/hidden-state.ipynb")
        assert page.status_code == 422
        assert "NBR304" in page.text


def test_errors_are_printed_and_nothing_is_written(python, tmp_path):
    done = convert(python, MIRROR / "hidden-state.ipynb", tmp_path)
    assert done.returncode == 1
    assert "hidden-state.ipynb:go:1:14: error NBR304" in done.stdout
    assert list(tmp_path.iterdir()) == []
