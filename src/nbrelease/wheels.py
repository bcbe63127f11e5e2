"""The wheels that a new project installs nbrelease from, so that it needs no checkout of it."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

from nbrelease.errors import NbreleaseError

DISTRIBUTIONS = ("child-processes", "azureml-local", "pipelines-local", "nbrelease")
"""The distributions of this repository; each requires only earlier ones."""
DATA_FOLDERS = ("etc", "share")
"""Folders of an environment with data files of packages."""
NOT_PACKED = {"INSTALLER", "REQUESTED", "direct_url.json", "RECORD"}
BUILD = """\
import os, sys
from hatchling.build import build_wheel
for folder in sys.argv[2:]:
    os.chdir(folder)
    build_wheel(sys.argv[1])
"""
"""Builds wheels with their build backend. pip would start two processes for each."""


def names() -> list[str]:
    """The file names of the wheels, without building them."""
    return [
        f"{name.replace('-', '_')}-{metadata.version(name)}-py3-none-any.whl"
        for name in sorted(DISTRIBUTIONS)
    ]


def build() -> dict[str, bytes]:
    """Return the wheels of :data:`DISTRIBUTIONS`, by file name.

    They are built from the checkout, or packed again from the installed files.

    Raises:
        NbreleaseError: a wheel cannot be built.
    """
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return _build_from_checkout(checkout)
    return dict(pack_installed(metadata.distribution(name)) for name in DISTRIBUTIONS)


def _build_from_checkout(checkout: Path) -> dict[str, bytes]:
    folders = [checkout / "packages" / name for name in DISTRIBUTIONS[:-1]]
    with tempfile.TemporaryDirectory() as target:
        process = subprocess.run(
            [sys.executable, "-P", "-c", BUILD, target, *map(str, [*folders, checkout])],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},  # the same bytes each time
        )
        if process.returncode:
            lines = process.stderr.strip().splitlines() or ["no message"]
            raise NbreleaseError(f"cannot build the wheels of nbrelease: {lines[-1]}")
        return {wheel.name: wheel.read_bytes() for wheel in sorted(Path(target).glob("*.whl"))}


def pack_installed(distribution: metadata.Distribution) -> tuple[str, bytes]:
    """Return file name and content of a wheel made from installed files (PEP 427).

    Data files outside the packages, such as a JupyterLab extension, are in the wheel too.
    """
    stem = f"{distribution.name.replace('-', '_')}-{distribution.version}"
    record = []
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in distribution.files or []:
                inner = _path_in_wheel(file, stem)
                if not inner:
                    continue
                content = Path(str(file.locate())).read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
                record.append(f"{inner},sha256={digest.rstrip(b'=').decode()},{len(content)}")
                archive.writestr(zipfile.ZipInfo(inner), content)
            last = f"{stem}.dist-info/RECORD"
            archive.writestr(zipfile.ZipInfo(last), "\n".join([*record, f"{last},,"]) + "\n")
        return target.name, target.read_bytes()


def _path_in_wheel(file: metadata.PackagePath, stem: str) -> str:
    """The path of an installed file in the wheel; empty for one that the installer writes anew."""
    if file.suffix == ".pyc" or file.name in NOT_PACKED:
        return ""
    if not file.as_posix().startswith(".."):
        return file.as_posix()
    prefix = Path(sys.prefix).resolve()
    path = Path(str(file.locate())).resolve()
    if not any(path.is_relative_to(prefix / folder) for folder in DATA_FOLDERS):
        return ""  # a script
    return f"{stem}.data/data/{path.relative_to(prefix).as_posix()}"
