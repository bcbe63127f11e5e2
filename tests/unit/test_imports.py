"""Imports of all distributions: no cycle of modules or packages, no private name of another one."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "src", *sorted((ROOT / "packages").glob("*/src"))]
PRIVATE = {
    # MLflow's handlers read their store from this variable and have no function that sets it.
    "azureml_local.mlflow.app: mlflow.server.handlers._tracking_store",
    # The SDK exports a loader for each entity but this one; the Azure CLI uses it too.
    "azureml_local.az.ml.jobs: azure.ai.ml.entities._load_functions.load_schedule",
    # The loaders of batch deployments by their type: the SDK exports one of them only.
    "azureml_local.az.ml.endpoints: azure.ai.ml.entities._load_functions",
    # A fork ends without the teardown of its modules, as multiprocessing ends its forks. os._exit
    # is a documented function.
    "child_processes.preload._process: threading._shutdown",
    "child_processes.preload._process: atexit._run_exitfuncs",
    "child_processes.preload._process: os._exit",
}
"""Private names of other packages that are used, with the reason."""


def find_modules() -> dict[str, Path]:
    modules = {}
    for source in SOURCES:
        for path in source.rglob("*.py"):
            parts = path.relative_to(source).with_suffix("").parts
            if parts[:2] != ("nbrelease", "template"):  # the files of a user's project
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                modules[name] = path
    return modules


MODULES = find_modules()


def package_of(module: str) -> str:
    """The package or top-level module of a distribution: ``nbrelease.export``."""
    return ".".join(module.split(".")[:2])


def read_imports(module: str) -> Iterator[tuple[str, str, str]]:
    """(module, imported name or "", bound name) of each import, also of those in functions."""
    path = MODULES[module]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                yield alias.name if alias.asname else bound, "", bound
                if not alias.asname:
                    yield alias.name, "", ""
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")[: None if path.name == "__init__.py" else -1]
            base = parts[: len(parts) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield origin, alias.name, alias.asname or alias.name


def resolve(origin: str, name: str) -> str:
    """The module of this repository that an import reads; empty for others."""
    if f"{origin}.{name}" in MODULES:
        return f"{origin}.{name}"
    while origin and origin not in MODULES:
        origin = origin.rpartition(".")[0]
    return origin


def read_graph() -> dict[str, set[str]]:
    return {
        module: {resolve(origin, name) for origin, name, _ in read_imports(module)} - {module, ""}
        for module in MODULES
    }


def find_cycle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_cycle_of_modules_or_packages() -> None:
    graph = read_graph()
    assert len(graph) > 400
    assert find_cycle(graph) == []
    packages: dict[str, set[str]] = {}
    for module, imported in graph.items():
        others = {package_of(each) for each in imported} - {package_of(module)}
        packages.setdefault(package_of(module), set()).update(others)
    assert find_cycle(packages) == []


def test_a_cycle_is_reported() -> None:
    assert set(find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}


def is_private_of_another(full: str, module: str) -> bool:
    """Whether a dotted name has a private part that belongs to another package than a module."""
    parts = full.split(".")
    for index, part in enumerate(parts):
        owner = ".".join(parts[:index])
        private = part.startswith("_") and not part.endswith("__")
        if private and not f"{module}.".startswith(f"{owner}."):
            return True
    return False


def find_private_names(module: str) -> Iterator[str]:
    """Private modules, names and attributes of other packages that a module uses."""
    bound: dict[str, str] = {}
    for origin, name, alias in read_imports(module):
        full = f"{origin}.{name}" if name else origin
        if (MODULES[module].parent / f"{origin}.py").is_file():
            continue  # a script imports its neighbour
        if alias:
            bound[alias] = full
        if is_private_of_another(full, module):
            yield f"{module}: {full}"
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            first, *rest = ast.unparse(node).split(".")
            full = ".".join([bound.get(first, ""), *rest])
            if first in bound and node.attr.startswith("_") and is_private_of_another(full, module):
                yield f"{module}: {full}"


@pytest.mark.parametrize(
    ("name", "module", "private"),
    [
        ("uvicorn.Server._serve", "azureml_local.server", True),
        ("uvicorn._subprocess.get", "azureml_local.server", True),
        ("nbrelease.export._x.y", "nbrelease.report.pages", True),
        ("nbrelease.export._x.y", "nbrelease.export.checks.names", False),
        ("child_processes._owner.spawn", "child_processes", False),
        ("pathlib.Path.__fspath__", "nbrelease.files", False),
    ],
)
def test_a_private_name_belongs_to_its_package(name: str, module: str, private: bool) -> None:
    assert is_private_of_another(name, module) is private


@pytest.mark.parametrize("distribution", sorted({each.partition(".")[0] for each in MODULES}))
def test_no_private_name_of_another_package_is_used(distribution: str) -> None:
    modules = [each for each in MODULES if each.partition(".")[0] == distribution]
    used = {name for module in modules for name in find_private_names(module)}
    assert used == {name for name in PRIVATE if name.startswith(f"{distribution}.")}
