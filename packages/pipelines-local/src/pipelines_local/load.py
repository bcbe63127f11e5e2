"""Load a pipeline: expand its file, read the model, check what it needs from outside."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines_local.azure_warnings import check_azure
from pipelines_local.errors import (
    Diagnostic,
    InvalidPipeline,
    LimitExceeded,
    Position,
    Problems,
    UsageError,
)
from pipelines_local.model import Pipeline, read_pipeline
from pipelines_local.model.resources import read_repositories
from pipelines_local.model.types import RepositoryResource, Step
from pipelines_local.repositories import check_out_refs, check_ref, parse_folders
from pipelines_local.static_macros import resolve_static_macros
from pipelines_local.tasks.specs import TASKS
from pipelines_local.template import ExpandedPipeline, expand
from pipelines_local.variable_groups import (
    VariableGroups,
    check_groups,
    insert_group_values,
    read_variable_groups,
)
from pipelines_local.yamltree import Mapping as MappingNode
from pipelines_local.yamltree import Node, Scalar, Sequence, load, loads

_INDEPENDENT = ("unknown-key", "unknown-task", "unsupported-", "invalid-value", "expression-")
"""Codes of model problems that no other part of the document can cause."""


@dataclass(frozen=True)
class LoadedPipeline:
    """A valid pipeline with its expanded document and all files that were read.

    Attributes:
        repositories: folders with the files of other repositories by lower-case alias.
        groups: the variable groups that this machine knows.
    """

    pipeline: Pipeline
    document: MappingNode
    path: Path
    root: Path
    files: tuple[Path, ...]
    warnings: tuple[Diagnostic, ...] = ()
    repositories: Mapping[str, Path] = field(default_factory=dict)
    groups: VariableGroups = field(default_factory=VariableGroups)


def expand_pipeline(
    path: Path,
    root: Path,
    parameters: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
    groups: Mapping[str, Mapping[str, str]] | None = None,
    repositories: Mapping[str, Path | str] | None = None,
) -> ExpandedPipeline:
    """Expand the pipeline in a file; parts with problems are left out.

    Args:
        path: the file.
        root: the repository of the file.
        parameters: values by name, as plain data or YAML nodes; a string for a list or an object
            is read as YAML.
        variables: the predefined variables that templates see.
        groups: values of variable groups by name.
        repositories: folders of other repositories by alias, or FOLDER@REF.

    Raises:
        InvalidPipeline: the file or its parameters are wrong.
        UsageError: the file cannot be read.
    """
    known_groups = read_variable_groups(root.resolve(), groups)
    return _expand(path, root, parameters, variables, known_groups, repositories)


def _expand(
    path: Path,
    root: Path,
    parameters: Mapping[str, Any] | None,
    variables: Mapping[str, str] | None,
    groups: VariableGroups,
    repositories: Mapping[str, Path | str] | None,
) -> ExpandedPipeline:
    path, root = path.resolve(), root.resolve()
    try:
        source = load(path)
        if not isinstance(source, MappingNode):
            raise InvalidPipeline("invalid-type", "a pipeline must be a mapping", source.at)
        types = _declared_types(source)
        arguments = {
            name: _parameter_node(name, value, types.get(name.lower(), ""), path)
            for name, value in (parameters or {}).items()
        }
        folders = _find_repositories(source, root, arguments, variables or {}, repositories or {})
        expanded = expand(source, root, arguments, dict(variables or {}), folders)
    except OSError as error:
        raise UsageError("unreadable-file", f"{path}: {error.strerror}") from None
    except RecursionError:
        raise LimitExceeded("too-deep", "nested too deeply", Position(path, 1, 1)) from None
    document = insert_group_values(expanded.document, groups)
    assert isinstance(document, MappingNode)  # noqa: S101 - the root keeps its type
    return replace(expanded, document=document)


def load_pipeline(
    path: Path,
    root: Path,
    parameters: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
    groups: Mapping[str, Mapping[str, str]] | None = None,
    repositories: Mapping[str, Path | str] | None = None,
    run_variables: Mapping[str, str] | None = None,
) -> LoadedPipeline:
    """Expand the pipeline in a file and read its model.

    Args:
        path: see :func:`expand_pipeline`, as the following ones.
        root: see there.
        parameters: see there.
        variables: see there.
        groups: see there.
        repositories: see there.
        run_variables: the variables of the caller; templates do not see them.

    Raises:
        InvalidPipeline: the pipeline is wrong or uses an unsupported feature.
        UsageError: the file cannot be read.
    """
    known_groups = read_variable_groups(root.resolve(), groups)
    expanded = _expand(path, root, parameters, variables, known_groups, repositories)
    problems = Problems()
    pipeline = problems.collect(read_pipeline, expanded.document)
    if expanded.problems:  # do not report what is missing because it could not be expanded
        independent = [d for d in problems.diagnostics if d.code.startswith(_INDEPENDENT)]
        raise InvalidPipeline.from_diagnostics((*expanded.problems, *independent))
    if pipeline is not None:
        folders = parse_folders(repositories or {})
        for resource in pipeline.repositories:
            problems.collect(check_ref, resource, folders.get(resource.alias.lower()))
        problems.collect(check_groups, pipeline, known_groups)
    problems.raise_all()
    assert pipeline is not None  # noqa: S101 - without a problem there is a pipeline
    values = {**(variables or {}), **(run_variables or {})}
    pipeline = resolve_static_macros(pipeline, values)
    return LoadedPipeline(
        pipeline,
        expanded.document,
        path.resolve(),
        root.resolve(),
        expanded.files,
        check_azure(pipeline, root.resolve(), values),
        expanded.repositories,
        known_groups,
    )


def check_external_resources(
    pipeline: Pipeline,
    connections: Mapping[str, Any],
    pipelines: Mapping[str, Any],
    repositories: Collection[str] = (),
) -> None:
    """Check that service connections, pipelines and repositories are available.

    Raises:
        InvalidPipeline: at least one is missing.
    """
    problems = Problems()
    aliases = {resource.alias.lower() for resource in pipeline.resources}
    for resource in pipeline.resources:
        if resource.alias.lower() not in pipelines:
            with problems.catch():
                raise InvalidPipeline(
                    "missing-pipeline-run",
                    f"no successful run of the pipeline {resource.source!r} on this machine",
                    resource.at,
                    f"run it first, or use --pipeline {resource.alias}=FOLDER",
                )
    for step in pipeline.steps:
        problems.collect(_check_connection, step, connections)
        problems.collect(_check_download, step, aliases)
        problems.collect(_check_checkout, step, repositories)
    problems.raise_all()


def _check_connection(step: Step, connections: Mapping[str, Any]) -> None:
    key = TASKS[step.task].connection
    if key and step.inputs[key] not in connections:
        known = ", ".join(sorted(connections)) or "none"
        raise InvalidPipeline(
            "unknown-service-connection",
            f"unknown service connection {step.inputs[key]!r} (known: {known})",
            step.at,
            f"use --service-connection {step.inputs[key]}",
        )


def _check_download(step: Step, aliases: set[str]) -> None:
    if step.task != "DownloadPipelineArtifact@2":
        return
    source = step.inputs.get("source", "current").lower()
    alias = step.inputs.get("pipeline", "").lower() if source == "specific" else source
    if alias in aliases or source in ("current", "none"):
        return
    known = ", ".join(sorted(aliases)) or "none"
    raise InvalidPipeline(
        "unknown-pipeline-resource",
        f"unknown pipeline resource {alias!r} (resources.pipelines: {known})",
        step.at,
    )


def _find_repositories(
    document: MappingNode,
    root: Path,
    arguments: Mapping[str, Node],
    variables: Mapping[str, str],
    folders_by_alias: Mapping[str, Path | str],
) -> dict[str, Path]:
    """Return the folders of other repositories at their refs.

    ``resources`` are expanded first, because templates need them.
    """
    folders = parse_folders(folders_by_alias)
    entries = tuple(e for e in document.entries if e[0].text in ("parameters", "resources"))
    resources: tuple[RepositoryResource, ...] = ()
    if folders and document.get("resources") is not None:
        only_resources = MappingNode(entries, document.at)
        # Their problems are reported with those of the whole document.
        with contextlib.suppress(InvalidPipeline):
            expanded = expand(only_resources, root, arguments, dict(variables))
            resources = read_repositories(expanded.document.get("resources"))
    return check_out_refs(folders, resources)


def _check_checkout(step: Step, repositories: Collection[str]) -> None:
    name = step.inputs.get("repository", "")
    if step.task == "checkout" and name.lower() not in ("self", "none", *repositories):
        raise InvalidPipeline(
            "missing-repository",
            f"the repository {name!r} is not available on this machine",
            step.at,
            f"use --repository {name}=FOLDER",
        )


def _declared_types(document: MappingNode) -> dict[str, str]:
    """Return the declared types of the parameters by lower-case name."""
    declared = document.get("parameters")
    types = {}
    for item in declared.items if isinstance(declared, Sequence) else ():
        if isinstance(item, MappingNode):
            name, kind = item.get("name"), item.get("type")
            if isinstance(name, Scalar) and isinstance(kind, Scalar):
                types[name.text.lower()] = kind.text
    return types


def _parameter_node(name: str, value: Any, kind: str, path: Path) -> Node:
    """Convert the caller's value of a parameter to a node."""
    at = Position(path, 1, 1)
    if isinstance(value, (MappingNode, Sequence)) or (
        isinstance(value, Scalar) and kind in ("", "string", "number", "boolean")
    ):
        return value
    if isinstance(value, Scalar):
        value = value.text if value.quoted else (value.text or None)
    if isinstance(value, str) and kind not in ("", "string", "number", "boolean"):
        try:
            return loads(value, Path(f"<parameter {name}>"))
        except InvalidPipeline as error:
            raise UsageError("invalid-parameter", f"parameter {name!r}: {error.message}") from None
    return _to_node(value, at)


def _to_node(value: Any, at: Position) -> Node:
    if isinstance(value, Mapping):
        return MappingNode(
            tuple((Scalar(str(k), at), _to_node(v, at)) for k, v in value.items()), at
        )
    if isinstance(value, (list, tuple)):
        return Sequence(tuple(_to_node(item, at) for item in value), at)
    if isinstance(value, bool):
        return Scalar("true" if value else "false", at)
    return Scalar("" if value is None else str(value), at, quoted=isinstance(value, str))
