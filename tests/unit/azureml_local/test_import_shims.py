"""The replacements for Azure's packages in the worker of a scoring script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPLACED = "azureml-inference-server-http==1.5.1"


@pytest.mark.parametrize(
    ("requirements", "warns"),
    [
        ([REPLACED, "azureml_ai_monitoring"], False),
        ([REPLACED, "no-such-package==1"], True),
    ],
)
def test_mlflow_does_not_warn_about_replaced_packages(monkeypatch, caplog, requirements, warns):
    from mlflow.utils import requirements_utils

    from azureml_local import import_shims

    logger = requirements_utils._logger
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(logger, "filters", [*logger.filters])
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    import_shims.install()
    requirements_utils.warn_dependency_requirement_mismatches(requirements)
    assert ("no-such-package" in caplog.text) == warns == bool(caplog.records)


def test_an_environment_without_any_package_can_import_them():
    import azureml_local

    variables = {**os.environ, "PYTHONPATH": str(Path(azureml_local.__file__).parents[1])}
    command = [sys.executable, "-S", "-c", "import azureml_local.import_shims"]
    subprocess.run(command, env=variables, check=True)
