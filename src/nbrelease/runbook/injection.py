"""Write parameter values into a notebook as a cell of Python code.

papermill's own injection passes a path or a date as a string, and warns about annotations that its
regular expression does not understand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from nbrelease.notebook import INJECTED

IMPORTS = {
    date: "from datetime import date as _date",
    Path: "from pathlib import Path as _Path",
}
"""Imports of the injected cell; the names do not hide those of the notebook."""


def inject(notebook: Any, values: Mapping[str, Any], position: int) -> None:
    """Add a cell that assigns the values; a cell that an earlier run injected is replaced.

    Args:
        notebook: the nbformat notebook; it is modified.
        values: by name, of the types that a parameter can have.
        position: the index of the new cell.
    """
    import papermill
    from nbformat.v4 import new_code_cell

    if not values:
        return
    imports = [
        line
        for kind, line in IMPORTS.items()
        if any(isinstance(value, kind) for value in values.values())
    ]
    lines = [f"{name} = {_literal(value)}" for name, value in values.items()]
    source = "\n".join(["# Parameters", *imports, *lines, ""])
    injected = [cell for cell in notebook.cells if INJECTED in cell.metadata.get("tags", [])]
    if injected:
        injected[0].source = source
    else:
        cell = new_code_cell(source, id=INJECTED, metadata={"tags": [INJECTED]})
        notebook.cells.insert(position, cell)
    notebook.metadata["papermill"] = {
        "default_parameters": {},
        "environment_variables": {},
        "parameters": to_json(values),
        "version": papermill.__version__,
    }


def to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON: a path as text, a date in ISO format."""
    return {
        name: str(value) if isinstance(value, date | Path) else value
        for name, value in values.items()
    }


def _literal(value: Any) -> str:
    """Python source of a value; paths and dates have one string argument."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Path):
        return f"_Path({_literal(str(value))})"
    if isinstance(value, date):
        return f"_date.fromisoformat({_literal(value.isoformat())})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        pairs = [f"{_literal(key)}: {_literal(item)}" for key, item in value.items()]
        return f"{{{', '.join(pairs)}}}"
    return repr(value)
