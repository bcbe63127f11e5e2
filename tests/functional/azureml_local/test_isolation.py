"""Jobs and deployments in interpreters built from their conda files (``--isolation uv``).

The environments hold small wheels that the test makes, so that nothing is downloaded: a package of
the project, and a stand-in for Microsoft's server. ``test_azure_server.py`` has the real server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.functional

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CONDA = "name: {name}\ndependencies:\n  - python={python}\n  - pip\n  - pip:\n{lines}"
SCRIPT = """
import json, sys
import own_package

def init():
    print("init in", sys.prefix)

def run(raw_data):
    return {"version": own_package.VERSION, "prefix": sys.prefix, "data": json.loads(raw_data)}
"""
BATCH_SCRIPT = """
import own_package

def init():
    pass

def run(mini_batch):
    return [f"{own_package.VERSION} {name[-5:]}" for name in mini_batch]
"""
COLLECT_SCRIPT = """
import json
from azureml.ai.monitoring import Collector

class Frame:
    def to_json(self, orient):
        return json.dumps([{"a": 1}])

def init():
    global collector
    collector = Collector(name="model_inputs")

def run(raw_data):
    collector.collect(Frame())
    return "collected"
"""
BROKEN_SCRIPT = """
def init():
    raise ValueError("no weights")

def run(raw_data):
    return 1
"""
SERVER = """
import importlib.util, json, os, sys, traceback

def create():
    path = os.path.join(os.environ["AML_APP_ROOT"], os.environ["AZUREML_ENTRY_SCRIPT"])
    spec = importlib.util.spec_from_file_location("entry_module", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        module.init()
    except Exception:
        traceback.print_exc()
        print("model/MLmodel", file=sys.stderr)
        sys.exit(3)

    def app(environ, start_response):
        version = os.environ["HTTP_X_MS_SERVER_VERSION"]
        start_response("200 OK", [("X-Ms-Server-Version", version), ("X-Stand-In", "yes")])
        return [json.dumps(module.run(environ["wsgi.input"].read().decode())).encode()]

    return app
"""


def wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> Path:
    """A wheel with some files."""
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    texts = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for member, text in texts.items():
            file.writestr(member, text)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory, sdk_python):
    folder = tmp_path_factory.mktemp("isolation")
    own = wheel(folder, "own-package", "1.5", {"own_package/__init__.py": "VERSION = '1.5'\n"})
    server = wheel(
        folder, "azureml-inference-server-http", "1.5.1",
        {
            "azureml_inference_server_http/__init__.py": "",
            "azureml_inference_server_http/server/__init__.py": "",
            "azureml_inference_server_http/server/create_app.py": SERVER,
        },
    )  # fmt: skip
    monitoring = wheel(
        folder, "azureml-ai-monitoring", "1.0.0",
        {
            "azureml/ai/monitoring/__init__.py": "from .collector import Collector\n",
            "azureml/ai/monitoring/collector.py": "class Collector:\n    name = 'Azure'\n",
        },
    )  # fmt: skip
    for name, packages in (
        ("own", [own]), ("server", [own, server, monitoring]), ("missing", [folder / "nowhere.whl"]),
        ("python", [own]),
    ):  # fmt: skip
        python = "2.7" if name == "python" else PYTHON
        lines = "".join(f"      - {package}\n" for package in packages)
        (folder / f"{name}.yml").write_text(CONDA.format(name=name, python=python, lines=lines))
    for name in ("code", "data"):
        (folder / name).mkdir()
    for name, script in (
        ("score", SCRIPT), ("batch", BATCH_SCRIPT), ("collect", COLLECT_SCRIPT),
        ("broken", BROKEN_SCRIPT),
    ):  # fmt: skip
        (folder / "code" / f"{name}.py").write_text(script)
    (folder / "data" / "a.txt").write_text("a")
    (folder / "data" / "b.txt").write_text("b")
    data = folder / "workspace"
    command = [sys.executable, "-m", "azureml_local", "run", "--data", data, "--isolation", "uv"]
    scenario = Path(__file__).with_name("isolation_scenario.py")
    environment = {
        key: value for key, value in os.environ.items()
        if key not in ("ARM_CLOUD_METADATA_URL", "AZUREML_CURRENT_CLOUD")
    }  # fmt: skip
    done = subprocess.run(
        [*command, "--", *sdk_python, scenario, folder],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads((folder / "results.json").read_text())
    return results | {"data": data, "interpreters": data / "interpreters"}


def test_a_deployment_runs_in_the_interpreter_of_its_environment(results):
    deployment = results["own"]
    assert deployment["state"] == "Succeeded"
    assert deployment["body"]["version"] == "1.5"
    assert deployment["body"]["data"] == {"a": 1}
    assert Path(deployment["body"]["prefix"]).parent == results["interpreters"]
    assert deployment["headers"]["x-ms-server-version"] == "azureml-local"
    assert "azureml-inference-server-http" in deployment["log"]  # the warning that it is missing


def test_jobs_and_deployments_share_an_interpreter(results):
    prefix, job = results["own"]["body"]["prefix"], results["job own"]
    assert job["error"] == ""
    assert job["std_log.txt"].split()[-2:] == ["1.5", prefix]
    assert "is already built" in job["20_image_build_log.txt"]
    assert len(list(results["interpreters"].glob("*/complete"))) == 2


def test_a_job_whose_environment_cannot_be_built_fails_with_the_reason(results):
    missing, python = results["job missing"], results["job python"]
    assert "azureml-logs/20_image_build_log.txt" in missing["error"]
    assert "nowhere.whl" in missing["error"]
    assert "nowhere.whl" in missing["20_image_build_log.txt"]
    assert "2.7" in python["error"]


def test_the_log_shows_the_build(results):
    for log in (results["own"]["log"], results["own"]["initializer"]):
        assert "building the environment" in log
        assert "own-package" in log
        assert "built the environment in" in log


def test_microsofts_server_answers_where_the_environment_has_it(results):
    deployment = results["server"]
    assert deployment["state"] == "Succeeded"
    assert deployment["headers"]["x-ms-server-version"] == "azmlinfsrv/1.5.1"
    assert deployment["headers"]["x-stand-in"] == "yes"
    assert deployment["body"]["version"] == "1.5"


def test_collected_data_goes_to_the_workspace(results):
    assert results["collects"]["body"] == "collected"
    (file,) = results["data"].glob("blobs/*/*/modelDataCollector/isolated/collects/**/*.jsonl")
    assert json.loads(file.read_text())["data"] == [{"a": 1}]


def test_the_exception_of_a_script_is_the_reason_in_microsofts_server_too(results):
    assert results["broken"]["state"] == "Failed"
    assert "ContainerCrashed" in results["broken"]["error"]
    assert "ValueError: no weights" in results["broken"]["error"]


def test_an_environment_that_cannot_be_built_fails_the_deployment(results):
    deployment = results["missing"]
    assert deployment["state"] == "Failed"
    assert "ImageBuildFailure" in deployment["error"]
    assert "nowhere.whl" in deployment["error"]
    assert "nowhere.whl" in deployment["log"]
    assert "nowhere.whl" in deployment["initializer"]


def test_batch_deployments_run_in_their_environment(results):
    assert sorted(results["batch"].split("\n")) == ["", "1.5 a.txt", "1.5 b.txt"]
