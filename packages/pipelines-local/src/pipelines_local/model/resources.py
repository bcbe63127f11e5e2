"""Read pools and resources."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map

from pipelines_local.errors import InvalidPipeline, Position
from pipelines_local.model.fields import IDENTIFIER, Fields
from pipelines_local.model.types import PipelineResource, RepositoryResource
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence

_MACRO = re.compile(r"\$\(([^()]+)\)\Z")
_OTHER_SYSTEMS = ("windows", "macos", "vs20", "win")
_UNSUPPORTED = {
    "containers": "jobs run on this machine",
    "builds": "",
    "webhooks": "",
    "packages": "",
}
_KINDS = ("pipelines", "repositories")
_REPOSITORY = ("repository", "project", "type", "name", "ref", "endpoint", "trigger")
_PIPELINE = ("pipeline", "source", "project", "trigger", "branch", "version", "tags")


def read_image(node: Node | None, variables: Map[str, str] | None = None) -> str:
    """Return the image of a pool; empty if it has none. This machine stands in for the pool.

    Args:
        node: the pool.
        variables: values for a macro in ``vmImage``, by lower-case name.

    Raises:
        InvalidPipeline: the pool has another operating system, or is ``server``.
    """
    if node is None:
        return ""
    if isinstance(node, Scalar):
        if node.text == "server":
            raise InvalidPipeline(
                "unsupported-pool", "'pool: server' is supported only for a job", node.at
            )
        return ""
    fields = Fields(node, "a pool", ("name", "vmImage", "demands"))
    image = fields.scalar("vmImage")
    if image is None:
        return ""
    return resolve_image(image.text, variables or {}, image.at)


def resolve_image(image: str, variables: Map[str, str], at: Position) -> str:
    """Replace the macro in the name of an image; an unknown macro stays.

    Raises:
        InvalidPipeline: the image has another operating system.
    """
    macro = _MACRO.match(image)
    name = variables.get(macro[1].lower(), image) if macro else image
    if name.lower().startswith(_OTHER_SYSTEMS):
        message = f"the image {name!r} is not supported: jobs run on this machine"
        raise InvalidPipeline("unsupported-image", message, at)
    return name


def read_resources(node: Node | None) -> tuple[PipelineResource, ...]:
    """Read ``resources.pipelines``.

    Raises:
        InvalidPipeline: a resource of another kind.
    """
    if node is None or _is_legacy_self(node):
        return ()
    fields = Fields(node, "resources", _KINDS, _UNSUPPORTED)
    resources: list[PipelineResource] = []
    for item in fields.items("pipelines"):
        inner = Fields(item, "a pipeline resource", _PIPELINE)
        alias = inner.text("pipeline")
        if not alias or not IDENTIFIER.match(alias.replace("-", "_")):
            raise InvalidPipeline(
                "missing-name", "a pipeline resource needs a name: 'pipeline: NAME'", inner.at
            )
        if any(other.alias.lower() == alias.lower() for other in resources):
            message = f"duplicate pipeline resource {alias!r}"
            raise InvalidPipeline("duplicate-resource", message, inner.at)
        resources.append(PipelineResource(alias, inner.text("source") or alias, inner.at))
    return tuple(resources)


def read_repositories(node: Node | None) -> tuple[RepositoryResource, ...]:
    """Read ``resources.repositories``.

    Raises:
        InvalidPipeline: a repository has no name, or the same name as another one.
    """
    if node is None or _is_legacy_self(node):
        return ()
    repositories: dict[str, RepositoryResource] = {}
    for item in Fields(node, "resources", _KINDS, _UNSUPPORTED).items("repositories"):
        fields = Fields(item, "a repository resource", _REPOSITORY)
        alias = fields.text("repository")
        if not alias or alias.lower() in ("self", "none", *repositories):
            message = f"a repository needs a unique name (got {alias!r})"
            raise InvalidPipeline("duplicate-resource", message, fields.at)
        name = fields.text("name") or alias
        ref = fields.text("ref")
        repositories[alias.lower()] = RepositoryResource(alias, name, ref, fields.at)
    return tuple(repositories.values())


def _is_legacy_self(node: Node) -> bool:
    """Whether ``resources`` is the legacy list with only ``repo: self``."""
    return isinstance(node, Sequence) and all(
        isinstance(item, Mapping)
        and isinstance(repository := item.get("repo"), Scalar)
        and repository.text.lower() == "self"
        for item in node.items
    )
