"""The published JSON Schema of record.json and its reference in the docs, made from the models.

Within a major version fields are only added, each with a default, so that an older reader finds
every field that it knows. ``python -m nbrelease.records.schema DOCS`` writes the files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from nbrelease import files
from nbrelease.records import SCHEMA_VERSION, ReleaseRecord
from nbrelease.records.declaration import NAME, RUNBOOK

FILE = Path(__file__).parent / "schemas" / f"record-{SCHEMA_VERSION}.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = f"""# Reference of record.json

`record.json` is the record of a release for programs. Its JSON Schema (2020-12) is
[`record-{SCHEMA_VERSION}.json`](schema/record-{SCHEMA_VERSION}.json); `nbrelease evidence schema`
prints it. This page is made from the same models: `make schema` writes both.

Within a major version fields are only added, each with a default. Times are ISO 8601 in UTC,
digests sha256 in hexadecimal digits, intervals `[low, high]`. A published value in another form
than the schema's is listed in `unreadable`; it stays in the `values` of its runbook.
"""


def make_schema() -> dict[str, Any]:
    """The schema of the models."""
    schema = ReleaseRecord.model_json_schema(mode="serialization", by_alias=True)
    _remove_titles(schema)
    version = schema["properties"]["schema_version"]
    version.pop("default", None)
    version["pattern"] = rf"^{SCHEMA_VERSION.partition('.')[0]}\.\d+$"
    return {
        "$schema": DRAFT,
        "$id": f"urn:nbrelease:record:{SCHEMA_VERSION}",
        "title": f"nbrelease release record {SCHEMA_VERSION}",
        **schema,
    }


def render_schema() -> str:
    """The schema of the models, as the text of the file."""
    return json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n"


def read_schema() -> str:
    """The text of the file that is installed."""
    return FILE.read_text(encoding="utf-8")


def render_reference() -> str:
    """The reference of record.json as Markdown: a table of its fields, and one of its parts."""
    schema = make_schema()
    lines = [REFERENCE, "## Fields", "", "| field | description | published by |", "|---|---|---|"]
    for name, field in schema["properties"].items():
        lines.append(f"| `{name}` | {_cell(field)} | {_source(name, field)} |")
    lines += ["", "## Parts", "", "| part | description | fields |", "|---|---|---|"]
    for name, part in sorted(schema["$defs"].items()):
        fields = ", ".join(_part_field(n, f) for n, f in part.get("properties", {}).items())
        lines.append(f"| `{name}` | {_cell(part)} | {fields} |")
    return "\n".join(lines) + "\n"


def _part_field(name: str, field: dict[str, Any]) -> str:
    source = _source(name, field)
    return f"`{name}`" + (f" ({field['description']}; {source})" if source else "")


def _cell(schema: dict[str, Any]) -> str:
    """The description as one line of Markdown."""
    text = " ".join(schema["description"].split())
    return text.replace("``", "`").replace("|", "\\|")


def _source(name: str, field: dict[str, Any]) -> str:
    """The runbook that publishes a value, and the value's name there."""
    if RUNBOOK not in field:
        return ""
    published = field.get(NAME, name)
    return f"`{field[RUNBOOK]}`" + (f" as `{published}`" if published != name else "")


def _remove_titles(value: Any) -> None:
    """Remove the titles that pydantic makes from the names."""
    if isinstance(value, dict):
        if isinstance(value.get("title"), str):
            del value["title"]
        for each in value.values():
            _remove_titles(each)
    elif isinstance(value, list):
        for each in value:
            _remove_titles(each)


def main(docs: Path) -> None:
    """Write the schema in the package and in the docs, and its reference in the docs."""
    files.write_text(FILE, render_schema())
    files.write_text(docs / "schema" / FILE.name, render_schema())
    files.write_text(docs / "record.md", render_reference())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
