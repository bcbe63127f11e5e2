"""Workers run with the Python of a deployment's environment, which may be 3.8."""

from __future__ import annotations

import ast
import builtins
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from wcmatch import glob

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "packages" / "azureml-local" / "src"
PACKAGE = "azureml_local"
WORKERS = ("batch.worker", "online.scorer", "online.raw_http", "online.schema_decorators")
WORKERS += ("online.parameter_types", "online.monitoring", "online.mlflow_score")
"""The programs, and the modules that import_shims loads by name."""
NEW_NAMES = {"NotRequired", "ParamSpec", "Required", "Self", "TypeAlias", "Unpack", "assert_never"}
"""What ``typing`` of Python 3.8 does not have."""
NEW_METHODS = {"UTC", "is_relative_to", "readlink", "removeprefix", "removesuffix", "to_thread"}
"""Methods and constants of later versions."""


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def walk_executed(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that an interpreter executes: no annotations, nothing for type checkers only."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not is_type_checking(child):
                yield child
                yield from walk_executed(child)


def imported(tree: ast.Module) -> Iterator[str]:
    for node in walk_executed(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def find_modules() -> dict[str, Path]:
    """The modules of azureml_local that workers import, at once or later."""
    found: dict[str, Path] = {}
    names = [f"{PACKAGE}.{name}" for name in WORKERS]
    while names:
        name = names.pop()
        stem = SOURCES / name.replace(".", "/")
        paths = [path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()]
        if name in found or not paths:
            continue
        found[name] = paths[0]
        names.extend(imported(ast.parse(paths[0].read_text(encoding="utf-8"))))
        names.append(name.rpartition(".")[0])
    return found


def find_python(name: str) -> str:
    """The interpreter on the PATH; empty if it is missing, or only a shim without one."""
    command = [name, "-c", "import sys; print(sys.executable)"]
    if not shutil.which(name):
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


MODULES = find_modules()


def find_new_syntax(source: str) -> list[str]:
    """What Python 3.8 cannot execute: new syntax, methods and generic classes of 3.9, unions."""
    try:
        tree = ast.parse(source, feature_version=(3, 8))
    except SyntaxError as error:
        return [str(error)]
    classes = {name for name in dir(builtins) if isinstance(getattr(builtins, name), type)}
    for node in walk_executed(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "collections.abc":
            classes |= {each.name for each in node.names}
    found = []
    for node in walk_executed(tree):
        generic = isinstance(node, ast.Subscript) and ast.unparse(node.value) in classes
        union = isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.BitOr)
        method = isinstance(node, ast.Attribute) and node.attr in NEW_METHODS
        if generic or union or method:
            found.append(ast.unparse(node))
        if isinstance(node, ast.ImportFrom) and node.module == "typing":
            found += sorted(NEW_NAMES & {each.name for each in node.names})
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "zip" and node.keywords:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("name", sorted(MODULES))
def test_workers_have_no_syntax_after_python_3_8(name):
    assert find_new_syntax(MODULES[name].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "A = list[str]",
        "B = str | int",
        "match x:\n    case 1: pass",
        "from typing import TypeAlias",
        "dict(zip(a, b, strict=True))",
        "isinstance(x, pd.DataFrame | pd.Series)",
        "variables |= others",
        "text.removeprefix('./')",
        "from collections.abc import Mapping\nC = TypeVar('C', bound=Mapping[str, int])",
    ],
)
def test_new_syntax_is_found(line):
    assert find_new_syntax(line) != []


def test_the_linter_checks_the_same_modules():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = list(settings["tool"]["ruff"]["per-file-target-version"])
    names = [path.relative_to(ROOT).as_posix() for path in MODULES.values()]
    with_code = [name for name in names if not name.endswith("__init__.py")]
    matches = glob.globmatch
    assert [n for n in with_code if not matches(n, patterns, flags=glob.BRACE)] == []


@pytest.mark.parametrize("minor", [8, 9, 10])
def test_workers_can_be_imported(minor):
    python = find_python(f"python3.{minor}")
    if not python:
        pytest.skip(f"no Python 3.{minor} is on the PATH")
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    try: importlib.import_module(name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        if error.name.startswith('azureml_local'): raise\n"
    )
    command = [python, "-c", code, *MODULES]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(SOURCES)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
