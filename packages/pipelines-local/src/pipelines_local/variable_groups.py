"""Variable groups: their values are stored in Azure DevOps, so this machine needs its own.

Values come from the caller (``--group``), else from the file ``pipelines-local.yml`` of the
repository::

    variableGroups:
      mlops-dev:
        variables: {RESOURCE_GROUP: rg-dev}
        variablesFile: groups/mlops-dev.env
        secrets: [API_KEY]
        secretsFile: ../mlops-dev-secrets.env

Files are relative to the project file. ``secrets`` are read from the environment. The expanded
document has the variables of a group, but never a secret: a group with secrets stays in it, and its
secrets are set when a job starts.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path

from pipelines_local import option_values
from pipelines_local.errors import InvalidPipeline, Problems, UsageError
from pipelines_local.model.fields import Fields
from pipelines_local.model.types import Pipeline, Variable
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence, load

PROJECT_FILE = "pipelines-local.yml"
_KEYS = ("variables", "variablesFile", "secrets", "secretsFile")


@dataclass(frozen=True)
class _GroupSource:
    """Where the project file takes the values of a group from."""

    variables: Map[str, str]
    variables_file: Path | None
    secrets: tuple[str, ...]
    secrets_file: Path | None

    @property
    def has_secrets(self) -> bool:
        return bool(self.secrets or self.secrets_file)


@dataclass(frozen=True)
class VariableGroups:
    """The groups that this machine knows, by lower-case name; files are read when needed."""

    values: Map[str, Map[str, str]] = field(default_factory=dict)
    sources: Map[str, _GroupSource] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        """Whether a group is known."""
        return name.lower() in self.values or name.lower() in self.sources

    def has_secrets(self, name: str) -> bool:
        """Whether a group has secrets."""
        return name.lower() not in self.values and self.sources[name.lower()].has_secrets

    def variables(self, name: str) -> dict[str, str]:
        """Return the variables of a group that are not secret.

        Raises:
            UsageError: a file cannot be read.
        """
        if name.lower() in self.values:
            return dict(self.values[name.lower()])
        source = self.sources[name.lower()]
        return {**_read_file(source.variables_file), **source.variables}

    def secrets(self, name: str) -> dict[str, str]:
        """Return the secrets of a group.

        Raises:
            UsageError: a file cannot be read, or an environment variable is not set.
        """
        if not self.has_secrets(name):
            return {}
        source = self.sources[name.lower()]
        origin = f"{PROJECT_FILE}: variable group {name}: secret"
        from_environment = option_values.parse_secrets(source.secrets, origin)
        return {**_read_file(source.secrets_file), **from_environment}


def _read_file(path: Path | None) -> dict[str, str]:
    return option_values.read_strings(path) if path else {}


def read_variable_groups(root: Path, values: Map[str, Map[str, str]] | None) -> VariableGroups:
    """Return the groups of the caller and those of the project file.

    Args:
        root: the repository of the pipeline.
        values: values by group of the caller; they replace the group of the project file.

    Raises:
        InvalidPipeline: the project file is wrong.
    """
    by_name = {name.lower(): group for name, group in (values or {}).items()}
    path = root / PROJECT_FILE
    try:
        node = load(path)
    except FileNotFoundError:
        return VariableGroups(by_name)
    except OSError as error:
        raise UsageError("unreadable-file", f"{path}: {error.strerror}") from None
    groups = Fields(node, PROJECT_FILE, ("variableGroups",)).node("variableGroups")
    if groups is None:
        return VariableGroups(by_name)
    if not isinstance(groups, Mapping):
        raise InvalidPipeline("invalid-type", "'variableGroups' must be a mapping", groups.at)
    problems = Problems()
    sources = {
        name.text.lower(): problems.collect(_read_source, group, root)
        for name, group in groups.entries
    }
    problems.raise_all()
    return VariableGroups(by_name, {name: each for name, each in sources.items() if each})


def _read_source(node: Node, root: Path) -> _GroupSource:
    fields = Fields(node, "a variable group", _KEYS)
    variables_file, secrets_file = fields.text("variablesFile"), fields.text("secretsFile")
    return _GroupSource(
        fields.texts("variables"),
        root / variables_file if variables_file else None,
        tuple(name.text for name in fields.names("secrets")),
        root / secrets_file if secrets_file else None,
    )


def check_groups(pipeline: Pipeline, groups: VariableGroups) -> None:
    """Check that each group of a pipeline is known.

    Raises:
        InvalidPipeline: at least one is not.
    """
    problems = Problems()
    for variable in dict.fromkeys(_group_references(pipeline)):
        if variable.group not in groups:
            with problems.catch():
                raise InvalidPipeline(
                    "missing-group",
                    f"the variable group {variable.group!r} has no values on this machine",
                    variable.at,
                    f"use --group '{variable.group}=FILE', or add it to {PROJECT_FILE}",
                )
    problems.raise_all()


def read_secrets(pipeline: Pipeline, groups: VariableGroups) -> dict[str, dict[str, str]]:
    """Return the secrets of the groups of a pipeline by lower-case name.

    Raises:
        UsageError: a secret cannot be read.
    """
    names = {variable.group.lower() for variable in _group_references(pipeline)}
    return {name: groups.secrets(name) for name in sorted(names)}


def _group_references(pipeline: Pipeline) -> list[Variable]:
    variables = [*pipeline.variables]
    for stage in pipeline.stages:
        variables += stage.variables
        for job in stage.jobs:
            variables += job.variables
    return [variable for variable in variables if variable.group]


def insert_group_values(node: Node, groups: VariableGroups) -> Node:
    """Replace each ``- group: NAME`` by the variables of the group.

    A group with secrets, and a group that is not known, stays; reading the model reports the
    latter.
    """
    if isinstance(node, Mapping):
        entries: list[tuple[Scalar, Node]] = []
        for key, value in node.entries:
            if key.text == "variables":
                value = _insert_variables(value, groups)
            elif key.text not in ("inputs", "env"):
                value = insert_group_values(value, groups)
            entries.append((key, value))
        return Mapping(tuple(entries), node.at)
    if isinstance(node, Sequence):
        return Sequence(tuple(insert_group_values(item, groups) for item in node.items), node.at)
    return node


def _insert_variables(node: Node, groups: VariableGroups) -> Node:
    if not isinstance(node, Sequence):
        return node
    items: list[Node] = []
    for item in node.items:
        group = item.get("group") if isinstance(item, Mapping) else None
        if isinstance(group, Scalar) and group.text in groups:
            for name, value in groups.variables(group.text).items():
                pair = ("name", name), ("value", value)
                entries = tuple((Scalar(k, group.at), Scalar(v, group.at, True)) for k, v in pair)
                items.append(Mapping(entries, group.at))
            if groups.has_secrets(group.text):
                items.append(item)
        else:
            items.append(item)
    return Sequence(tuple(items), node.at)
