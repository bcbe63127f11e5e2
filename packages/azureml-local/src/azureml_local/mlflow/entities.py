"""The workspace's models in MLflow's words: registered models, versions, stages, tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azureml_local.errors import BadRequest
from azureml_local.store import Resource

MADE_BY = re.compile(r"/ExperimentRun/dcid\.([^/]+)/")


@dataclass(frozen=True)
class ModelView:
    """How models look to one kind of client: where it is told to fetch their files from."""

    files_at: str

    def files(self, found: Resource) -> str:
        """The address of a version's files."""
        return f"{self.files_at}/{found.name}/{found.version}"

    def version(self, found: Resource) -> dict[str, Any]:
        """A version as MLflow shows it."""
        body = found.body
        return {
            "name": found.name,
            "version": found.version,
            "creation_timestamp": milliseconds(found.created),
            "last_updated_timestamp": milliseconds(found.modified),
            "current_stage": stage_of(found),
            "description": body.get("description") or "",
            "source": self.files(found),
            "run_id": run_of(body),
            "status": "READY",
            "tags": _pairs(body.get("tags")),
        }

    def model(
        self,
        container: Resource | None,
        versions: Sequence[Resource],
        newest: Sequence[dict[str, Any]],
    ) -> dict[str, Any]:
        """A registered model as MLflow shows it; there is a container or a version."""
        kept = container.body if container else {}
        known = [*([container] if container else []), *versions]
        return {
            "name": versions[0].name if versions else known[0].name,
            "creation_timestamp": min(milliseconds(each.created) for each in known),
            "last_updated_timestamp": max(milliseconds(each.modified) for each in known),
            "description": kept.get("description") or "",
            "latest_versions": list(newest),
            "tags": _pairs(kept.get("tags")),
        }


def run_of(body: dict[str, Any]) -> str:
    """The run that a model was made by, where it is known: by its name, or by where it lies."""
    made = MADE_BY.search(str(body.get("modelUri")))
    return str(body.get("jobName") or (made[1] if made else ""))


def stage_of(found: Resource) -> str:
    """A version's stage; ``None``, the word, where it was never given one."""
    return str(found.body.get("stage") or "None")


def milliseconds(time: str) -> int:
    """A time of a document in MLflow's form."""
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def tags_of(body: dict[str, Any]) -> dict[str, str]:
    """The tags in a request, which MLflow writes as a list of keys and values.

    Raises:
        BadRequest: they are something else.
    """
    tags: dict[str, str] = {}
    given = body.get("tags") or []
    for each in given if isinstance(given, list) else [given]:
        if not isinstance(each, dict) or not isinstance(each.get("key"), str):
            raise BadRequest("tags must be a list of objects with a key and a value")
        tags[each["key"]] = str(each.get("value", ""))
    return tags


def with_tag(tags: Any, key: str, value: Any) -> dict[str, str]:
    """Tags with one set, or left out where ``value`` is None."""
    if not key:
        raise BadRequest("a tag needs a key")
    known = tags if isinstance(tags, dict) else {}
    kept = {name: text for name, text in known.items() if name != key}
    return kept if value is None else {**kept, key: str(value)}


def _pairs(tags: Any) -> list[dict[str, str]]:
    known = tags if isinstance(tags, dict) else {}
    return [{"key": key, "value": str(value)} for key, value in known.items()]
