"""A disk that is full, in five places: one line with path and free space, then it works again.

Each test writes on a small tmpfs of its own. Mounting needs root; without it the tests are skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.drill]

BIN = Path(sys.executable).parent
SETTINGS = Path(__file__).parents[2] / "settings.ini"
SECONDS = 60
"""The longest time until the error; the retries of the SDK take 91 s."""


class Disk:
    """A mounted tmpfs of a few MiB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, leave: int = 0) -> None:
        """Fill the disk but for some KiB."""
        with self._filler.open("wb") as file:
            space = os.statvfs(self.path)
            blocks = space.f_bavail - leave * 1024 // space.f_bsize
            file.write(b"\0" * max(0, blocks * space.f_bsize))

    def clear(self) -> None:
        """Make room."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield Disk(folder)
    subprocess.run(["umount", "-l", folder], check=True)


def call(*command: object, cwd: Path) -> tuple[int, str, float]:
    """Run a command: exit code, output, seconds."""
    start = time.monotonic()
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - start


def assert_one_line(output: str, folder: Path) -> None:
    """The output has one line that names the folder, the cause and the free space."""
    lines = [line for line in output.splitlines() if "the disk is full" in line]
    assert lines, output
    assert str(folder) in lines[0]
    assert "MiB free" in lines[0]
    assert "Traceback" not in output
    assert "defect" not in output


UPLOAD = """
import sys, time
from pathlib import Path
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Data
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), {subscription!r}, "g", "w")
client.workspaces.get("w")
start = time.monotonic()
try:
    {action}
except Exception as error:
    print(error)
    print("SECONDS", time.monotonic() - start)
    sys.exit(1)
print("created")
"""
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("action", "leave"),
    [
        (
            "client.data.create_or_update(Data(name='d', version='1', type='uri_file', path='big.bin'))",
            1024,
        ),
        (
            "client.data.create_or_update(Data(name='d', version='1', type='uri_file', path='https://h/x.csv'))",
            0,
        ),
    ],
    ids=["blobs", "documents"],
)
def test_the_local_workspace(disk, tmp_path, action, leave):
    (tmp_path / "big.bin").write_bytes(os.urandom(6 << 20))
    script = tmp_path / "call.py"
    script.write_text(UPLOAD.format(action=action, subscription=SUBSCRIPTION))
    data = disk.path / "workspace"
    run = [BIN / "azureml-local", "run", "--data", data, "--", sys.executable, script]
    # A server that is running when the disk becomes full.
    start = [BIN / "azureml-local", "start", "--data", data]
    assert call(*start, cwd=tmp_path)[0] == 0
    try:
        first = script.read_text().replace(action, "pass")
        warm = tmp_path / "warm.py"
        warm.write_text(first)
        code, output, _ = call(*run[:-1], warm, cwd=tmp_path)
        assert code == 0, output
        disk.fill(leave)
        code, output, seconds = call(*run, cwd=tmp_path)
        assert code == 1, output
        assert_one_line(output, data)
        assert seconds < SECONDS
        assert not list((data / "uploads").iterdir())
        disk.clear()
        code, output, _ = call(*run, cwd=tmp_path)
        assert (code, "created" in output) == (0, True), output
    finally:
        call(BIN / "azureml-local", "stop", "--data", data, cwd=tmp_path)


PIPELINE = """
steps:
  - script: echo hello
  - script: head -c 100000 /dev/zero > big.bin
"""


def test_the_folder_of_pipeline_runs(disk, tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "pipeline.yml").write_text(PIPELINE)
    subprocess.run(["git", "init", "-q", root], check=True)
    run = [BIN / "pipelines-local", "run", "--root", root, "--work-dir", disk.path, "pipeline.yml"]
    disk.fill()
    code, output, seconds = call(*run, cwd=root)
    assert code == 1, output
    assert_one_line(output, disk.path)
    assert seconds < SECONDS
    disk.clear()
    code, output, _ = call(*run, cwd=root)
    assert code == 0, output


def project(root: Path, evidence: Path) -> None:
    """A project with one runbook, whose evidence is in another folder."""
    head, _, rest = SETTINGS.read_text(encoding="utf-8").partition("[train]")
    azure = "workspace = azure\nsubscription_id = s\nresource_group = g\nworkspace_name = w"
    rest = rest.partition("[dev]")[2].replace("workspace = local", azure)
    root.mkdir()
    (root / "settings.ini").write_text(
        f"{head}evidence = {evidence}\n[dev]{rest}", encoding="utf-8"
    )
    (root / "runbooks").mkdir()
    cells = [
        nbformat.v4.new_code_cell("print('x' * 200_000)", id="big"),
        nbformat.v4.new_code_cell("assert True", id="t", metadata={"tags": ["test"]}),
    ]
    kernel = {"name": "python3", "display_name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, root / "runbooks" / "01_a.ipynb")
    subprocess.run(["git", "init", "-q", root], check=True)


@pytest.mark.parametrize("command", ["run", "build"])
def test_the_evidence(disk, tmp_path, command):
    root, evidence = tmp_path / "project", disk.path / "evidence"
    project(root, evidence)
    run = [BIN / "nbrelease", "run", "01_a", "--env", "dev"]
    if command == "build":
        assert call(*run, cwd=root)[0] == 0
        [pack] = evidence.iterdir()
        run = [BIN / "nbrelease", "evidence", "build", "--env", "dev", pack.name]
    disk.fill(leave=0 if command == "build" else 100)
    code, output, seconds = call(*run, cwd=root)
    assert code == 1, output
    assert_one_line(output, evidence)
    assert seconds < SECONDS
    assert not [path for path in evidence.rglob(".*") if path.is_file()]  # temporary files
    disk.clear()
    code, output, _ = call(*run, cwd=root)
    assert code == 0, output
    if command == "build":
        assert call(BIN / "nbrelease", "evidence", "verify", pack, cwd=root)[0] == 0
