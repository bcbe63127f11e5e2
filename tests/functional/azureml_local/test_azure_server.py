"""A drill: deployments answer as Microsoft's own inference server, with the same requests.

The server is installed in an environment of its own. For no-code deployments it runs the script that
azureml-local runs in a deployment's own environment. A model or script is a job of two processes,
one for each server, which fork for it. The counts of the differences are printed at the end; the
differences themselves are written to ``AZUREML_LOCAL_DIFFERENCES``, if it is set.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.functional.azureml_local.azure_server import scripts
from tests.functional.azureml_local.azure_server.generate_requests import generate

import azureml_local.online
import child_processes
from azureml_local import interpreters

pytestmark = [pytest.mark.functional, pytest.mark.drill]

HERE = Path(__file__).parent / "azure_server"
NOCODE_SCRIPT = Path(azureml_local.online.__file__).with_name("mlflow_score.py")
SECONDS = 900
SERVER_PACKAGES = ["azureml-inference-server-http==1.5.1", "azureml-ai-monitoring==1.0.0"]
SAME_VERSION = ["mlflow-skinny", "pandas", "numpy", "scikit-learn", "cloudpickle"]
HEADERS = ("x-request-id", "x-ms-request-id", "x-ms-client-request-id", "traceid",
           "x-ms-run-function-failed", "content-type", "x-a")  # fmt: skip
GENERATED = ("x-request-id", "x-ms-request-id")
ROW = {"text": ["x", 2.0], "dates": ["2022-06-07T00:00:00", 2.0], "mixed-example": ["x", 2.0]}
MODELS = (
    "linear", "logistic-example", "forest", "date-names", "long", "integer-float", "boolean",
    "text", "dates", "optional", "no-signature", "tensor", "named-tensors", "frame-result",
    "series-result", "dict-result", "array-in-dict", "params", "mixed-example", "number-names",
)  # fmt: skip


@pytest.fixture(scope="module")
def azure_python(tmp_path_factory) -> Path:
    """The interpreter of an environment with Microsoft's server."""
    folder = tmp_path_factory.mktemp("azure") / "venv"
    packages = [*SERVER_PACKAGES, *(f"{name}=={version(name)}" for name in SAME_VERSION)]
    python = folder / "bin" / "python"
    if uv := interpreters.find_uv():
        subprocess.run([uv, "-q", "venv", "--python", sys.executable, folder], check=True)
        install = [uv, "-q", "pip", "install", "--python", python]
    else:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "-q"]
    subprocess.run([*install, *packages], check=True)
    return python


@dataclass
class Case:
    """The requests of a model or script, and the answers of both servers; None: not started."""

    name: str
    requests: list[dict]
    folder: Path
    local: list[dict] | None = None
    azure: list[dict] | None = None

    def log(self, side: str) -> str:
        return (self.folder / side / "log").read_text()


@pytest.fixture(scope="module")
def cases(azure_python, tmp_path_factory) -> dict[str, Case]:
    """All models and scripts with their answers, by name."""
    from tests.functional.azureml_local.azure_server import models

    root = tmp_path_factory.mktemp("cases")
    cases, local, azure = {}, [], []

    def add(name, requests, spec, variables):
        case = cases[name] = Case(name, requests, root / name)
        for side, jobs in (("local", local), ("azure", azure)):
            (case.folder / side).mkdir(parents=True)
            jobs.append({"folder": str(case.folder / side), "spec": spec, "variables": variables})
        (case.folder / "requests.json").write_text(json.dumps(requests))

    for name in MODELS:
        model = root / name / "model"
        columns = models.save(name, model)
        row = ROW.get(name, [1.5, 2.0] if name != "boolean" else [True, 2.0])
        add(
            name, generate(columns, row), {"model": str(model), "name": "ML service"},
            {"AZUREML_MODEL_DIR": str(model), "AML_APP_ROOT": str(model),
             "AZUREML_ENTRY_SCRIPT": str(NOCODE_SCRIPT)},
        )  # fmt: skip
    for name, text in {**scripts.SCRIPTS, **scripts.BROKEN}.items():
        code = root / name / "code"
        code.mkdir(parents=True)
        (code / "score.py").write_text(text)
        add(
            name, generate(["a", "b"], [1.5, 2.0]),
            {"code": str(code), "script": "score.py", "name": "ML service"},
            {"AML_APP_ROOT": str(code), "AZUREML_ENTRY_SCRIPT": "score.py"},
        )  # fmt: skip
    run_both(azure_python, root, local, azure)
    for case in cases.values():
        case.local, case.azure = (read_answers(case.folder / side) for side in ("local", "azure"))
    return cases


def run_both(azure_python: Path, root: Path, local: list[dict], azure: list[dict]) -> None:
    """Answer all requests with both servers at the same time."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    processes = []
    for python, script, jobs, environment in (
        (sys.executable, "answer_requests_locally.py", local, os.environ),
        (azure_python, "answer_requests.py", azure, clean),
    ):
        file = root / f"{script}.json"
        file.write_text(json.dumps(jobs))
        processes.append(child_processes.spawn([python, HERE / script, file], env=environment))
    try:
        assert [process.wait(SECONDS) for process in processes] == [0, 0]
    finally:
        for process in processes:
            child_processes.end_group(process)


def read_answers(folder: Path) -> list[dict] | None:
    file = folder / "responses.json"
    return json.loads(file.read_text()) if file.is_file() else None


@pytest.fixture(scope="module")
def differences(request):
    """All differences, by kind; counted on the terminal and written to a file at the end."""
    report = {"counts": Counter(), "cases": []}
    yield report
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        sys.stdout.write(f"\nanswers compared: {json.dumps(report['counts'])}\n")
    if target := os.environ.get("AZUREML_LOCAL_DIFFERENCES"):
        Path(target).write_text(json.dumps(report, indent=1))


def compare(differences, case: Case):
    """Count and list the differences; returns them."""
    name, local, azure = case.name, case.local, case.azure
    if local is None or azure is None:
        kind = (
            "same" if local is azure else "started only " + ("azure" if local is None else "local")
        )
        differences["counts"][kind] += 1
        return [] if local is azure else [(name, kind)]
    wrong = []
    for request, ours, theirs in zip(case.requests, local, azure, strict=True):
        kind = difference(ours, theirs)
        differences["counts"][kind] += 1
        if kind != "same":
            different = {
                "of": name,
                "kind": kind,
                "request": request,
                "local": ours,
                "azure": theirs,
            }
            differences["cases"].append(different)
            wrong.append((name, kind, request, ours["status"], theirs["status"]))
    return wrong


def difference(ours, theirs) -> str:
    accepted = (ours["status"] == 200, theirs["status"] == 200)
    if accepted == (True, False):
        return "accepted locally, refused by Azure"
    if accepted == (False, True):
        return "refused locally, accepted by Azure"
    if ours["status"] != theirs["status"]:
        return "status"
    if all(accepted) and not equal(value(ours), value(theirs)):
        return "value"
    for name in HEADERS:
        mine, other = ours["headers"].get(name), theirs["headers"].get(name)
        if mine != other and not (name in GENERATED and mine and other and len(mine) == 36):
            return f"header {name}"
    theirs_body = value(theirs)
    has_message = isinstance(theirs_body, dict) and "message" in theirs_body
    if not accepted[0] and has_message and "message" not in value(ours):
        return "error body"
    return "same"


def value(response):
    try:
        actual = json.loads(response["body"])
    except ValueError:
        return response["body"]
    if isinstance(actual, dict) and ("swagger" in actual or "openapi" in actual):
        schemas = actual.get("definitions") or actual["components"]["schemas"]
        return {
            **schemas,
            "version": actual.get("swagger") or actual["openapi"],
            "of": sorted(actual["paths"]),
        }
    return actual


def equal(ours, theirs) -> bool:
    if isinstance(ours, float) or isinstance(theirs, float):
        numbers = isinstance(ours, int | float) and isinstance(theirs, int | float)
        both_nan = numbers and math.isnan(ours) and math.isnan(theirs)
        return numbers and (both_nan or math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12))
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(equal(ours[key], theirs[key]) for key in ours)
    return ours == theirs


@pytest.mark.parametrize("name", MODELS)
def test_models_without_code(cases, differences, name):
    case = cases[name]
    assert len(case.requests) >= 80
    assert case.azure is not None, case.log("azure")[-2000:]
    assert not compare(differences, case)


@pytest.mark.parametrize("name", [*scripts.SCRIPTS, *scripts.BROKEN])
def test_scripts(cases, differences, name):
    case = cases[name]
    assert (case.azure is None) == (name in scripts.BROKEN), case.log("azure")
    assert not compare(differences, case)
