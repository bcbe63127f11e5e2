"""A drill: deployments answer as Microsoft's own inference server, with the same requests.

The server is installed in an environment of its own. For no-code deployments it runs a script with
the rules of Azure's. The differences are written to ``AZUREML_LOCAL_DIFFERENCES``, if it is set.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.functional.azureml_local.azure_server import scripts
from tests.functional.azureml_local.azure_server.generate_requests import generate

pytestmark = [pytest.mark.functional, pytest.mark.drill]

HERE = Path(__file__).parent / "azure_server"
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
    if uv := shutil.which("uv"):
        subprocess.run([uv, "-q", "venv", "--python", sys.executable, folder], check=True)
        install = [uv, "-q", "pip", "install", "--python", python]
    else:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "-q"]
    subprocess.run([*install, *packages], check=True)
    return python


@pytest.fixture(scope="module")
def differences():
    """All differences, by kind; written to a file at the end."""
    found = {"counts": Counter(), "cases": []}
    yield found
    if target := os.environ.get("AZUREML_LOCAL_DIFFERENCES"):
        Path(target).write_text(json.dumps(found, indent=1))


def run_there(python, folder, requests, **variables):
    """The answers of Microsoft's server; None if it does not start."""
    return run([python, HERE / "answer_requests.py"], folder / "there", requests, variables)


def run_here(folder, requests, spec):
    """The answers of azureml-local; None if the worker does not start."""
    command = [sys.executable, HERE / "answer_requests_locally.py", json.dumps(spec)]
    return run(command, folder / "here", requests, {})


def run(command, folder, requests, variables):
    folder.mkdir()
    (folder / "requests.json").write_text(json.dumps(requests))
    environment = {**os.environ, **variables}
    if variables:
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [*command, folder / "requests.json", folder / "responses.json"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    (folder / "log").write_text(done.stdout + done.stderr)
    file = folder / "responses.json"
    return json.loads(file.read_text()) if file.is_file() else None


def compare(differences, name, requests, here, there):
    """Count and list the differences; returns those that may not be."""
    if here is None or there is None:
        kind = "same" if here is there else "started only " + ("there" if here is None else "here")
        differences["counts"][kind] += 1
        return [] if here is there else [(name, kind)]
    wrong = []
    for request, ours, theirs in zip(requests, here, there, strict=True):
        kind = difference(ours, theirs)
        differences["counts"][kind] += 1
        if kind != "same":
            case = {"of": name, "kind": kind, "request": request, "here": ours, "there": theirs}
            differences["cases"].append(case)
            wrong.append((name, kind, request, ours["status"], theirs["status"]))
    return wrong


def difference(ours, theirs) -> str:
    accepted = (ours["status"] == 200, theirs["status"] == 200)
    if accepted == (True, False):
        return "accepted here, refused there"
    if accepted == (False, True):
        return "refused here, accepted there"
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
        found = json.loads(response["body"])
    except ValueError:
        return response["body"]
    if isinstance(found, dict) and ("swagger" in found or "openapi" in found):
        schemas = found.get("definitions") or found["components"]["schemas"]
        return {
            **schemas,
            "version": found.get("swagger") or found["openapi"],
            "of": sorted(found["paths"]),
        }
    return found


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
def test_models_without_code(azure_python, differences, tmp_path, name):
    from tests.functional.azureml_local.azure_server import models

    names = models.save(name, tmp_path / "model")
    requests = generate(names, ROW.get(name, [1.5, 2.0] if name != "boolean" else [True, 2.0]))
    assert len(requests) >= 80
    here = run_here(tmp_path, requests, {"model": str(tmp_path / "model"), "name": "ML service"})
    there = run_there(
        azure_python, tmp_path, requests, TEST_MODEL=str(tmp_path / "model"),
        AML_APP_ROOT=str(HERE), AZUREML_ENTRY_SCRIPT="nocode_score.py",
    )  # fmt: skip
    assert there is not None, (tmp_path / "there" / "log").read_text()[-2000:]
    assert not compare(differences, name, requests, here, there)


@pytest.mark.parametrize("name", [*scripts.SCRIPTS, *scripts.BROKEN])
def test_scripts(azure_python, differences, tmp_path, name):
    code = tmp_path / "code"
    code.mkdir()
    (code / "score.py").write_text({**scripts.SCRIPTS, **scripts.BROKEN}[name])
    requests = generate(["a", "b"], [1.5, 2.0])
    spec = {"code": str(code), "script": "score.py", "name": "ML service"}
    here = run_here(tmp_path, requests, spec)
    there = run_there(
        azure_python, tmp_path, requests, AML_APP_ROOT=str(code), AZUREML_ENTRY_SCRIPT="score.py"
    )
    assert (there is None) == (name in scripts.BROKEN), (tmp_path / "there" / "log").read_text()
    assert not compare(differences, name, requests, here, there)
