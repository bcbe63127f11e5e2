"""Compare the packages of a training job, of its model and of this project's environment.

``conda/train.yml`` is the one list of packages of a training job and of the scoring script. The
notebooks import from it, and the training notebook names the model's requirements;
``requirements.txt`` is what rehearsals and tests install. Without this check a difference is
noticed only on Azure, when a job or deployment starts.
"""

from __future__ import annotations

import ast
import configparser
import contextlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nbrelease.export import diagnostic as rules
from nbrelease.export import export_state
from nbrelease.export.diagnostic import Diagnostic
from nbrelease.export.layout import Layout
from nbrelease.export.suppressions import MARK, is_ignored
from nbrelease.notebook import read
from nbrelease.project_root import SETTINGS_FILE

# The defaults of settings.ini. The module with its keys imports pydantic, which is slow.
TRAINING_NOTEBOOK, CONDA_FILE = "train", "conda/train.yml"
REQUIREMENTS_FILE = "requirements.txt"
# name==version without extras. A line with an environment marker is not a pin.
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*={1,2}\s*([^\s;#=*]+)\s*(?:#|$)")
# conda: CHANNEL::PACKAGE
NAME = re.compile(r"^(?:\S+::)?([A-Za-z0-9][A-Za-z0-9_.-]*)")
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "azureml.ai": ("azureml-ai-monitoring",),
    "bs4": ("beautifulsoup4",),
    "cv2": (
        "opencv", "py-opencv", "libopencv", "opencv-python", "opencv-python-headless",
        "opencv-contrib-python", "opencv-contrib-python-headless",
    ),
    "dateutil": ("python-dateutil",),
    "faiss": ("faiss", "faiss-cpu", "faiss-gpu"),
    "imblearn": ("imbalanced-learn",),
    "PIL": ("pillow",),
    "pyspark": ("pyspark", "databricks-connect"),
    "pytorch_lightning": ("pytorch-lightning", "lightning"),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn", "scikit-learn-intelex"),
    "tables": ("tables", "pytables"),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "intel-tensorflow"),
    "torch": ("torch", "pytorch", "pytorch-cpu", "pytorch-gpu"),
    "xgboost": ("xgboost", "xgboost-cpu", "py-xgboost", "py-xgboost-cpu", "py-xgboost-gpu"),
    "yaml": ("pyyaml",),
}  # fmt: skip
"""The packages that may have a module, where their names differ from it or from each other.

conda and the package index often have other names. Other modules are looked up in the installed
packages.
"""
SAME_NAME = frozenset({
    "catboost", "datasets", "gensim", "joblib", "keras", "lightgbm", "matplotlib", "mlflow",
    "networkx", "nltk", "numpy", "optuna", "pandas", "polars", "prophet", "pyarrow", "requests",
    "scipy", "seaborn", "shap", "skops", "spacy", "statsmodels", "tokenizers", "torchvision",
    "tqdm", "transformers",
})  # fmt: skip
"""Modules whose package has the same name, also where it is not installed."""
NAMESPACES = ("azureml.ai",)
"""Packages with modules in a namespace that several packages share."""
SERVER = "azureml-inference-server-http"
SERVERS = frozenset({SERVER, "azureml-defaults"})
"""Packages that install Azure's server."""
SERVER_PACKAGES = frozenset({"azureml-ai-monitoring", *SERVERS})
"""Packages that only a deployment on Azure needs: rehearsals and tests do not install them."""
_IGNORE = "# nbrelease: ignore[NBR704] the package"


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
            continue
        if match := re.match(r"^(?:\S+::)?python\s*=+\s*([\d.]+?)(?:\.\*)?$", str(item)):
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
            text = module.read_bytes()
            try:
                tree = ast.parse(text)
            except SyntaxError as error:
                message = f"not valid Python: {error.msg}"
                fix = "undo the edit by hand, then run nbrelease export"
                problem = _report(rules.SYNTAX, relative, error.lineno or 1, message, fix)
                diagnostics.append(problem)
                continue
            own |= _list_ignored(layout, module)
            problems = [
                *_compare_imports(tree, own, environment, relative, conda_file),
                *_compare_model(tree, environment, relative, conda_file),
            ]
            lines = text.decode("utf-8", "replace").splitlines()
            diagnostics += [
                each for each in problems if not is_ignored(each.rule, lines[each.line - 1])
            ]
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
    tree: ast.Module,
    own: set[str],
    environment: EnvironmentFile,
    path: str,
    conda_file: str,
) -> Iterator[Diagnostic]:
    for node in _walk_imports(tree):
        for module in _imported_modules(node) - own - sys.stdlib_module_names:
            packages = _find_packages(module)
            if environment.names & {normalize(module), *packages}:
                continue
            if packages:
                message = f"imports {module}, which {conda_file} does not list"
                fix = f"add its package to {conda_file}: {packages[0]}"
                yield _report(rules.UNLISTED_PACKAGE, path, node.lineno, message, fix)
            else:
                message = f"imports {module}, and {conda_file} lists no package of this name"
                fix = f"if its package has another name, write on the import: {_IGNORE}"
                yield _report(rules.UNKNOWN_PACKAGE, path, node.lineno, message, fix)


def _imported_modules(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The modules of an import statement."""
    if isinstance(node, ast.Import):
        return {_top_module(alias.name) for alias in node.names}
    return set() if node.level else {_top_module(node.module or "")}


def _list_ignored(layout: Layout, module: Path) -> set[str]:
    """The modules whose import has an ignore comment in the notebook of an exported module.

    The export moves imports to the top of the module, without their comments. A comment for one of
    the two rules counts for both: which one reports depends on the packages of the machine.
    """
    name = module.parent.name if module.stem in ("main", "__init__") else module.stem
    state = export_state.load(layout.exported / name / export_state.STATE_FILE)
    notebook = layout.root / state.notebook if state is not None else None
    if notebook is None or not notebook.is_file() or MARK.encode() not in notebook.read_bytes():
        return set()
    ignored: set[str] = set()
    for cell in read(notebook).cells:
        if cell.kind != "code" or MARK not in cell.source:
            continue
        lines = cell.source.split("\n")
        for node in _import_nodes(cell.code):
            # The comment may follow the closing bracket.
            ends = (lines[node.lineno - 1], lines[(node.end_lineno or node.lineno) - 1])
            both = (rules.UNLISTED_PACKAGE, rules.UNKNOWN_PACKAGE)
            if any(is_ignored(rule, line) for rule in both for line in ends):
                ignored |= _imported_modules(node)
    return ignored


def _import_nodes(code: str) -> list[ast.Import | ast.ImportFrom]:
    """The import statements of a cell; line by line if it contains IPython syntax."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        tree = ast.Module([], [])
        for number, line in enumerate(code.split("\n"), start=1):
            with contextlib.suppress(SyntaxError, ValueError):
                tree.body += ast.increment_lineno(ast.parse(line), number - 1).body
    return _walk_imports(tree)


def _walk_imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def _top_module(name: str) -> str:
    """The part of a module's name that identifies its package."""
    namespaces = (each for each in NAMESPACES if f"{name}.".startswith(f"{each}."))
    return next(namespaces, name.partition(".")[0])


def _find_packages(module: str) -> list[str]:
    """The packages that may have a module, normalized; empty if unknown."""
    if module in PACKAGES:
        return [*PACKAGES[module], *_installed_names(module)]
    if normalize(module) == SERVER:
        return [SERVER, *sorted(SERVERS - {SERVER})]
    return [*([normalize(module)] if module in SAME_NAME else []), *_installed_names(module)]


def _installed_names(module: str) -> list[str]:
    return [normalize(name) for name in _installed_packages().get(module, [])]


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
