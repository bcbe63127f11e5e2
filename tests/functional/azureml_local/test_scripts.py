"""Scoring scripts written for Azure's inference server, deployed by the unmodified SDK."""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import time

import pytest
import requests

pytestmark = pytest.mark.functional

PLAIN = """
import json, os
from pathlib import Path
def init():
    global models, said
    root = Path(os.environ["AZUREML_MODEL_DIR"])
    models = {path.stem: json.loads(path.read_text()) for path in root.glob("models/*.json")}
    said = os.environ["SAID"]
def run(raw_data):
    asked = json.loads(raw_data)
    if asked.get("fail"):
        raise ValueError("no such luck")
    factor = models[asked["model"]]["factor"]
    return {"said": said, "values": [value * factor for value in asked["values"]]}
"""
RAW = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
def init():
    pass
@rawhttp
def run(request):
    if request.method == "GET":
        return AMLResponse({"asked": request.args.get("name")}, 200, json_str=True)
    if request.method != "POST":
        return AMLResponse("bad request", 400)
    body = request.get_data(False)
    headers = {"Content-Type": "image/x-reversed", "x-length": str(len(body))}
    return AMLResponse(bytes(reversed(body)), 200, headers)
"""
NEWER = RAW.replace("azureml.contrib.services", "azureml_inference_server_http.api")
SCHEMA = """
import numpy as np, pandas as pd
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
def init():
    pass
@input_schema("data", PandasParameterType(pd.DataFrame({"a": [1.5], "b": ["x"]})))
@input_schema("factors", NumpyParameterType(np.array([[1.0, 2.0]])))
@input_schema("scale", StandardPythonParameterType(1.0))
@output_schema(NumpyParameterType(np.array([2.0])))
def run(data, factors, scale=1.0):
    assert list(data.dtypes.astype(str)) == ["float64", "object"], data.dtypes
    return (data["a"] * factors[0, 0] * scale).tolist()
"""
BROKEN = "import nowhere_to_be_found\ndef init():\n    pass\ndef run(data):\n    return data\n"
COLLECTS = """
import json, pandas as pd
from azureml.ai.monitoring import Collector
def init():
    global inputs, outputs
    inputs = Collector(name="model_inputs")
    outputs = Collector(name="model_outputs")
def run(raw_data):
    frame = pd.DataFrame(json.loads(raw_data)["rows"])
    context = inputs.collect(frame)
    answer = pd.DataFrame({"sum": frame.sum(axis=1)})
    outputs.collect(answer, context)
    return answer["sum"].tolist()
"""
SLOW = """
import json, os, time
def init():
    pass
def run(raw_data):
    asked = json.loads(raw_data)
    if asked.get("die"):
        os._exit(7)
    while "gate" in asked and not os.path.exists(asked["gate"]):
        time.sleep(0.02)
    time.sleep(asked["seconds"])
    return os.getpid()
"""
ENDPOINT = "scripts"


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import Environment, ManagedOnlineEndpoint

    ml_client = client("scripts")
    ml_client.environments.create_or_update(Environment(name="e", image="none:1"))
    ml_client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name=ENDPOINT, auth_mode="key")
    ).result()
    return ml_client


@pytest.fixture(scope="module")
def deploy(ml, tmp_path_factory):
    """A function that deploys a script under a name."""
    from azure.ai.ml.entities import (
        CodeConfiguration,
        ManagedOnlineDeployment,
        OnlineRequestSettings,
    )

    def make(name: str, script: str, **more):
        more.setdefault("request_settings", OnlineRequestSettings(request_timeout_ms=30_000))
        folder = tmp_path_factory.mktemp(name) / "code"
        folder.mkdir()
        (folder / "score.py").write_text(script)
        deployment = ManagedOnlineDeployment(
            name=name, endpoint_name=ENDPOINT, instance_type="Standard_DS3_v2", instance_count=1,
            code_configuration=CodeConfiguration(code=str(folder), scoring_script="score.py"),
            environment=more.pop("environment", "azureml:e:1"), **more,
        )  # fmt: skip
        return ml.online_deployments.begin_create_or_update(deployment).result()

    return make


@pytest.fixture(scope="module")
def call(ml):
    """A function that calls a deployment by name."""
    key = ml.online_endpoints.get_keys(ENDPOINT).primary_key
    uri = ml.online_endpoints.get(ENDPOINT).scoring_uri
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"

    def send(name: str, method: str = "POST", path: str = "", **more) -> requests.Response:
        headers = {"azureml-model-deployment": name} | more.pop("headers", {})
        return session.request(method, uri + path, headers=headers, timeout=60, **more)

    return send


def test_a_script_serves_several_models_out_of_one_folder(ml, deploy, call, tmp_path):
    from azure.ai.ml.entities import Model

    (tmp_path / "models").mkdir()
    for name, factor in {"one": 2, "two": 3}.items():
        (tmp_path / "models" / f"{name}.json").write_text(json.dumps({"factor": factor}))
    model = Model(name="many", path=str(tmp_path / "models"), type="custom_model")
    version = ml.models.create_or_update(model).version
    deploy("plain", PLAIN, model=f"azureml:many:{version}", environment_variables={"SAID": "yes"})
    for name, values in {"one": [2, 4], "two": [3, 6]}.items():
        answer = call("plain", json={"model": name, "values": [1, 2]})
        assert answer.json() == {"said": "yes", "values": values}
        assert answer.headers["azureml-model-deployment"] == "plain"
    failed = call("plain", json={"fail": True})
    assert failed.status_code == 424
    assert failed.headers["ms-azureml-model-error-statuscode"] == "500"
    assert "no such luck" not in failed.text
    log = ml.online_deployments.get_logs("plain", ENDPOINT, lines=100)
    assert "ValueError: no such luck" in log
    assert "POST /score 500" in log
    assert "plain" in [each.name for each in ml.online_deployments.list(ENDPOINT)]


@pytest.mark.parametrize(("name", "script"), [("raw", RAW), ("raw-newer", NEWER)])
def test_raw_requests_and_binary_bodies(deploy, call, name, script):
    deploy(name, script)
    body = bytes(range(256))
    answer = call(name, data=body, headers={"Content-Type": "application/octet-stream"})
    assert answer.content == bytes(reversed(body))
    assert answer.headers["content-type"] == "image/x-reversed"
    assert answer.headers["x-length"] == "256"
    assert call(name, "GET", "?name=Ada").json() == {"asked": "Ada"}
    refused = call(name, "OPTIONS")
    assert (refused.status_code, refused.text) == (424, "bad request")
    assert refused.headers["ms-azureml-model-error-statuscode"] == "400"


def test_schemas_convert_and_are_in_the_swagger_document(deploy, call, ml):
    deploy("schema", SCHEMA)
    body = {"data": [{"a": 2, "b": "x"}], "factors": [[3, 0]]}
    assert call("schema", json=body).json() == [6.0]
    assert call("schema", json=body | {"scale": 2}).json() == [12.0]
    for wrong in ({"data": []}, [1]):
        answer = call("schema", json=wrong)
        assert answer.status_code == 424
        assert answer.headers["ms-azureml-model-error-statuscode"] == "400"
    assert call("schema", data=b"{}").headers["ms-azureml-model-error-statuscode"] == "415"
    assert call("schema", json={"data": body["data"], "factors": [[1]]}).status_code == 424
    key = ml.online_endpoints.get_keys(ENDPOINT).primary_key
    uri = ml.online_endpoints.get(ENDPOINT).openapi_uri
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": "schema"}
    second = requests.get(uri, headers=headers, timeout=120).json()
    input_schema = second["definitions"]["ServiceInput"]
    assert second["swagger"] == "2.0"
    assert input_schema["properties"]["data"]["items"]["properties"]["a"]["type"] == "number"
    assert input_schema["properties"]["factors"]["format"] == "numpy.ndarray"
    assert input_schema["example"]["factors"] == [[1.0, 2.0]]
    third = requests.get(f"{uri}?version=3", headers=headers, timeout=120).json()
    assert third["components"]["schemas"]["ServiceOutput"]["items"]["format"] == "double"
    assert requests.get(f"{uri}?version=9", headers=headers, timeout=120).status_code == 404
    assert requests.get(uri, timeout=120).status_code == 401


def test_a_script_that_cannot_be_imported_fails_with_its_log(ml, deploy):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="nowhere_to_be_found"):
        deploy("broken", BROKEN)
    assert ml.online_deployments.get("broken", ENDPOINT).provisioning_state == "Failed"
    log = ml.online_deployments.get_logs("broken", ENDPOINT, lines=50)
    assert "ModuleNotFoundError" in log
    assert "score.py" in log
    deploy("broken", "def init(): pass\ndef run(data): return 1\n")
    assert ml.online_deployments.get("broken", ENDPOINT).provisioning_state == "Succeeded"
    ml.online_deployments.begin_delete("broken", ENDPOINT).result()


def test_an_update_that_fails_leaves_the_former_version_serving(ml, deploy, call):
    from azure.core.exceptions import HttpResponseError

    deploy("updated", "def init(): pass\ndef run(data): return 1\n")
    with pytest.raises(HttpResponseError, match="nowhere_to_be_found"):
        deploy("updated", BROKEN)
    assert call("updated", json={}).json() == 1
    deploy("updated", "def init(): pass\ndef run(data): return 2\n")
    assert call("updated", json={}).json() == 2


def test_a_script_collects_what_it_wants(ml, deploy, call, local):
    from azure.ai.ml.entities import DataCollector, DeploymentCollection

    names = ("model_inputs", "model_outputs")
    expected = {name: DeploymentCollection(enabled="True") for name in names}
    deploy("collects", COLLECTS, data_collector=DataCollector(collections=expected))
    assert call("collects", json={"rows": [{"a": 1, "b": 2}]}).json() == [3]
    pattern = f"blobs/*/*/modelDataCollector/{ENDPOINT}/collects/*/*/*/*/*/*.jsonl"
    deadline = time.monotonic() + 90
    texts: dict[str, str] = {}
    while len(texts) < 2:  # a file may exist before its line is written
        assert time.monotonic() < deadline
        time.sleep(0.05)
        read = {path.parts[-6]: path.read_text() for path in local.data.glob(pattern)}
        texts = {name: text for name, text in read.items() if text}
    lines = {name: json.loads(text) for name, text in texts.items()}
    assert lines["model_inputs"]["data"] == [{"a": 1, "b": 2}]
    assert lines["model_outputs"]["data"] == [{"sum": 3}]
    assert len({line["correlationid"] for line in lines.values()}) == 1


def test_the_data_collector_is_a_package_of_the_environment(ml, deploy, tmp_path):
    from azure.ai.ml.entities import Environment
    from azure.core.exceptions import HttpResponseError

    conda_file = tmp_path / "conda.yml"
    packages = "dependencies: [python=3.11, pip, {pip: [pandas, azureml-inference-server-http]}]"
    conda_file.write_text(packages)
    ml.environments.create_or_update(Environment(name="lean", image="a:1", conda_file=conda_file))
    with pytest.raises(HttpResponseError, match="ContainerCrashed"):
        deploy("lean", COLLECTS, environment="azureml:lean:1")
    log = ml.online_deployments.get_logs("lean", ENDPOINT, lines=50)
    assert "ModuleNotFoundError: No module named 'azureml.ai" in log


def test_processes_of_a_script_are_forks_unless_it_has_variables(deploy, call):
    script = "import os\ndef init(): pass\ndef run(data): return os.getppid()\n"
    for name, variables in {"forked": {}, "also-forked": {}, "own": {"A": "1"}}.items():
        deploy(name, script, environment_variables=variables)
    parents = {name: call(name, json={}).json() for name in ("forked", "also-forked", "own")}
    assert parents["forked"] == parents["also-forked"] != parents["own"]


def test_more_requests_at_once_than_azure_takes_on_are_refused(deploy, call, tmp_path):
    from azure.ai.ml.entities import OnlineRequestSettings

    deploy("busy", SLOW, request_settings=OnlineRequestSettings(request_timeout_ms=120_000))
    request = {"seconds": 0, "gate": str(tmp_path / "gate")}
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        calls = [threads.submit(call, "busy", json=request) for _ in range(6)]
        # One is answered and one waits, until the gate opens; all others are sent away at once.
        refused = list(itertools.islice(concurrent.futures.as_completed(calls, timeout=60), 4))
        assert [each.result().status_code for each in refused] == [429] * 4
        (tmp_path / "gate").touch()
        codes = [each.result().status_code for each in calls if each not in refused]
    assert codes == [200, 200]


def test_requests_that_are_too_slow_or_too_large_are_refused(deploy, call):
    from azure.ai.ml.entities import OnlineRequestSettings

    deploy("hurried", SLOW, request_settings=OnlineRequestSettings(request_timeout_ms=1000))
    assert call("hurried", json={"seconds": 3}).status_code == 408
    assert call("hurried", json={"seconds": 0, "x": "y" * 1_600_000}).status_code == 413
    deadline = time.monotonic() + 90
    while call("hurried", json={"seconds": 0}).status_code != 200:
        assert time.monotonic() < deadline


def test_a_process_that_dies_is_started_again(deploy, call, ml):
    deploy("dies", SLOW)
    first = call("dies", json={"seconds": 0}).json()
    assert call("dies", json={"die": True}).status_code == 502
    deadline = time.monotonic() + 90
    while (answer := call("dies", json={"seconds": 0})).status_code != 200:
        assert answer.status_code == 503
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answer.json() != first
    assert "exit code 7" in ml.online_deployments.get_logs("dies", ENDPOINT, lines=50)
