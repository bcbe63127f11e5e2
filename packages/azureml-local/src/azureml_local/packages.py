"""Differences between the packages of a job's environment and those of this interpreter.

Jobs use the packages of the server's interpreter. A rehearsal that passes with other versions than
the release must say so, so each difference is a warning in the job's log.
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
from packaging.utils import canonicalize_name

from azureml_local.import_shims import REPLACED

PREFIX = "azureml-local: warning:"
# Tools that conda files name and that jobs do not import.
TOOLS = frozenset({"pip", "setuptools", "wheel", "conda"})
CONDA = re.compile(r"^(?:[\w./-]+::)?([A-Za-z0-9_.\-]+)\s*([=<>!~].*)?$")


def package_warnings(environment: str, conda_file: str | None) -> list[str]:
    """One line for each package that the interpreter lacks or has in another version.

    Args:
        environment: the environment's name, for the lines.
        conda_file: the text of its conda file; None without one.
    """
    try:
        content = yaml.safe_load(conda_file) if conda_file else None
    except yaml.YAMLError as error:
        message = f"{PREFIX} {environment}: the conda file is not valid YAML: {error}"
        return [message.replace("\n", " ")]
    lines = []
    for name, specifier in _required_packages(content):
        installed = platform.python_version() if name == "python" else _installed_version(name)
        if installed is None and canonicalize_name(name) in REPLACED:
            continue
        if installed is None or not specifier.contains(installed, prereleases=True):
            lines.append(
                f"{PREFIX} {environment} requires {name}{specifier}; this interpreter has "
                f"{installed or 'none'}"
            )
    return lines


def _required_packages(content: Any) -> Iterator[tuple[str, SpecifierSet]]:
    yield from conda_packages(content)
    for line in pip_lines(content):
        yield from _pip_requirement(line)


def conda_packages(content: Any) -> Iterator[tuple[str, SpecifierSet]]:
    """The packages that conda installs, Python included; those for pip are left out."""
    for dependency in _dependencies(content):
        match = CONDA.match(dependency.strip()) if isinstance(dependency, str) else None
        if match and match[1].lower() not in TOOLS:
            yield match[1].lower(), _conda_versions(match[2] or "")


def pip_lines(content: Any) -> Iterator[str]:
    """The requirements of a conda file's ``pip`` section, line by line."""
    for dependency in _dependencies(content):
        lines = dependency.get("pip") if isinstance(dependency, dict) else None
        yield from (str(line) for line in (lines if isinstance(lines, list) else ()))


def _dependencies(content: Any) -> list[Any]:
    dependencies = content.get("dependencies") if isinstance(content, dict) else None
    return dependencies if isinstance(dependencies, list) else []


def _pip_requirement(line: str) -> Iterator[tuple[str, SpecifierSet]]:
    text = line.partition(" #")[0].strip()
    if not text or text.startswith("-"):
        return  # an option of pip
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return  # a URL or a path has no version to compare
    if requirement.marker is None or requirement.marker.evaluate():
        yield requirement.name, requirement.specifier


def _conda_versions(text: str) -> SpecifierSet:
    """Conda's ``=1.2`` and ``=1.2=build`` mean any 1.2.x; other specifiers are those of pip."""
    text = text.replace(" ", "")
    match = re.fullmatch(r"=(?!=)([^=,|]+)(=.*)?", text)
    if match:
        text = f"=={match[1].rstrip('.*')}.*"
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return SpecifierSet()  # alternatives and globs exist only in conda: accept any version


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
