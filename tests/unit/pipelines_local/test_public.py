"""Public names and import time of the package."""

import subprocess
import sys

import pipelines_local


def test_public_names_are_sorted_and_exist() -> None:
    assert pipelines_local.__all__ == sorted(pipelines_local.__all__)
    for name in pipelines_local.__all__:
        assert hasattr(pipelines_local, name)


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, pipelines_local; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {
        "rich",
        "ruamel",
        "pydantic",
        "pandas",
        "mlflow",
        "nbrelease",
        "azureml_local",
    }
