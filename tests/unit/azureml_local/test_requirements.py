"""The conda file of a no-code deployment must name the packages of Azure's inference server."""

from __future__ import annotations

import pytest
import yaml

from azureml_local.online.requirements import check_requirements

SERVER, COLLECTOR = "azureml-inference-server-http", "azureml-ai-monitoring"


def conda(*pip: str, more: tuple[str, ...] = ()) -> str:
    return yaml.safe_dump({"dependencies": ["python=3.11", "pip", *more, {"pip": list(pip)}]})


@pytest.mark.parametrize(
    ("conda_file", "missing"),
    [
        (conda("mlflow", "scikit-learn", SERVER, f"{COLLECTOR}==1.0.0"), []),
        (conda("mlflow", "scikit-learn", "azureml-defaults", "azureml_ai_monitoring~=1.0"), []),
        (conda("mlflow", "scikit-learn", SERVER), [COLLECTOR]),
        (conda("mlflow", "scikit-learn"), [SERVER, COLLECTOR]),
        (conda("mlflow", more=("scikit-learn=1.5",)), [SERVER, COLLECTOR]),
        (conda("mlflow", "-r requirements.txt"), []),
        (conda("mlflow"), []),
        ("dependencies: []", []),
        ("{", []),
    ],
)
def test_missing_server_packages(conda_file, missing):
    check = check_requirements("conda.yaml", conda_file)
    assert check.missing == missing
    assert all(any(package in line for line in check.log_lines) for package in missing)


def test_versions_that_differ_are_listed():
    check = check_requirements(
        "conda.yaml", conda("pandas==0.1", "not-installed", SERVER, COLLECTOR)
    )
    assert len([line for line in check.differences if "pandas==0.1" in line]) == 1
    assert len([line for line in check.differences if "not-installed" in line]) == 1
    # azureml-local replaces the packages of Azure's server.
    assert not [line for line in check.differences if SERVER in line or COLLECTOR in line]
