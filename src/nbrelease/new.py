"""A new project: the runbooks and pipelines of this repository with a starter for one task.

The example of this repository and the template are the same files. A wheel contains them in
``nbrelease/template/project``; the starters are in ``nbrelease/template/tasks``.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from nbrelease import files, wheels
from nbrelease.errors import RunFailed, UsageError

TASKS = {
    "binary": "One of two values (yes/no): logistic regression on numeric and categorical columns.",
    "multiclass": "One of several values: logistic regression on numeric columns.",
    "regression": "A number: random forest on numeric and categorical columns.",
    "forecasting": "A number some steps ahead in time: a folder of Parquet files, split by time.",
    "custom": "A model class and a metric of your own, with parameters in the request.",
}
DEFAULT_TASK = "binary"
EXAMPLES = {"diabetes": "The example of the documentation: binary, numeric, three estimators."}
IDENTITY = ".nbrelease.json"
"""The file that records what ``new`` wrote, for ``update``."""
SHARED = ("runbooks", "conda", ".ado")
EXAMPLE = ("notebooks", "data", "tests/exported", "runbooks/criteria.yml")
SCORING_NOTEBOOK = "notebooks/score.ipynb"
SCORING = (SCORING_NOTEBOOK, "tests/exported/test_score.py")
"""The scoring script and its tests, which a project may have of its own."""
SINGLE = (
    "settings.ini",
    "requirements.txt",
    ".gitignore",
    ".gitattributes",
    SCORING_NOTEBOOK,
)
EDITOR_SETTINGS = ".vscode/settings.json"
DEV_CONTAINER = ".devcontainer/devcontainer.json"
EDITOR = (
    EDITOR_SETTINGS,
    ".vscode/extensions.json",
    ".vscode/tasks.json",
    ".vscode/launch.json",
    DEV_CONTAINER,
)
"""Files of editors. A project may have its own ones of the same names; ``update`` keeps them."""
OWN = ("Makefile", "README.md", "pyproject.toml", *EDITOR)
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", "mlruns", "mlartifacts", ".pytest_cache"}
NAME = re.compile(r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")
AZURE = ("subscription_id", "resource_group", "workspace_name")
TRAINING = "training.ini"


@dataclass(frozen=True)
class Identity:
    """What a project was made from.

    Attributes:
        name: of the project: assets and endpoints are named after it.
        task: a key of :data:`TASKS`.
        example: a key of :data:`EXAMPLES`; empty for a starter of a task.
        version: the version of nbrelease.
        digest: sha256 of the files that this version writes for this project.
    """

    name: str
    task: str = DEFAULT_TASK
    example: str = ""
    version: str = ""
    digest: str = ""

    @property
    def options(self) -> list[str]:
        """The options of ``nbrelease new`` for such a project."""
        kind = ["--example", self.example] if self.example else ["--task", self.task]
        return ["--name", self.name, *kind]


def create(
    folder: Path,
    project: Identity,
    azure: dict[str, str] | None = None,
    *,
    with_wheels: bool = True,
) -> list[Path]:
    """Write a project.

    Args:
        folder: where; it may exist if it is empty.
        project: its name, and its task or example.
        azure: for dev on Azure: subscription_id, resource_group and workspace_name.
        with_wheels: whether to write the wheels of nbrelease, which takes seconds.

    Returns:
        The files that were written, relative to the folder.

    Raises:
        UsageError: the folder is not empty, or the name cannot be one of an endpoint.
    """
    if not NAME.match(project.name):
        raise UsageError(
            f"--name {project.name}: must have 3 to 24 of a-z, 0-9 and -, and begin with a letter: "
            "endpoints on Azure are named after it"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: not empty; name a new folder")
    content = render(project)
    identity = describe(project, content)
    content[Path(IDENTITY)] = _to_json(identity)
    if azure is not None:
        content[Path("settings.ini")] = _set_azure(content[Path("settings.ini")], azure)
    if with_wheels:
        for wheel, packed in wheels.build().items():
            content[Path("wheels") / wheel] = packed
    for path, data in content.items():
        files.write_bytes(folder / path, data)
    _export(folder)
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def render(project: Identity) -> dict[Path, bytes]:
    """The files of a new project without exported code, wheels and identity, by relative path."""
    content = {path: source.read_bytes() for path, source in _sources(project).items()}
    for path in (Path("README.md"), Path(DEV_CONTAINER)):
        content[path] = content[path].replace(b"{{ project }}", project.name.encode())
    requirements = [f"./wheels/{name}\n" for name in wheels.names()]
    content[Path("requirements.txt")] += "".join(requirements).encode()
    settings = content[Path("settings.ini")].decode()
    if not project.example:
        settings = _use_task(settings, project.task)
        for path, data in content.items():
            if path.parts[0] in SHARED:
                content[path] = _use_names(data, project.name, settings)
        content[Path(".gitignore")] = _remove_example(content[Path(".gitignore")])
    content[Path("settings.ini")] = _set_name(settings, project.name).encode()
    return content


def describe(project: Identity, content: dict[Path, bytes]) -> Identity:
    """The identity of a project with this content, as rendered by the installed version."""
    digest = hashlib.sha256()
    for path, data in sorted(content.items()):
        digest.update(f"{path.as_posix()}\0{len(data)}\0".encode() + data)
    version = metadata.version("nbrelease")
    return Identity(project.name, project.task, project.example, version, digest.hexdigest())


def read_identity(root: Path) -> Identity:
    """What a project was made from.

    A project without the file is older than it: it was made from the diabetes example.

    Raises:
        UsageError: the file is invalid.
    """
    path = root / IDENTITY
    if not path.is_file():
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(root / "settings.ini", encoding="utf-8-sig")
        return Identity(parser.defaults().get("project", root.name), example="diabetes")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        values.pop("schema_version")
        return Identity(**values)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UsageError(f"{IDENTITY}: invalid; restore it from git") from None


def _to_json(identity: Identity) -> bytes:
    return (json.dumps({"schema_version": 1, **asdict(identity)}, indent=2) + "\n").encode()


def editor_settings() -> dict[str, Any]:
    """The settings of VS Code in a new project."""
    text = (_template() / EDITOR_SETTINGS).read_text(encoding="utf-8")
    return dict(json.loads(text))


def _template() -> Path:
    return Path(str(resources.files("nbrelease.template")))


def _example() -> Path:
    """The folder of the example: in a wheel inside the template, in a checkout the root."""
    packed = _template() / "project"
    return packed if packed.is_dir() else Path(__file__).parents[2]


def _sources(project: Identity) -> dict[Path, Path]:
    """The files to write, by their path in the project."""
    example = _example()
    sources = {Path(name): example / name for name in SINGLE}
    sources |= {Path(name): _template() / name for name in OWN}
    for name in (*SHARED, *(EXAMPLE if project.example else ())):
        sources |= _list_files(example / name, example)
    if not project.example:
        del sources[Path("runbooks/criteria.yml")]
        starter = _template() / "tasks" / project.task
        sources |= _list_files(starter, starter)
        del sources[Path(TRAINING)]
    return sources


def _list_files(path: Path, root: Path) -> dict[Path, Path]:
    paths = [path] if path.is_file() else sorted(path.rglob("*"))
    return {
        each.relative_to(root): each
        for each in paths
        if each.is_file()
        and each.suffix not in (".pyc", ".db")
        and each.name != "diabetes.csv"
        and not LEFT_OUT & set(each.relative_to(root).parts)
    }


def _use_task(settings: str, task: str) -> str:
    """Settings with the training section of a task instead of the example's."""
    training = (_template() / "tasks" / task / TRAINING).read_text(encoding="utf-8")
    start, end = settings.index("# the training\n"), settings.index("[dev]\n")
    settings = settings[:start] + training + settings[end:]
    return settings.replace("%(project)s-classifier", "%(project)s-model")


def _use_names(data: bytes, name: str, settings: str) -> bytes:
    """Runbooks and asset files: the defaults of parameters name the project, not the example."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(settings)
    values = parser.defaults()
    for old, new in (
        ("data/diabetes-sample.csv", values["training_data"]),
        ("diabetes-classifier", f"{name}-model"),
        ("diabetes", name),
        ("Diabetic", values["label_column"]),
    ):
        data = data.replace(old.encode(), new.encode())
    return data


def _remove_example(ignored: bytes) -> bytes:
    """``.gitignore`` without the public file of the example."""
    lines = ignored.decode().splitlines(keepends=True)
    at = lines.index("/data/diabetes.csv\n")
    return "".join([*lines[: at - 1], *lines[at + 1 :]]).encode()


def _set_name(settings: str, name: str) -> str:
    lines = settings.splitlines()
    lines[lines.index("project = diabetes")] = f"project = {name}"
    return "\n".join(lines) + "\n"


def _set_azure(settings: bytes, azure: dict[str, str]) -> bytes:
    lines = settings.decode().splitlines()
    local = lines.index("workspace = local", lines.index("[dev]"))
    lines[local : local + 1] = ["workspace = azure", *(f"{key} = {azure[key]}" for key in AZURE)]
    return ("\n".join(lines) + "\n").encode()


def _export(folder: Path) -> None:
    """Export the notebooks, as ``nbrelease export`` does."""
    from nbrelease.export import plan
    from nbrelease.export.layout import load

    for export in plan(load(folder).layout):
        if export.failed:
            problems = [f"{each.location}: {each.message}" for each in export.diagnostics]
            raise RunFailed(f"{export.path}: not exported: {'; '.join(problems)}")
        export.write()
