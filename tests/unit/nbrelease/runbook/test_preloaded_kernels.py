"""A preloaded process imports the modules that the runbooks name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from nbrelease.runbook.preloaded_kernels import FIRST_MODULES, FIRST_PACKAGES, list_imports

READ = """
import importlib, os, sys
from nbrelease.preloaded import UNUSED_VARIABLES
read = []
class Environment(type(os.environ)):
    def __getitem__(self, name):
        if name.startswith(UNUSED_VARIABLES):
            read.append(name)
        return super().__getitem__(name)
    def __iter__(self):  # items() and copy() read all of them
        read.append("all")
        return super().__iter__()
os.environ.__class__ = Environment
os.environ.get("AZUREML_PROBE")
for name in sys.argv[1:]:
    name, _, function = name.partition(":")
    module = importlib.import_module(name)
    if function:
        getattr(module, function)()
print(*read)
"""


def test_what_is_imported_before_the_workspace_starts_does_not_read_its_variables() -> None:
    command = [sys.executable, "-c", READ, *FIRST_MODULES, *FIRST_PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["AZUREML_PROBE"]


def write_notebook(path: Path, *sources: str) -> Path:
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


def test_modules_are_in_order_of_first_use(tmp_path: Path) -> None:
    first = write_notebook(tmp_path / "1.ipynb", "import click\nfrom jinja2 import Template")
    second = write_notebook(tmp_path / "2.ipynb", "def f():\n    import pandas\nimport click")
    assert list_imports([first, second]) == ["click", "jinja2", "jinja2.Template", "pandas"]


def test_attributes_of_imported_modules_are_modules(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "1.ipynb", "import mlflow", "mlflow.sklearn.load_model(click.x)"
    )
    assert list_imports([path]) == ["mlflow", "mlflow.sklearn", "skops.io"]


def test_standard_library_and_missing_modules_are_not_preloaded(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "1.ipynb",
        "import os, no_such_package",
        "from . import relative",
        "%matplotlib inline",
    )
    assert list_imports([path]) == []
