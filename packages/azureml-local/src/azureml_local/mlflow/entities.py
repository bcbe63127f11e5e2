"""Models of the workspace in the form of MLflow's registry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from azureml_local.documents.assets import AssetContainer, AssetResource, AssetVersion
from azureml_local.errors import BadRequest
from azureml_local.json_fields import Json, JsonObject
from azureml_local.store import Resource

RUN_PATH = re.compile(r"/ExperimentRun/dcid\.([^/]+)/")


class Tag(TypedDict):
    """A tag of a model or version."""

    key: str
    value: str


class ModelVersion(TypedDict):
    """A version of a registered model as MLflow shows it."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    current_stage: str
    description: str
    source: str
    run_id: str
    status: str
    tags: list[Tag]


class RegisteredModel(TypedDict):
    """A registered model as MLflow shows it."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str
    latest_versions: list[ModelVersion]
    tags: list[Tag]


class ModelResponse(TypedDict):
    """A registered model in a response."""

    registered_model: RegisteredModel


class VersionResponse(TypedDict):
    """A version of a registered model in a response."""

    model_version: ModelVersion


@dataclass(frozen=True)
class ModelView:
    """The form of models for one kind of client; the addresses of their files differ."""

    files_root: str

    def files(self, model: AssetResource) -> str:
        """The address of a version's files."""
        return f"{self.files_root}/{model.name}/{model.version}"

    def version(self, model: AssetResource) -> ModelVersion:
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
        container: Resource[AssetContainer] | None,
        versions: Sequence[AssetResource],
        newest: Sequence[ModelVersion],
    ) -> RegisteredModel:
        """A registered model as MLflow shows it; it has a container or at least one version."""
        properties: AssetContainer = container.body if container else {}
        resources: list[AssetResource | Resource[AssetContainer]] = [*versions]
        resources += [container] if container else []
        return {
            "name": resources[0].name,
            "creation_timestamp": min(milliseconds(each.created) for each in resources),
            "last_updated_timestamp": max(milliseconds(each.modified) for each in resources),
            "description": properties.get("description") or "",
            "latest_versions": list(newest),
            "tags": _tag_list(properties.get("tags")),
        }


def run_of(body: AssetVersion) -> str:
    """The run that created a model, from its job name or its address; empty if unknown."""
    match = RUN_PATH.search(body.get("modelUri", ""))
    return str(body.get("jobName") or (match[1] if match else ""))


def stage_of(model: AssetResource) -> str:
    """A version's stage; the text ``None`` by default."""
    return str(model.body.get("stage") or "None")


def milliseconds(time: str) -> int:
    """A time of a document in milliseconds since 1970, MLflow's form."""
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def tags_of(body: JsonObject) -> dict[str, str]:
    """The tags in a request, in which MLflow sends a list of keys and values.

    Raises:
        BadRequest: they have another form.
    """
    tags: dict[str, str] = {}
    tags_list = body.get("tags") or []
    for each in tags_list if isinstance(tags_list, list) else [tags_list]:
        key = each.get("key") if isinstance(each, dict) else None
        if not isinstance(each, dict) or not isinstance(key, str):
            raise BadRequest("tags: must be a list of objects with a key and a value")
        tags[key] = str(each.get("value", ""))
    return tags


def with_tag(tags: dict[str, str] | None, key: str, value: Json) -> dict[str, str]:
    """Tags with one set, or removed if ``value`` is None."""
    if not key:
        raise BadRequest("key: a tag must have one")
    others = {name: text for name, text in (tags or {}).items() if name != key}
    return others if value is None else {**others, key: str(value)}


def _tag_list(tags: dict[str, str] | None) -> list[Tag]:
    return [{"key": key, "value": str(value)} for key, value in (tags or {}).items()]
