"""State of the last export of a notebook, stored in ``.export.json`` next to its module.

The file holds every block as it was exported. It is committed with the module, so that on any
machine an edit by hand can be distinguished from an outdated file, and a conflict can be shown as a
three-way comparison.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

STATE_FILE = ".export.json"
SCHEMA = 1


@dataclass
class ExportState:
    """The last export of one notebook.

    Attributes:
        notebook: path of the notebook, relative to the project.
        module: blocks of the module, by heading.
        tests: generated blocks of the test file, by heading.
        functions: public functions of the module.
        stubs: functions that ever had a stub test; a stub is generated once.
        copies: copied shared modules, each with the sha256 of its text.
    """

    notebook: str
    module: dict[str, str] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    stubs: list[str] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)

    def dumps(self) -> str:
        """The text of the file: one line per line of a block, for readable diffs."""
        fields = {
            "schema_version": str(SCHEMA),
            "notebook": _encode(self.notebook),
            "functions": _encode_list(self.functions, 1),
            "stubs": _encode_list(self.stubs, 1),
            **({"copies": _encode_blocks(self.copies)} if self.copies else {}),
            "module": _encode_blocks(_split_lines(self.module)),
            "tests": _encode_blocks(_split_lines(self.tests)),
        }
        return _encode_object(fields, 0) + "\n"


def load(path: Path) -> ExportState | None:
    """Read a state file; None if it does not exist or has another schema."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["schema_version"] != SCHEMA:
            return None
        return ExportState(
            notebook=str(content["notebook"]),
            module=_join_lines(content["module"]),
            tests=_join_lines(content["tests"]),
            functions=[str(name) for name in content["functions"]],
            stubs=[str(name) for name in content["stubs"]],
            copies={str(name): str(sha256) for name, sha256 in content.get("copies", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


# As json.dumps with indent=1, whose encoder in Python takes eight times as long as the one in C.
_encode = json.JSONEncoder(ensure_ascii=False).encode


@cache
def _list_encoder(separator: str) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, separators=(separator, ": "))


def _encode_object(fields: dict[str, str], depth: int) -> str:
    margin = "\n" + " " * depth
    content = f",{margin} ".join(f"{_encode(key)}: {value}" for key, value in fields.items())
    return f"{{{margin} {content}{margin}}}" if fields else "{}"


def _encode_list(items: list[str], depth: int) -> str:
    margin = "\n" + " " * depth
    content = _list_encoder(f",{margin} ").encode(items)[1:-1]
    return f"[{margin} {content}{margin}]" if items else "[]"


def _encode_blocks(blocks: Mapping[str, str | list[str]]) -> str:
    values = {
        key: _encode(value) if isinstance(value, str) else _encode_list(value, 2)
        for key, value in blocks.items()
    }
    return _encode_object(values, 1)


def _split_lines(blocks: dict[str, str]) -> dict[str, list[str]]:
    return {key: text.split("\n") for key, text in blocks.items()}


def _join_lines(blocks: dict[str, list[str]]) -> dict[str, str]:
    return {str(key): "\n".join(lines) for key, lines in blocks.items()}
