"""What a job's environment names and this interpreter does not have, said in the job's log.

Images and conda environments are not built here: jobs see the packages of the server's interpreter.
A rehearsal that passes with other versions than the release must not stay silent about it.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

PREFIX = "azureml-local: warning:"
# Of conda's own world: tools and libraries that are no Python packages.
NOT_PYTHON = frozenset({"pip", "setuptools", "wheel", "conda"})
CONDA = re.compile(r"^(?:[\w./-]+::)?([A-Za-z0-9_.\-]+)\s*([=<>!~].*)?$")


def warnings(environment: str, conda_file: str | None) -> list[str]:
    """One line for each package that the interpreter lacks or has in another version.

    Args:
        environment: the environment's name, for the lines.
        conda_file: its conda file's text; None where it has none.
    """
    try:
        content = yaml.safe_load(conda_file) if conda_file else None
    except yaml.YAMLError as error:
        return [f"{PREFIX} the conda file of {environment} is no YAML: {error}".replace("\n", " ")]
    lines = []
    for name, wanted in _wanted(content):
        there = platform.python_version() if name == "python" else _installed(name)
        if there is None:
            lines.append(f"{PREFIX} {environment} names {name}{wanted}; this interpreter has none")
        elif not wanted.contains(there, prereleases=True):
            lines.append(
                f"{PREFIX} {environment} names {name}{wanted}; this interpreter has {there}"
            )
    return lines


def _wanted(content: Any) -> Iterator[tuple[str, SpecifierSet]]:
    yield from conda_packages(content)
    for line in pip_lines(content):
        yield from _pip(line)


def conda_packages(content: Any) -> Iterator[tuple[str, SpecifierSet]]:
    """The packages that a conda file names beside those for pip, Python itself among them."""
    for each in _dependencies(content):
        match = CONDA.match(each.strip()) if isinstance(each, str) else None
        if match and match[1].lower() not in NOT_PYTHON:
            yield match[1].lower(), _conda_versions(match[2] or "")


def pip_lines(content: Any) -> Iterator[str]:
    """What a conda file has for pip, line by line."""
    for each in _dependencies(content):
        lines = each.get("pip") if isinstance(each, dict) else None
        yield from (str(line) for line in (lines if isinstance(lines, list) else ()))


def _dependencies(content: Any) -> list[Any]:
    found = content.get("dependencies") if isinstance(content, dict) else None
    return found if isinstance(found, list) else []


def _pip(line: str) -> Iterator[tuple[str, SpecifierSet]]:
    text = line.partition(" #")[0].strip()
    if not text or text.startswith("-"):
        return  # an option of pip's
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return  # an address or a path: nothing to compare
    if wanted.marker is None or wanted.marker.evaluate():
        yield wanted.name, wanted.specifier


def _conda_versions(text: str) -> SpecifierSet:
    """Conda's ``=1.2`` is any 1.2.x, ``=1.2=build`` too; the rest is written as pip's."""
    text = text.replace(" ", "")
    match = re.fullmatch(r"=(?!=)([^=,|]+)(=.*)?", text)
    if match:
        text = f"=={match[1].rstrip('.*')}.*"
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return SpecifierSet()  # alternatives and globs of conda's own: any will do


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
