"""The package lists of a job, its model and the project: ``export --check`` and ``doctor``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command import nbrelease
from ruamel.yaml import YAML

pytestmark = pytest.mark.functional
SETTINGS = Path(__file__).parents[3] / "settings.ini"
LISTED = ["mlflow==3.15.0", "scikit-learn==1.9.1", "pandas==2.3.3"]
SCORING = "scoring_notebook = score\n"
SAVE = """
def save(model):
    mlflow.sklearn.save_model(model, "model", pip_requirements=[{requirements}])
"""


def write_environment(path: Path, packages: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = ["dependencies:", "  - python=3.11", "  - pip:", *(f"      - {p}" for p in packages)]
    path.write_text("\n".join(lines) + "\n")


def write_notebook(path: Path, source: str) -> None:
    cells = [
        {
            "cell_type": "code", "execution_count": None, "id": name, "outputs": [],
            "metadata": {"tags": [tag]}, "source": text,
        }
        for name, tag, text in (("code", "export", source), ("run", "main", "print(1)"))
    ]  # fmt: skip
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def project(tmp_path) -> Path:
    settings = SETTINGS.read_text().replace(SCORING, "")
    (tmp_path / "settings.ini").write_text(settings)
    (tmp_path / "requirements.txt").write_text("\n".join(LISTED) + "\n")
    write_environment(tmp_path / "conda" / "train.yml", LISTED)
    return tmp_path


def check(project: Path, source: str, notebook: str = "train") -> tuple[int, list[tuple[str, str]]]:
    """Exit code of ``export --check``, and code and file of each problem with packages."""
    write_notebook(project / "notebooks" / f"{notebook}.ipynb", source)
    assert nbrelease(project, "export").returncode == 0
    done = nbrelease(project, "export", "--check", "--format", "json")
    problems = [
        (each["code"], each["path"])
        for each in json.loads(done.stdout)
        if each["code"].startswith("NBR7")
    ]
    return done.returncode, problems


@pytest.mark.parametrize(
    ("imports", "requirements", "code"),
    [
        ("import mlflow, sklearn", 'f"scikit-learn=={sklearn.__version__}"', None),
        ("import mlflow", '"azureml-ai-monitoring==1.0.0"', None),  # only the endpoint needs it
        ("import mlflow, lightgbm", "", "NBR701"),
        ("import mlflow\nfrom scipy.stats import norm", "", "NBR701"),
        ("import mlflow, sys", 'f"skops=={sys.version}"', "NBR701"),
        ("import mlflow", '"scikit-learn==1.8.0"', "NBR702"),
        ("import mlflow", '"scikit-learn==1.9.1"', None),
    ],
)
def test_code_and_model_use_the_packages_of_the_job(project, imports, requirements, code):
    result = check(project, imports + "\n" + SAVE.format(requirements=requirements))
    assert result == ((1, [(code, "exported/train/main.py")]) if code else (0, []))


@pytest.mark.parametrize(
    ("imports", "dependencies", "codes"),
    [
        ("import torch, cv2", ["pytorch", "opencv"], []),
        ("import torch, cv2", ["pytorch::pytorch=2.1", "conda-forge/linux-64::py-opencv"], []),
        ("import cv2", [{"pip": ["opencv-python-headless==4.9.0.80"]}], []),
        ("import lightgbm", ["conda-forge::lightgbm"], []),
        ("import torch, lightgbm", ["pytorch-lightning"], ["NBR701", "NBR701"]),
        ("import nowhere_installed", ["elsewhere"], ["NBR704"]),
        ("import nowhere_installed", ["nowhere-installed"], []),
        ("import torch  # nbrelease: ignore[NBR701] the base image has it", [], []),
        ("from torch import (\n    nn,\n)  # nbrelease: ignore[NBR701] the base image has it", [], []),
        ("import nowhere_installed  # nbrelease: ignore[NBR704] elsewhere", ["elsewhere"], []),
        ("def f():\n    import torch  # nbrelease: ignore[NBR701] optional", [], []),
        ("import torch  # nbrelease: ignore[NBR701]", [], ["NBR108"]),
        ("import torch  # nbrelease: ignore[NBR704] not installed everywhere", [], []),
        ("import torch  # nbrelease: ignore[NBR702] another rule", [], ["NBR108", "NBR701"]),
    ],
)  # fmt: skip
def test_packages_with_other_names_than_their_module(project, imports, dependencies, codes):
    environment = {"channels": ["conda-forge"], "dependencies": ["conda-forge::python=3.11"]}
    environment["dependencies"] += dependencies
    (project / "conda" / "train.yml").write_text(json.dumps(environment))
    write_notebook(project / "notebooks" / "train.ipynb", f"{imports}\nDONE = 1")
    assert nbrelease(project, "export").returncode == 0
    done = nbrelease(project, "export", "--check", "--format", "json")
    found = [each["code"] for each in json.loads(done.stdout)]
    assert [each for each in found if each[:4] in ("NBR1", "NBR7")] == codes
    assert done.returncode == (1 if "NBR701" in codes else 0)


def test_job_and_requirements_have_the_same_versions(project):
    write_environment(project / "conda" / "train.yml", ["mlflow==3.14.0", "pandas>=2"])
    assert check(project, "import pandas") == (1, [("NBR702", "conda/train.yml")])
    done = nbrelease(project, "doctor")
    assert done.returncode == 1
    assert "package lists: conda/train.yml: mlflow 3.14.0" in done.stdout


def test_a_second_model_has_a_list_of_its_own(project):
    settings = "[model:text]\ntraining_notebook = text\nconda_file = conda/text.yml\n"
    with (project / "settings.ini").open("a") as file:
        file.write(settings)
    write_environment(project / "conda" / "text.yml", ["lightgbm==4.7.0"])
    assert check(project, "import lightgbm", "text") == (0, [])
    assert check(project, "import sklearn", "text") == (1, [("NBR701", "exported/text/main.py")])


def test_a_scoring_script_has_its_packages_and_azures_server(project):
    settings = project / "settings.ini"
    settings.write_text(settings.read_text().replace("[train]", f"{SCORING}\n[train]"))
    source = "from azureml.ai.monitoring import Collector"
    main = ("NBR701", "exported/score/main.py")
    assert check(project, source, "score") == (1, [main, main])
    write_environment(project / "conda" / "train.yml", [*LISTED, "azureml-mlflow==1.62.0.post6"])
    assert check(project, source, "score") == (1, [main, main])
    server = ["azureml-inference-server-http==1.5.1", "azureml-ai-monitoring==1.0.0"]
    write_environment(project / "conda" / "train.yml", [*LISTED, *server])
    assert check(project, source, "score") == (0, [])


@pytest.mark.parametrize("server", ["azureml-inference-server-http==1.5.1", "azureml-defaults"])
def test_azures_server_is_also_a_dependency_of_azureml_defaults(project, server):
    settings = project / "settings.ini"
    settings.write_text(settings.read_text().replace("[train]", f"{SCORING}\n[train]"))
    source = "from azureml_inference_server_http.api.aml_response import AMLResponse"
    assert check(project, source, "score")[0] == 1
    write_environment(project / "conda" / "train.yml", [*LISTED, server])
    assert check(project, source, "score") == (0, [])


def test_a_file_that_is_not_yaml_is_reported(project):
    (project / "conda" / "train.yml").write_text("a: [\n")
    assert check(project, "import sys") == (1, [("NBR703", "conda/train.yml")])


def test_a_project_without_an_environment_file_is_not_checked(project):
    (project / "conda" / "train.yml").unlink()
    assert check(project, "import lightgbm") == (0, [])


def test_an_exported_module_that_is_not_valid_python_is_reported(project):
    assert check(project, "import mlflow") == (0, [])
    with (project / "exported" / "train" / "main.py").open("a") as file:
        file.write("def (\n")
    done = nbrelease(project, "export", "--check", "--format", "json")
    codes = {each["code"] for each in json.loads(done.stdout)}
    assert (done.returncode, "NBR201" in codes) == (1, True)
    assert nbrelease(project, "doctor").returncode == 1


@pytest.mark.parametrize(
    "path",
    [
        "notebooks/train.ipynb", "exported/train/main.py", "exported/shared/__init__.py",
        "exported/train/shared.py", "exported/train/contract.json", "exported/train/.export.json",
        "conda/train.yml", "requirements.txt", "settings.ini", "tests/exported/test_train.py",
    ],
)  # fmt: skip
def test_the_hook_of_pre_commit_starts_for_every_file_that_it_checks(path):
    hooks = YAML(typ="safe").load((SETTINGS.parent / ".pre-commit-hooks.yaml").read_text())
    [hook] = [each for each in hooks if each["id"] == "nbrelease-export"]
    assert hook.get("always_run", False) or re.search(hook.get("files", ""), path)
