"""State of the last export of a notebook, stored in ``.export.json`` next to its module.

The file holds every block as it was exported. It is committed with the module, so that on any
machine an edit by hand can be distinguished from an outdated file, and a conflict can be shown as a
three-way comparison.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
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
        content = {
            "schema_version": SCHEMA,
            "notebook": self.notebook,
            "functions": self.functions,
            "stubs": self.stubs,
            **({"copies": self.copies} if self.copies else {}),
            "module": _split_lines(self.module),
            "tests": _split_lines(self.tests),
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


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


def _split_lines(blocks: dict[str, str]) -> dict[str, list[str]]:
    return {key: text.split("\n") for key, text in blocks.items()}


def _join_lines(blocks: dict[str, list[str]]) -> dict[str, str]:
    return {str(key): "\n".join(lines) for key, lines in blocks.items()}
