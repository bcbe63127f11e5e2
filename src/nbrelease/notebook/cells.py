"""A notebook file: its cells, and what each is tagged with."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from nbrelease.errors import NotebookError
from nbrelease.notebook.parameters import Parameter, declared

DIRECTIVE = re.compile(
    r"^#\|\s*(?P<name>[A-Za-z][\w-]*)(?:\s*:\s*(?P<value>\S+)|\s+(?P<rest>\S.*))?\s*$"
)
# nbdev's words for what a tag of ours says.
SYNONYMS = {"exports": "export"}


@dataclass(frozen=True)
class Cell:
    """One cell; ``tags`` holds its tags and its directives' names alike."""

    id: str
    index: int
    kind: Literal["code", "markdown", "raw"]
    source: str
    tags: frozenset[str]

    @property
    def code(self) -> str:
        """The source without its directive lines, line numbers kept."""
        return "\n".join("" if DIRECTIVE.match(line) else line for line in self.source.splitlines())


@dataclass(frozen=True)
class Notebook:
    """A notebook of format 4, as it lies in its file."""

    path: Path
    cells: tuple[Cell, ...]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the first cell tagged ``parameters`` declares, in its order; none without one.

        Raises:
            NotebookError: the cell is not plain assignments.
        """
        for cell in self.cells:
            if "parameters" in cell.tags:
                return declared(cell.code, where=f"{self.path}:{cell.id}")
        return ()

    def tagged(self, tag: str) -> tuple[Cell, ...]:
        """The code cells with this tag, in the notebook's order."""
        return tuple(cell for cell in self.cells if tag in cell.tags and cell.kind == "code")


def read(path: Path) -> Notebook:
    """Read a notebook.

    Raises:
        NotebookError: it is not there, no JSON, or no notebook of format 4.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotebookError(f"{path}: no such notebook") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise NotebookError(f"{path}: no notebook: {error}") from None
    if not isinstance(content, dict) or content.get("nbformat") != 4:
        raise NotebookError(f"{path}: no notebook of format 4; open and save it in JupyterLab")
    cells = [_cell(index, cell) for index, cell in enumerate(content["cells"])]
    return Notebook(path, tuple(cells))


def _cell(index: int, raw: dict[str, Any]) -> Cell:
    source = raw["source"]
    text = source if isinstance(source, str) else "".join(source)
    tags = {SYNONYMS.get(tag, tag) for tag in raw.get("metadata", {}).get("tags", [])}
    if raw["cell_type"] == "code":
        tags |= _directives(text)
    # Cells of format 4.0 to 4.4 have no id; their place is the best name there is.
    return Cell(raw.get("id") or f"cell-{index}", index, raw["cell_type"], text, frozenset(tags))


def _directives(source: str) -> set[str]:
    """Names of the ``#|`` lines that the cell begins with; ``eval: false`` is ``skip``."""
    found = set()
    for line in source.splitlines():
        if not line.strip():
            continue
        match = DIRECTIVE.match(line)
        if match is None:
            break
        name = match["name"]
        if name == "eval" and match["value"] == "false":
            name = "skip"
        found.add(SYNONYMS.get(name, name))
    return found
