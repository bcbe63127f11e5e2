"""Differences between the packages of a job's environment and those of this interpreter.

Jobs use the packages of the server's interpreter. A rehearsal that passes with other versions than
the release must say so, so each difference is a warning in the job's log.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
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
CONDA = re.compile(
    r"(?:[\w./-]+::)?(?P<name>[A-Za-z0-9_.\-]+)(?P<versions>(?:\s|[=<>!~])[^\[\]]*)?"
    r"(?:\[(?P<fields>.*)\])?"
)
BUILD = re.compile(r"(.*[^\s=<>!~,|])(?:\s+|=)[\w.*]+")
"""Conda's version and build: ``1.2 py39_0`` or ``=1.2=py39_0``; its first group is the version."""
FIELD = re.compile(r"""\s*(\w+)\s*=\s*("[^"]*"|'[^']*'|[^\s,"']+)\s*(?:,|$)""")
PREFIX_VERSION = re.compile(r"=?([^=<>!~*]+?)\.?\*|=([^=<>!~*]+)")
OPERATOR = re.compile(r"[=<>!~]=|[<>]")


@dataclass(frozen=True)
class CondaPackage:
    """A package that conda installs.

    Attributes:
        text: its line in the conda file.
        name: in lower case; empty if the line is not understood.
        versions: the versions that it may have; None if they are not understood.
    """

    text: str
    name: str
    versions: SpecifierSet | None


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
    lines = [
        f"{PREFIX} {environment}: {package.text!r} was not understood and is not checked"
        for package in conda_packages(content)
        if package.versions is None
    ]
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
    for package in conda_packages(content):
        if package.versions is not None:
            yield package.name, package.versions
    for line in pip_lines(content):
        yield from _pip_requirement(line)


def conda_packages(content: Any) -> Iterator[CondaPackage]:
    """The packages that conda installs, Python included; those for pip are left out."""
    for dependency in _dependencies(content):
        if not isinstance(dependency, dict) or "pip" not in dependency:
            package = _conda_package(str(dependency).strip())
            if package.name not in TOOLS:
                yield package


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


def _conda_package(text: str) -> CondaPackage:
    """Read a line of a conda file: ``NAME``, ``NAME VERSION``, ``NAME=VERSION``, with a build too.

    Source: conda's match specifications (conda/models/match_spec.py and version.py).
    """
    match = CONDA.fullmatch(text)
    if match is None:
        return CondaPackage(text, "", None)
    name, versions = match["name"].lower(), _conda_versions((match["versions"] or "").strip())
    if match["fields"] is not None:
        if FIELD.sub("", match["fields"]).strip():
            return CondaPackage(text, name, None)
        fields = dict(FIELD.findall(match["fields"]))
        if "version" in fields:  # it replaces the version before the brackets
            versions = _version_range(fields["version"].strip("\"'"))
    return CondaPackage(text, name, versions)


def _conda_versions(text: str) -> SpecifierSet | None:
    """The versions in ``1.2``, ``=1.2``, ``1.2 BUILD`` or ``=1.2=BUILD``; None if not understood.

    ``=1.2`` means any 1.2.x. Without ``=``, and with a build, the version is exact.
    """
    match = BUILD.fullmatch(text)
    if match is None:
        return _version_range(text)
    version = match[1].strip()
    exact = version.startswith("=") and not version.startswith("==")
    return _version_range(version[1:] if exact else version)


def _version_range(text: str) -> SpecifierSet | None:
    """Versions that commas separate; None if they are not understood, such as alternatives."""
    versions = SpecifierSet()
    for part in filter(None, "".join(text.split()).split(",")):
        prefix = PREFIX_VERSION.fullmatch(part)
        if prefix:
            part = f"=={prefix[1] or prefix[2]}.*"
        elif part == "*":
            continue
        elif part.startswith(("<", ">")):
            part = part.removesuffix(".*")
        elif not OPERATOR.match(part):
            part = f"=={part}"
        try:
            versions &= SpecifierSet(part)
        except InvalidSpecifier:
            return None
    return versions


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
