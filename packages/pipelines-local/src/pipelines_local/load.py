"""From a file to a checked pipeline: everything that can be refused is refused here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines_local.errors import Position, Refused, UsageError
from pipelines_local.groups import with_groups
from pipelines_local.model import Pipeline, read
from pipelines_local.tasks.specs import TASKS
from pipelines_local.template import expand
from pipelines_local.yamltree import Mapping as MappingNode
from pipelines_local.yamltree import Node, Scalar, Sequence, load, loads


@dataclass(frozen=True)
class Loaded:
    """A pipeline that could run."""

    pipeline: Pipeline
    document: MappingNode
    path: Path
    root: Path
    files: tuple[Path, ...]


def load_pipeline(
    path: Path,
    root: Path,
    parameters: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
    groups: Mapping[str, Mapping[str, str]] | None = None,
) -> Loaded:
    """Expand and check the pipeline in a file.

    Args:
        path: the file.
        root: the repository it belongs to.
        parameters: plain data by name, or nodes of a file; texts for lists and objects are read
            as YAML.
        variables: the predefined variables that templates see.
        groups: values of variable groups by name.

    Raises:
        Refused: it is wrong or outside of the subset.
        UsageError: the file cannot be read.
    """
    path, root = path.resolve(), root.resolve()
    try:
        written = load(path)
        if not isinstance(written, MappingNode):
            raise Refused("a pipeline has to be a mapping", written.at)
        types = _types(written)
        given = {
            name: _given(name, value, types.get(name.lower(), ""), path)
            for name, value in (parameters or {}).items()
        }
        expanded = expand(written, root, given, dict(variables or {}))
        document = with_groups(expanded.document, groups or {})
        assert isinstance(document, MappingNode)  # noqa: S101 - it stays what it was
        pipeline = read(document)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except RecursionError:
        raise Refused("nested too deeply", Position(path, 1, 1)) from None
    return Loaded(pipeline, document, path, root, expanded.files)


def check_surroundings(
    pipeline: Pipeline, connections: Mapping[str, Any], pipelines: Mapping[str, Any]
) -> None:
    """Check what a pipeline takes from outside: service connections and other pipelines.

    Raises:
        Refused: one is not there.
    """
    aliases = {resource.alias.lower() for resource in pipeline.resources}
    for resource in pipeline.resources:
        if resource.alias.lower() not in pipelines:
            raise Refused(
                f"no run of the pipeline {resource.source!r} whose artifacts could be used; "
                f"run it first, or give a folder for {resource.alias!r}",
                resource.at,
            )
    for stage in pipeline.stages:
        for job in stage.jobs:
            for step in job.steps:
                _check_step(step.task, step.inputs, step.at, connections, aliases)


def _check_step(
    task: str,
    inputs: Mapping[str, str],
    at: Position,
    connections: Mapping[str, Any],
    aliases: set[str],
) -> None:
    key = TASKS[task].connection
    if key and inputs[key] not in connections:
        known = ", ".join(sorted(connections)) or "none"
        raise Refused(f"unknown service connection {inputs[key]!r} (known: {known})", at)
    if task == "DownloadPipelineArtifact@2":
        source = inputs.get("source", "current").lower()
        alias = inputs.get("pipeline", "").lower() if source == "specific" else source
        if source == "specific" and alias not in aliases:
            raise Refused(f"the pipeline {alias!r} is not among resources.pipelines", at)
        if source not in ("current", "none", "specific") and alias not in aliases:
            raise Refused(
                f"'download: {inputs['source']}': no such resource; known: current, none"
                + "".join(f", {name}" for name in sorted(aliases)),
                at,
            )


def _types(document: MappingNode) -> dict[str, str]:
    """The declared types of the parameters, as far as they can be read."""
    declared = document.get("parameters")
    found = {}
    for item in declared.items if isinstance(declared, Sequence) else ():
        if isinstance(item, MappingNode):
            name, kind = item.get("name"), item.get("type")
            if isinstance(name, Scalar) and isinstance(kind, Scalar):
                found[name.text.lower()] = kind.text
    return found


def _given(name: str, value: Any, kind: str, path: Path) -> Node:
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
        except Refused as error:
            raise UsageError(f"the parameter {name!r}: {error.message}") from None
    return _node(value, at)


def _node(value: Any, at: Position) -> Node:
    if isinstance(value, Mapping):
        return MappingNode(tuple((Scalar(str(k), at), _node(v, at)) for k, v in value.items()), at)
    if isinstance(value, (list, tuple)):
        return Sequence(tuple(_node(item, at) for item in value), at)
    if isinstance(value, bool):
        return Scalar("true" if value else "false", at)
    return Scalar("" if value is None else str(value), at, quoted=isinstance(value, str))
