"""Models of the workspace in the form of MLflow's registry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azureml_local.errors import BadRequest
from azureml_local.store import Resource

RUN_PATH = re.compile(r"/ExperimentRun/dcid\.([^/]+)/")


@dataclass(frozen=True)
class ModelView:
    """The form of models for one kind of client; the addresses of their files differ."""

    files_root: str

    def files(self, model: Resource) -> str:
        """The address of a version's files."""
        return f"{self.files_root}/{model.name}/{model.version}"

    def version(self, model: Resource) -> dict[str, Any]:
        """A version as MLflow shows it."""
        body = model.body
        return {
            "name": model.name,
            "version": model.version,
            "creation_timestamp": milliseconds(model.created),
            "last_updated_timestamp": milliseconds(model.modified),
            "current_stage": stage_of(model),
            "description": body.get("description") or "",
            "source": self.files(model),
            "run_id": run_of(body),
            "status": "READY",
            "tags": _tag_list(body.get("tags")),
        }

    def model(
        self,
        container: Resource | None,
        versions: Sequence[Resource],
        newest: Sequence[dict[str, Any]],
    ) -> dict[str, Any]:
        """A registered model as MLflow shows it; it has a container or at least one version."""
        properties = container.body if container else {}
        resources = [*([container] if container else []), *versions]
        return {
            "name": versions[0].name if versions else resources[0].name,
            "creation_timestamp": min(milliseconds(each.created) for each in resources),
            "last_updated_timestamp": max(milliseconds(each.modified) for each in resources),
            "description": properties.get("description") or "",
            "latest_versions": list(newest),
            "tags": _tag_list(properties.get("tags")),
        }


def run_of(body: dict[str, Any]) -> str:
    """The run that created a model, from its job name or its address; empty if unknown."""
    match = RUN_PATH.search(str(body.get("modelUri")))
    return str(body.get("jobName") or (match[1] if match else ""))


def stage_of(model: Resource) -> str:
    """A version's stage; the text ``None`` by default."""
    return str(model.body.get("stage") or "None")


def milliseconds(time: str) -> int:
    """A time of a document in milliseconds since 1970, MLflow's form."""
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def tags_of(body: dict[str, Any]) -> dict[str, str]:
    """The tags in a request, in which MLflow sends a list of keys and values.

    Raises:
        BadRequest: they have another form.
    """
    tags: dict[str, str] = {}
    tags_list = body.get("tags") or []
    for each in tags_list if isinstance(tags_list, list) else [tags_list]:
        if not isinstance(each, dict) or not isinstance(each.get("key"), str):
            raise BadRequest("tags: must be a list of objects with a key and a value")
        tags[each["key"]] = str(each.get("value", ""))
    return tags


def with_tag(tags: Any, key: str, value: Any) -> dict[str, str]:
    """Tags with one set, or removed if ``value`` is None."""
    if not key:
        raise BadRequest("key: a tag must have one")
    known = tags if isinstance(tags, dict) else {}
    others = {name: text for name, text in known.items() if name != key}
    return others if value is None else {**others, key: str(value)}


def _tag_list(tags: Any) -> list[dict[str, str]]:
    known = tags if isinstance(tags, dict) else {}
    return [{"key": key, "value": str(value)} for key, value in known.items()]
