"""The parameters of a training notebook occur in no code of nbrelease and in no runbook."""

from __future__ import annotations

import re
from pathlib import Path

from nbrelease.contract import Contract
from nbrelease.settings.keys import NOTEBOOK_KEYS

ROOT = Path(__file__).parents[3]


def test_nbrelease_names_no_parameter_of_a_training_notebook():
    values = Contract.load(ROOT / "exported" / "train").values
    names = {each.name for each in values} - set(NOTEBOOK_KEYS)
    assert {"estimator", "test_size", "regularization_rate"} <= names
    pattern = re.compile(
        rf"""["'](?:{"|".join(sorted(names))})\\?["']|(?:--|inputs\.|\benv\.|\boptions\.)(?:{"|".join(sorted(names))})\b"""
        r"|\b(?:test_size|regularization_rate)\b"
    )
    files = [
        path
        for folder in ("src", "runbooks")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".ipynb", ".yml", ".html") and "tasks" not in path.parts
    ]
    assert len(files) > 100
    named = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files
        if (match := pattern.search(path.read_text(encoding="utf-8")))
    }
    assert named == set()
