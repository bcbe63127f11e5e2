"""Each distribution of this repository declares what it imports, and nothing reaches across."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "child-processes": ROOT / "packages" / "child-processes",
    "azureml-local": ROOT / "packages" / "azureml-local",
    "pipelines-local": ROOT / "packages" / "pipelines-local",
    "nbrelease": ROOT,
}
# Imported when they are installed: extras, what a deployment's own environment brings, or the tools
# of the user.
OPTIONAL = {
    "azureml-local": {
        "skops",
        "azure-ai-ml",
        "azure-core",
        "azure-identity",
        "marshmallow",
        "inference-schema",
        "inference_schema",
        "azureml-mlflow",
    },
}


def _project(name: str) -> dict:
    return tomllib.loads((FOLDERS[name] / "pyproject.toml").read_text())["project"]


def _requirements(name: str) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in _project(name)["dependencies"]]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


def _imported_modules(name: str) -> dict[str, Path]:
    package = FOLDERS[name] / "src" / name.replace("-", "_")
    modules = {}
    for path in package.rglob("*.py"):
        if "template" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for module in names:
                top = module.partition(".")[0]
                own = (package / f"{top}.py").exists() or (path.parent / f"{top}.py").exists()
                if top not in sys.stdlib_module_names and top != package.name and not own:
                    modules[module] = path
    return modules


@pytest.mark.parametrize("name", FOLDERS)
def test_every_import_is_declared(name: str) -> None:
    distributions = metadata.packages_distributions()
    declared = set(_requirements(name)) | OPTIONAL.get(name, set())
    undeclared = {}
    for module, path in _imported_modules(name).items():
        top = module.partition(".")[0]
        providers = {canonicalize_name(each) for each in distributions.get(top, [top])}
        if not providers & declared:
            undeclared[module] = str(path.relative_to(ROOT))
    assert undeclared == {}


@pytest.mark.parametrize("name", FOLDERS)
def test_no_dependency_is_declared_twice_or_with_an_address(name: str) -> None:
    lines = _project(name)["dependencies"]
    assert len(_requirements(name)) == len(lines)
    assert not [line for line in lines if "://" in line]


def test_the_distributions_depend_on_each_other_in_one_direction() -> None:
    ours = set(FOLDERS)
    assert {name: set(_requirements(name)) & ours for name in FOLDERS} == {
        "child-processes": set(),
        "azureml-local": {"child-processes"},
        "pipelines-local": {"child-processes"},
        "nbrelease": {"child-processes", "azureml-local", "pipelines-local"},
    }


@pytest.mark.parametrize("name", FOLDERS)
def test_metadata_is_complete(name: str) -> None:
    project = _project(name)
    folder = FOLDERS[name]
    assert project["version"] == _project("nbrelease")["version"]
    assert project["authors"]
    assert project["urls"]["Source"]
    assert "Typing :: Typed" in project["classifiers"]
    assert (folder / project["readme"]).read_text().startswith(f"# {name}\n")
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("name", FOLDERS)
def test_the_tested_pins_satisfy_the_declared_ranges(name: str) -> None:
    pins = {}
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if match := re.match(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", line):
            pins[canonicalize_name(match[1])] = match[2]
    for key, requirement in _requirements(name).items():
        if key not in FOLDERS:
            assert requirement.specifier.contains(pins[key]), key
