"""A project in a temporary folder, with settings that need no workspace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from preloaded_python import PreloadedPython

SETTINGS = Path(__file__).parents[3] / "settings.ini"
AZURE = "workspace = azure\nsubscription_id = s\nresource_group = g\nworkspace_name = w"


class Project:
    """A project's folder; runbooks are written from (id, tags, source) triples."""

    def __init__(self, root: Path) -> None:
        self.root = root
        text = SETTINGS.read_text(encoding="utf-8").replace("workspace = local", AZURE)
        head, _, rest = text.partition("[train]")  # there is no training notebook
        text = f"{head}[dev]{rest.partition('[dev]')[2]}"
        (root / "settings.ini").write_text(text, encoding="utf-8")
        (root / "runbooks").mkdir()

    def runbook(self, name: str, *cells, kernel="python3", outputs=None) -> Path:
        notebook = nbformat.v4.new_notebook(
            metadata={"kernelspec": {"name": kernel, "display_name": kernel}}
        )
        for cell_id, tags, source in cells:
            cell = nbformat.v4.new_code_cell(
                source, id=cell_id, metadata={"tags": tags} if tags else {}
            )
            if outputs and cell_id in outputs:
                cell.outputs, cell.execution_count = outputs[cell_id], 1
            notebook.cells.append(cell)
        path = self.root / "runbooks" / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


@pytest.fixture(scope="session")
def python(tmp_path_factory) -> Iterator[PreloadedPython]:
    """The preloaded process of all modules; it starts when the first one needs it."""
    preloaded = PreloadedPython(tmp_path_factory.mktemp("preloaded"))
    yield preloaded
    preloaded.stop()
