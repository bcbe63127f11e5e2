"""Execute single cells of the runbooks that projects get, with objects in place of Azure's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RUNBOOKS = Path(__file__).parents[3] / "runbooks"


def run_cell(runbook: str, cell_id: str, **names: Any) -> dict[str, Any]:
    """Execute a cell, and return the names that it leaves.

    Args:
        runbook: its name, without suffix.
        cell_id: the id of a code cell.
        names: what earlier cells and parameters define.
    """
    notebook = json.loads((RUNBOOKS / f"{runbook}.ipynb").read_text(encoding="utf-8"))
    [source] = ["".join(cell["source"]) for cell in notebook["cells"] if cell["id"] == cell_id]
    exec(compile(source, f"{runbook}.ipynb:{cell_id}", "exec"), names)
    return names
