"""A new project: the folders of the example, under a name of its own, with the tools to run it."""

from __future__ import annotations

import configparser
import re
from importlib import resources
from pathlib import Path

from nbrelease import files, wheels
from nbrelease.errors import UsageError

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
    for wheel, packed in wheels.build().items():
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
