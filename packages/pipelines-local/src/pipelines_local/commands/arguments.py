"""Convert the values of options to the arguments of the Python API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pipelines_local import approvals, option_values

_VERDICTS: tuple[approvals.Verdict, ...] = ("open", "approve", "reject")


def find_root(file: Path, root: Path | None) -> Path:
    """Return the repository of a file."""
    if root is not None:
        return root.resolve()
    folder = file.resolve().parent
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            return parent
    return folder


TemplateArguments: TypeAlias = tuple[
    Path, Path, dict[str, Any], dict[str, str], dict[str, dict[str, str]], dict[str, Path | str]
]


def template_arguments(file: Path, options: Mapping[str, Any]) -> TemplateArguments:
    """Return the arguments of ``load_pipeline`` and ``expand_pipeline``."""
    from pipelines_local import sources
    from pipelines_local.run import predefined

    root = find_root(file, options["root"])
    source = sources.describe_repository(root)
    static = predefined.compile_time_variables(source, file.stem, root, read_variables(options))
    groups = option_values.read_named_files(options["groups"], "--group")
    return file, root, read_parameters(options), static, groups, parse_repositories(options)


def parse_repositories(options: Mapping[str, Any]) -> dict[str, Path | str]:
    """Return the folders of other repositories by alias."""
    return {**option_values.parse_pairs(options["repositories"], "--repository")}


def read_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters; those of options win over those of the file."""
    file = options["parameters_file"]
    values = option_values.read_nodes(file) if file else {}
    return {**values, **option_values.parse_pairs(options["parameters"], "--parameter")}


def read_variables(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables; those of options win over those of the file."""
    file = options["variables_file"]
    values = option_values.read_strings(file) if file else {}
    return {**values, **option_values.parse_pairs(options["variables"], "--variable")}


def read_decisions(options: Mapping[str, Any]) -> dict[str, approvals.Decision]:
    """Return the decisions; those of options win over those of the file."""
    file = options["approvals_file"]
    decisions = approvals.read_decisions(option_values.read_mapping(file)) if file else {}
    return {**decisions, **approvals.parse_flags({each: options[each] for each in _VERDICTS})}
