"""Expand a pipeline: its parameters, its document, its templates."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path

from pipelines_local.errors import Diagnostic, Position
from pipelines_local.expressions import Value
from pipelines_local.template.expander import Expander
from pipelines_local.template.parameters import bind_parameters, read_parameters
from pipelines_local.template.scope import Scope
from pipelines_local.template.template_files import TemplateFiles
from pipelines_local.yamltree import Mapping, Node


@dataclass(frozen=True)
class ExpandedPipeline:
    """A pipeline without templates.

    Attributes:
        document: the expanded document.
        parameters: the values of its parameters.
        files: all files that were read.
        problems: diagnostics of the parts that could not be expanded and are left out.
        repositories: folders of other repositories by lower-case alias.
    """

    document: Mapping
    parameters: Map[str, Value]
    files: tuple[Path, ...]
    problems: tuple[Diagnostic, ...] = ()
    repositories: Map[str, Path] = field(default_factory=dict)


def expand(
    document: Mapping,
    root: Path,
    arguments: Map[str, Node] | None = None,
    variables: Map[str, Value] | None = None,
    repositories: Map[str, Path] | None = None,
) -> ExpandedPipeline:
    """Expand a pipeline.

    Args:
        document: the document of the pipeline's file.
        root: the repository of the file.
        arguments: values for the parameters, by name.
        variables: the predefined variables that templates see.
        repositories: folders of other repositories by lower-case alias.

    Raises:
        InvalidPipeline: the parameters are wrong, or nothing could be expanded.
    """
    path = document.at.file
    files = TemplateFiles(root, repositories or {}, {path: document})
    values = bind_parameters(
        read_parameters(document.get("parameters")),
        arguments or {},
        Position(path, 1, 1),
        "the pipeline",
    )
    expander = Expander(files)
    expanded = expander.expand_root(document, Scope(values, variables or {}))
    return ExpandedPipeline(
        expanded,
        values,
        tuple(files.documents),
        tuple(expander.problems.diagnostics),
        files.repositories,
    )
