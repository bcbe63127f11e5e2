"""Starters have functions in common: who changes one of them changes it in all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import nbrelease.template
from nbrelease.notebook import read

STARTERS = Path(nbrelease.template.__file__).parent / "tasks"


def functions(task: str) -> dict[str, str]:
    """The source of each exported function of a training notebook, by name."""
    notebook = read(STARTERS / task / "notebooks" / "train.ipynb")
    return {
        node.name: ast.get_source_segment(cell.code, node) or ""
        for cell in notebook.cells
        if "export" in cell.tags
        for node in ast.parse(cell.code).body
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize(
    ("function", "tasks"),
    [
        ("read_rows", {"binary", "multiclass", "regression", "custom"}),
        ("split", {"binary", "multiclass"}),
        ("split", {"regression", "custom"}),
        ("train", {"binary", "multiclass"}),
        ("train", {"regression", "forecasting"}),
        ("log_model", {"binary", "multiclass", "regression", "forecasting"}),
    ],
)
def test_starters_have_the_same_function(function, tasks):
    sources = {functions(task)[function] for task in tasks}
    assert len(sources) == 1
    assert sources != {""}
