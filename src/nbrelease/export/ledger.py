"""What the export wrote last: without it an edit by hand cannot be told from a stale file.

``.export.json`` lies beside the module and is committed with it. It holds the written blocks as
they were, so that an edit on both sides can be shown three ways on any machine, with or without a
history.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = ".export.json"
SCHEMA = 1


@dataclass
class Ledger:
    """One notebook's.

    Attributes:
        notebook: its path from the project's folder.
        module: the module's blocks by their keys.
        tests: the written blocks of the test file by their keys.
        functions: the public functions at that time.
        stubs: the functions that were ever given a stub; a stub is written once.
        copies: the modules of other notebooks beside it, each with the sha256 of its text.
    """

    notebook: str
    module: dict[str, str] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    stubs: list[str] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)

    def dumps(self) -> str:
        """As the file's text: a line of a block is a line of the file, for readable diffs."""
        content = {
            "schema_version": SCHEMA,
            "notebook": self.notebook,
            "functions": self.functions,
            "stubs": self.stubs,
            **({"copies": self.copies} if self.copies else {}),
            "module": _lines(self.module),
            "tests": _lines(self.tests),
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def load(path: Path) -> Ledger | None:
    """Read a ledger; None when there is none, or none that can be understood."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["schema_version"] != SCHEMA:
            return None
        return Ledger(
            notebook=str(content["notebook"]),
            module=_texts(content["module"]),
            tests=_texts(content["tests"]),
            functions=[str(name) for name in content["functions"]],
            stubs=[str(name) for name in content["stubs"]],
            copies={str(name): str(sha256) for name, sha256 in content.get("copies", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _lines(blocks: dict[str, str]) -> dict[str, list[str]]:
    return {key: text.split("\n") for key, text in blocks.items()}


def _texts(blocks: dict[str, list[str]]) -> dict[str, str]:
    return {key: "\n".join(lines) for key, lines in blocks.items()}
