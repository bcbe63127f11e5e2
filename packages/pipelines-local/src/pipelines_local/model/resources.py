"""Pools and resources: what of them means something on one machine."""

from __future__ import annotations

from pipelines_local.errors import Refused
from pipelines_local.model.fields import IDENTIFIER, Fields
from pipelines_local.model.types import PipelineResource
from pipelines_local.yamltree import Node, Scalar

_KINDS = ("pipelines",)
_OTHER = {
    "repositories": "only the repository of the pipeline itself is used",
    "containers": "jobs run on this machine",
    "builds": "",
    "webhooks": "",
    "packages": "",
}
_PIPELINE = ("pipeline", "source", "project", "trigger", "branch", "version", "tags")


def pool(node: Node | None) -> None:
    """Check a pool: this machine stands for every one that it can stand for.

    Raises:
        Refused: a pool of another system, or none at all (``server``).
    """
    if node is None:
        return
    if isinstance(node, Scalar):
        if node.text == "server":
            raise Refused("server jobs ('pool: server') are not supported", node.at)
        return
    fields = Fields(node, "a pool", ("name", "vmImage", "demands"))
    image = fields.scalar("vmImage")
    if image is not None and image.text.lower().startswith(("windows", "macos", "vs20", "win")):
        raise Refused(f"the image {image.text!r} is not supported: jobs run on this machine",
                      image.at)  # fmt: skip


def resources(node: Node | None) -> tuple[PipelineResource, ...]:
    """The pipelines whose artifacts are used.

    Raises:
        Refused: a resource of another kind.
    """
    if node is None:
        return ()
    fields = Fields(node, "resources", _KINDS, _OTHER)
    found: list[PipelineResource] = []
    for item in fields.items("pipelines"):
        inner = Fields(item, "a pipeline resource", _PIPELINE)
        alias = inner.text("pipeline")
        if not alias or not IDENTIFIER.match(alias.replace("-", "_")):
            raise Refused("a pipeline resource needs a name: 'pipeline: NAME'", inner.at)
        if any(other.alias.lower() == alias.lower() for other in found):
            raise Refused(f"a second pipeline resource with the name {alias!r}", inner.at)
        found.append(PipelineResource(alias, inner.text("source") or alias, inner.at))
    return tuple(found)
