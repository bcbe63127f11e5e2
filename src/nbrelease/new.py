"""A new project: the folders of the example, under a name of its own, with the tools to run it."""

from __future__ import annotations

import base64
import configparser
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata, resources
from pathlib import Path

from nbrelease import files
from nbrelease.errors import NbreleaseError, UsageError

FOLDERS = ("notebooks", "exported", "runbooks", "conda", ".ado", "data", "tests/exported")
SINGLE = ("settings.ini", "requirements.txt", ".gitignore", ".gitattributes")
OWN = ("Makefile", "README.md", "pyproject.toml")
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", "mlruns", "mlartifacts", ".pytest_cache"}
NAME = re.compile(r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")
AZURE = ("subscription_id", "resource_group", "workspace_name")


def create(folder: Path, name: str, azure: dict[str, str] | None = None) -> list[Path]:
    """Write a project.

    Args:
        folder: where; it may exist if nothing is in it.
        name: of the project: assets and endpoints are named for it.
        azure: for dev on Azure: subscription_id, resource_group and workspace_name.

    Returns:
        The files that were written, relative to the folder.

    Raises:
        UsageError: the folder is not empty, or the name cannot be one of an endpoint.
    """
    if not NAME.match(name):
        raise UsageError(
            f"--name {name}: wants 3 to 24 of a-z, 0-9 and -, beginning with a letter: "
            "endpoints on Azure are named for it"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is there already, with something in it; give a new folder")
    content = {path: source.read_bytes() for path, source in _sources().items()}
    content[Path("settings.ini")] = _settings(content[Path("settings.ini")], name, azure)
    content[Path("README.md")] = content[Path("README.md")].replace(b"{{ project }}", name.encode())
    wheel, packed = _wheel()
    content[Path("wheels") / wheel] = packed
    content[Path("requirements.txt")] += f"./wheels/{wheel}\n".encode()
    for path, data in content.items():
        files.write_bytes(folder / path, data)
    return sorted(content)


def _example() -> Path:
    """The folder of the example: in a wheel beside this module, in a checkout its top."""
    packed = Path(str(resources.files("nbrelease.template") / "project"))
    return packed if packed.is_dir() else Path(__file__).parents[2]


def _sources() -> dict[Path, Path]:
    example = _example()
    found = {Path(name): example / name for name in SINGLE}
    for folder in FOLDERS:
        for path in sorted((example / folder).rglob("*")):
            inner = path.relative_to(example)
            generated = path.suffix in (".pyc", ".db") or path.name == "diabetes.csv"
            if path.is_file() and not generated and not LEFT_OUT & set(inner.parts):
                found[inner] = path
    template = Path(str(resources.files("nbrelease.template")))
    return found | {Path(name): template / name for name in OWN}


def _settings(text: bytes, name: str, azure: dict[str, str] | None) -> bytes:
    lines = text.decode().splitlines()
    lines[lines.index("project = diabetes")] = f"project = {name}"
    if azure is not None:
        start = lines.index("[dev]")
        local = lines.index("workspace = local", start)
        lines[local : local + 1] = [
            "workspace = azure",
            *(f"{key} = {azure[key]}" for key in AZURE),
        ]
    changed = "\n".join(lines) + "\n"
    configparser.ConfigParser().read_string(changed)  # what is written can be read
    return changed.encode()


def _wheel() -> tuple[str, bytes]:
    """This very nbrelease as a wheel: its name and content.

    Built from the checkout, or packed again out of the files that were installed.

    Raises:
        NbreleaseError: neither is possible.
    """
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return _built(checkout)
    return _packed(metadata.distribution("nbrelease"))


def _built(checkout: Path) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
                "--no-deps", "--no-build-isolation", "--wheel-dir", folder, str(checkout),
            ],
            capture_output=True, text=True, check=False,
            env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},  # the same bytes each time
        )  # fmt: skip
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise NbreleaseError(f"cannot build nbrelease's wheel: {lines[-1]}")
        [wheel] = Path(folder).glob("*.whl")
        return wheel.name, wheel.read_bytes()


def _packed(installed: metadata.Distribution) -> tuple[str, bytes]:
    """A wheel out of the files of an installed one (PEP 427)."""
    record = []
    with tempfile.TemporaryDirectory() as folder:
        name = f"nbrelease-{installed.version}-py3-none-any.whl"
        target = Path(folder) / name
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in installed.files or []:
                inside = file.as_posix()
                if inside.startswith("..") or file.suffix == ".pyc":
                    continue  # scripts, which the installer writes anew
                if file.name in ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD"):
                    continue
                content = Path(str(file.locate())).read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
                record.append(f"{inside},sha256={digest.rstrip(b'=').decode()},{len(content)}")
                archive.writestr(zipfile.ZipInfo(inside), content)
            info = f"nbrelease-{installed.version}.dist-info/RECORD"
            archive.writestr(zipfile.ZipInfo(info), "\n".join([*record, f"{info},,"]) + "\n")
        return name, target.read_bytes()
