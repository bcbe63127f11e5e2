"""The server extension of JupyterLab: what the handlers send, and who may call them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from lab_server import LabServer, open_server

pytestmark = pytest.mark.functional
MIRROR = Path(__file__).parents[2] / "unit/nbrelease/export/mirror/inputs"


@pytest.fixture(scope="module")
def server(python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    root = folder / "root"
    (root / "project" / "notebooks").mkdir(parents=True)
    (root / "project" / "settings.ini").write_text("[DEFAULT]\n", encoding="utf-8")
    with open_server(root, folder / "state", python=python) as started:
        yield started


@pytest.fixture
def notebook(server):
    """A notebook with two cells in the project, and its path in Jupyter."""
    path = server.root / "project" / "notebooks" / "train.ipynb"
    path.write_text(json.dumps(content("x = 1\n", "print(x)\n")), encoding="utf-8")
    yield path
    shutil.rmtree(server.root / "project" / "exported", ignore_errors=True)
    shutil.rmtree(server.root / "project" / "tests", ignore_errors=True)


PATH = {"path": "project/notebooks/train.ipynb"}


def content(first: str, second: str) -> dict:
    def cell(name: str, source: str, tag: str) -> dict:
        return {"cell_type": "code", "id": name, "metadata": {"tags": [tag]}, "source": source, "outputs": [], "execution_count": None}  # fmt: skip

    cells = [cell("constant", first, "export"), cell("go", second, "main")]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def test_an_open_notebook_is_checked_before_it_is_saved(server: LabServer, notebook):
    before = notebook.read_bytes()
    with server.client() as client:
        state = client.post(
            "nbrelease/notebook", params=PATH, json=content("x = 1\n", "print(x, missing)\n")
        ).json()
    assert state["state"] == "failed"
    [finding] = [each for each in state["findings"] if each["level"] == "error"]
    assert (finding["code"], finding["cell"], finding["line"], finding["column"]) == ("NBR302", "go", 1, 10)  # fmt: skip
    assert finding["fix"]
    assert finding["link"].endswith("diagnostics.md#nbr302")
    assert state["cells"] == [
        {"id": "constant", "tags": ["export"]},
        {"id": "go", "tags": ["main"]},
    ]
    assert notebook.read_bytes() == before
    assert not (server.root / "project" / "exported").exists()


def test_the_preview_names_the_cell_and_line_of_each_line(server, notebook):
    with server.client() as client:
        state = client.post(
            "nbrelease/notebook", params=PATH, json=content("\nx = 1\n", "y = x\nprint(y)\n")
        ).json()
    lines = {each["text"]: (each["cell"], each["line"]) for each in state["preview"]}
    assert lines["x = 1"] == ("constant", 2)
    assert lines["    y = x"] == ("go", 1)
    assert lines["    print(y)"] == ("go", 2)
    assert lines["def main() -> None:"] == ("", 0)
    assert state["state"] == "stale"
    assert state["module"] == "exported/train/main.py"


def test_export_and_sync(server, notebook):
    module = server.root / "project" / "exported" / "train" / "main.py"

    def state(client) -> dict:
        return client.post("nbrelease/notebook", params=PATH, content=notebook.read_bytes()).json()

    with server.client() as client:
        written = client.post("nbrelease/export", params=PATH).json()
        assert "exported/train/main.py" in written["files"]
        assert state(client)["state"] == "fresh"
        module.write_text(module.read_text("utf-8").replace("x = 1", "x = 2"), encoding="utf-8")
        edited = state(client)
        assert edited["state"] == "edited by hand"
        assert "+x = 2" in edited["edits"][0]["diff"]
        assert client.post("nbrelease/export", params=PATH).json()["files"] == []
        synced = client.post("nbrelease/sync", params=PATH).json()
        assert synced["files"] == ["notebooks/train.ipynb"]
        assert state(client)["state"] == "fresh"
    assert json.loads(notebook.read_bytes())["cells"][0]["source"] == "x = 2\n"


def test_an_error_of_the_user_is_one_line_with_status_422(server):
    shutil.copy(MIRROR / "whole.ipynb", server.root / "alone.ipynb")
    with server.client() as client:
        refused = client.post("nbrelease/export", params={"path": "alone.ipynb"})
    assert refused.status_code == 422
    assert "\n" not in refused.json()["message"]
    assert "settings.ini" in refused.json()["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"nbformat": 3}', b"\xff"])
def test_a_body_that_is_not_a_notebook_is_a_finding(server, notebook, body):
    with server.client() as client:
        state = client.post("nbrelease/notebook", params=PATH, content=body).json()
    assert [each["code"] for each in state["findings"]] == ["NBR101"]


@pytest.mark.parametrize("name", ["notebook", "export", "sync"])
def test_the_token_of_jupyter_is_required(server, notebook, name):
    for token in ("", "wrong"):
        with server.client(token) as client:
            assert client.post(f"nbrelease/{name}", params=PATH).status_code == 403
    assert not (server.root / "project" / "exported").exists()


def test_a_path_outside_the_folder_of_the_server_is_refused(server):
    with server.client() as client:
        for path in ("../state/log", "/../../etc/passwd", "project/../../x.ipynb"):
            assert client.post("nbrelease/export", params={"path": path}).status_code == 404, path


def test_the_address_of_a_module_sends_it_or_the_findings(server, notebook):
    with server.client() as client:
        page = client.get(f"nbconvert/nbrelease/{PATH['path']}", params={"download": "true"})
        assert page.status_code == 200
        assert page.headers["content-disposition"].endswith("train.py")
        notebook.write_text(json.dumps(content("x = 1\n", "print(<b>)\n")), encoding="utf-8")
        page = client.get(f"nbconvert/nbrelease/{PATH['path']}")
        assert page.status_code == 422
        assert "NBR201" in page.text
        assert "<b>)" not in page.text
        answer = client.get(
            f"nbconvert/nbrelease/{PATH['path']}", headers={"Accept": "application/json"}
        )
        assert [each["code"] for each in answer.json()["findings"]] == ["NBR201"]
