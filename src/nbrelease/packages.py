"""Compare the packages of a training job, of its model and of this project's environment.

``conda/train.yml`` is the one list of packages of a training job and of the scoring script. The
notebooks import from it, and the training notebook names the model's requirements;
``requirements.txt`` is what rehearsals and tests install. Without this check a difference is
noticed only on Azure, when a job or deployment starts.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nbrelease.export import diagnostic as rules
from nbrelease.export.diagnostic import Diagnostic
from nbrelease.export.layout import SETTINGS_FILE, Layout

# The defaults of settings.ini. The module with its keys imports pydantic, which is slow.
TRAINING_NOTEBOOK, CONDA_FILE = "train", "conda/train.yml"
REQUIREMENTS_FILE = "requirements.txt"
# name==version without extras. A line with an environment marker is not a pin.
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*={1,2}\s*([^\s;#=*]+)\s*(?:#|$)")
NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9_.-]*)")
# Modules whose package has another name; others are looked up in the installed packages.
PACKAGES = {
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "PIL": "pillow",
    "dateutil": "python-dateutil",
    "azureml.ai": "azureml-ai-monitoring",
}
NAMESPACES = ("azureml.ai",)
"""Packages with modules in a namespace that several packages share."""
SERVER = "azureml-inference-server-http"
SERVERS = frozenset({SERVER, "azureml-defaults"})
"""Packages that install Azure's server."""
SERVER_PACKAGES = frozenset({"azureml-ai-monitoring", *SERVERS})
"""Packages that only a deployment on Azure needs: rehearsals and tests do not install them."""


@dataclass(frozen=True)
class EnvironmentFile:
    """The packages of a conda environment file.

    Attributes:
        python: the version of Python; may be empty.
        names: the normalized names of all packages.
        pins: normalized name to version, where there is one.
    """

    python: str
    names: frozenset[str]
    pins: dict[str, str]


def read_environment_file(path: Path) -> EnvironmentFile:
    """Read a conda environment file, with the requirements files that it names.

    Raises:
        OSError: a file cannot be read.
        ValueError: it is not YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise ValueError(str(error)) from None
    dependencies = content.get("dependencies") if isinstance(content, dict) else None
    python, lines = "", []
    for item in dependencies if isinstance(dependencies, list) else []:
        if isinstance(item, dict):
            lines += [str(line) for line in item.get("pip") or []]
        elif match := re.match(r"^python\s*=+\s*([\d.]+?)(?:\.\*)?$", str(item)):
            python = match[1]
        else:
            lines.append(str(item))
    requirements = list(_expand(lines, path.parent))
    return EnvironmentFile(
        python,
        frozenset(normalize(match[1]) for line in requirements if (match := NAME.match(line))),
        {normalize(match[1]): match[2] for line in requirements if (match := PIN.match(line))},
    )


def normalize(name: str) -> str:
    """A package's name as the package index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check(layout: Layout) -> list[Diagnostic]:
    """Compare the package lists of a project.

    Args:
        layout: its folders.

    Returns:
        A diagnostic for each difference; empty for a project without ``conda/train.yml``.
    """
    diagnostics: list[Diagnostic] = []
    pins = _read_requirements(layout.root)
    for notebook, conda_file, is_scoring in _list_modules(layout.root):
        path = layout.root / conda_file
        if not path.is_file():
            continue
        try:
            environment = read_environment_file(path)
        except (OSError, ValueError) as error:
            message = f"cannot be read: {' '.join(str(error).split())}"
            problem = _report(rules.PACKAGE_LIST, conda_file, 1, message, "fix the file")
            diagnostics.append(problem)
            continue
        diagnostics += _compare_requirements(environment, pins, conda_file)
        if is_scoring:
            diagnostics += _check_server(environment, notebook, layout, conda_file)
        modules = sorted((layout.exported / notebook).glob("*.py"))
        own = {each.stem for each in modules}
        for module in modules:
            relative = layout.relative(module)
            try:
                tree = ast.parse(module.read_bytes())
            except SyntaxError as error:
                message = f"not valid Python: {error.msg}"
                fix = "undo the edit by hand, then run nbrelease export"
                problem = _report(rules.SYNTAX, relative, error.lineno or 1, message, fix)
                diagnostics.append(problem)
                continue
            diagnostics += _compare_imports(tree, own, environment, relative, conda_file)
            diagnostics += _compare_model(tree, environment, relative, conda_file)
    return list(dict.fromkeys(diagnostics))


def _report(rule: rules.Rule, path: str, line: int, message: str, fix: str) -> Diagnostic:
    return Diagnostic(rule, path, "", line, 1, message, fix)


def _check_server(
    environment: EnvironmentFile, notebook: str, layout: Layout, conda_file: str
) -> Iterator[Diagnostic]:
    """Check that the environment of a scoring script has Azure's server."""
    if not environment.names & SERVERS:
        yield _report(
            rules.UNLISTED_PACKAGE,
            layout.relative(layout.exported / notebook / "main.py"),
            1,
            f"the scoring script needs {SERVER}, which {conda_file} does not list",
            f"add it to {conda_file}",
        )


def _list_modules(root: Path) -> list[tuple[str, str, bool]]:
    """Training notebook and scoring notebook of each model, with the environment file.

    The last item is whether it is the scoring notebook.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(root / SETTINGS_FILE, encoding="utf-8-sig")
    sections = [name for name in parser.sections() if re.fullmatch(r"model:[^:]+", name)]
    modules = []
    for section in [parser.defaults(), *(parser[name] for name in sections)]:
        conda_file = section.get("conda_file", CONDA_FILE)
        modules.append((section.get("training_notebook", TRAINING_NOTEBOOK), conda_file, False))
        if scoring := section.get("scoring_notebook", ""):
            modules.append((scoring, conda_file, True))
    return list(dict.fromkeys(modules))


def _expand(lines: list[str], folder: Path) -> Iterator[str]:
    """Requirement lines, and those of the requirements files that they name."""
    for line in lines:
        if match := re.match(r"^(?:-r|--requirement)[ =]\s*(\S+)", line):
            inner = folder / match[1]
            yield from _expand(inner.read_text(encoding="utf-8").splitlines(), inner.parent)
        else:
            yield line


def _read_requirements(root: Path) -> dict[str, str]:
    try:
        lines = list(_expand([f"-r {REQUIREMENTS_FILE}"], root))
    except OSError:
        return {}
    return {normalize(match[1]): match[2] for line in lines if (match := PIN.match(line))}


def _compare_requirements(
    environment: EnvironmentFile, pins: dict[str, str], conda_file: str
) -> Iterator[Diagnostic]:
    for name, version in environment.pins.items():
        if name in pins and pins[name] != version:
            yield _report(
                rules.OTHER_VERSION,
                conda_file,
                1,
                f"{name} {version}, but {REQUIREMENTS_FILE} has {pins[name]}",
                f"use the same version in both: rehearsals install {REQUIREMENTS_FILE}",
            )


def _compare_imports(
    tree: ast.Module, own: set[str], environment: EnvironmentFile, path: str, conda_file: str
) -> Iterator[Diagnostic]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        for module in {_top_module(name) for name in names} - own:
            if module not in sys.stdlib_module_names and not _provides(environment, module):
                yield _report(
                    rules.UNLISTED_PACKAGE,
                    path,
                    node.lineno,
                    f"imports {module}, which {conda_file} does not list",
                    f"add its package to {conda_file}",
                )


def _top_module(name: str) -> str:
    """The part of a module's name that identifies its package."""
    namespaces = (each for each in NAMESPACES if f"{name}.".startswith(f"{each}."))
    return next(namespaces, name.partition(".")[0])


def _provides(environment: EnvironmentFile, module: str) -> bool:
    """Whether a listed package has the module, judged by its name or by the installed packages."""
    package = normalize(PACKAGES.get(module, module))
    if environment.names & (SERVERS if package == SERVER else {package}):
        return True
    return any(
        normalize(name) in environment.names for name in _installed_packages().get(module, [])
    )


@cache
def _installed_packages() -> Mapping[str, list[str]]:
    """The installed packages of each module. Reading their metadata takes a tenth of a second."""
    from importlib import metadata  # takes 16 ms, and only a check needs it

    return metadata.packages_distributions()


def _compare_model(
    tree: ast.Module, environment: EnvironmentFile, path: str, conda_file: str
) -> Iterator[Diagnostic]:
    """Compare ``pip_requirements=[...]`` of the model with the environment file."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.keyword) and node.arg == "pip_requirements"):
            continue
        for item in node.value.elts if isinstance(node.value, ast.List) else []:
            text = _leading_text(item)
            if not (name := NAME.match(text)):
                continue
            package, pin = normalize(name[1]), PIN.match(text)
            if package not in environment.names:
                if isinstance(item, ast.JoinedStr):  # the version of the job's environment
                    yield _report(
                        rules.UNLISTED_PACKAGE,
                        path,
                        item.lineno,
                        f"the model requires {package}, which {conda_file} does not list",
                        f"add it to {conda_file}",
                    )
            elif pin and pin[2] != environment.pins.get(package, pin[2]):
                yield _report(
                    rules.OTHER_VERSION,
                    path,
                    item.lineno,
                    f"the model requires {text}, but {conda_file} has {environment.pins[package]}",
                    f"write the version that the job has, or the same as in {conda_file}",
                )


def _leading_text(item: ast.expr) -> str:
    """A string literal, or the text of an f-string before its first value."""
    if isinstance(item, ast.JoinedStr):
        item = item.values[0] if item.values else item
    return item.value if isinstance(item, ast.Constant) and isinstance(item.value, str) else ""
