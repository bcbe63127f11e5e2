"""The built JupyterLab extension belongs to its sources; checked without node."""

from __future__ import annotations

import hashlib
import io
import json
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

from nbrelease import wheels

ROOT = Path(__file__).parents[2]
LAB = ROOT / "lab"


def test_the_bundle_was_built_from_these_sources():
    """Otherwise: make labextension."""
    names = [
        *(f"src/{path.name}" for path in (LAB / "src").iterdir()),
        *(f"style/{path.name}" for path in (LAB / "style").iterdir()),
        "package-lock.json",
        "package.json",
    ]
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(f"{name}\0".encode() + (LAB / name).read_bytes())
    assert (LAB / "labextension/sources.sha256").read_text().strip() == digest.hexdigest()


def test_the_bundle_is_complete():
    package = json.loads((LAB / "labextension/package.json").read_text())
    entry = package["jupyterlab"]["_build"]["load"]
    assert (LAB / "labextension" / entry).is_file()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert package["version"] == version


def test_a_wheel_of_the_installed_files_has_the_extension():
    """The wheel that `nbrelease new` writes where there is no checkout."""
    name, content = wheels.pack_installed(metadata.distribution("nbrelease"))
    data = name.removesuffix("-py3-none-any.whl") + ".data/data"
    names = set(zipfile.ZipFile(io.BytesIO(content)).namelist())
    entry = json.loads((LAB / "labextension/package.json").read_text())["jupyterlab"]["_build"]
    extension = f"{data}/share/jupyter/labextensions/nbrelease-lab"
    assert {
        f"{extension}/package.json",
        f"{extension}/install.json",
        f"{extension}/{entry['load']}",
        f"{data}/etc/jupyter/jupyter_server_config.d/nbrelease.json",
    } <= names
    assert not any("/bin/" in each for each in names)


def test_the_lock_file_names_no_registry():
    packages = json.loads((LAB / "package-lock.json").read_text())["packages"]
    assert len(packages) > 100
    assert [name for name, each in packages.items() if "resolved" in each] == []
