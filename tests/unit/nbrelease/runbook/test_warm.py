"""What the zygote of a rehearsal imports is what the runbooks name."""

from __future__ import annotations

import json
from pathlib import Path

from nbrelease.runbook import warm


def notebook(path: Path, *sources: str) -> Path:
    cells = [
        {
            "cell_type": "code", "id": f"c{number}", "metadata": {}, "source": source,
            "outputs": [], "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]  # fmt: skip
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    return path


def test_modules_in_the_order_of_their_first_use(tmp_path: Path) -> None:
    first = notebook(tmp_path / "1.ipynb", "import click\nfrom jinja2 import Template")
    second = notebook(tmp_path / "2.ipynb", "def f():\n    import pandas\nimport click")
    assert warm.imports([first, second]) == ["click", "jinja2", "jinja2.Template", "pandas"]


def test_attributes_of_imported_modules_may_be_modules(tmp_path: Path) -> None:
    path = notebook(tmp_path / "1.ipynb", "import mlflow", "mlflow.sklearn.load_model(click.x)")
    assert warm.imports([path]) == ["mlflow", "mlflow.sklearn", "skops.io"]


def test_what_is_not_for_a_zygote_is_left_out(tmp_path: Path) -> None:
    path = notebook(
        tmp_path / "1.ipynb",
        "import os, no_such_package, matplotlib.pyplot as plt",
        "from . import relative",
        "%matplotlib inline",
    )
    assert warm.imports([path]) == []
