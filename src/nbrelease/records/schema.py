"""The published JSON Schema of record.json: what a program of somebody else may rely on.

It is the schema of the models that write the record. Within a major version fields are only added,
each with a default, so that an older reader finds all that it knows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbrelease.records import SCHEMA_VERSION, ReleaseRecord

FILE = Path(__file__).parent / "schemas" / f"record-{SCHEMA_VERSION}.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def made() -> dict[str, Any]:
    """The schema of the models as they are."""
    schema = ReleaseRecord.model_json_schema(mode="serialization", by_alias=True)
    _without_titles(schema)
    version = schema["properties"]["schema_version"]
    version.pop("default", None)
    version["pattern"] = rf"^{SCHEMA_VERSION.partition('.')[0]}\.\d+$"
    return {
        "$schema": DRAFT,
        "$id": f"urn:nbrelease:record:{SCHEMA_VERSION}",
        "title": f"nbrelease release record {SCHEMA_VERSION}",
        **schema,
    }


def text() -> str:
    """The schema as it ships."""
    return FILE.read_text(encoding="utf-8")


def written() -> str:
    """The schema of the models, as the file has to be."""
    return json.dumps(made(), indent=2, ensure_ascii=False) + "\n"


def _without_titles(value: Any) -> None:
    """Pydantic titles every property with its own name; models keep theirs as the key."""
    if isinstance(value, dict):
        if isinstance(value.get("title"), str):
            del value["title"]
        for each in value.values():
            _without_titles(each)
    elif isinstance(value, list):
        for each in value:
            _without_titles(each)
