"""Updates over HTTP: what a PATCH keeps, what it creates, and which files an update leaves."""

from __future__ import annotations

import time

import pytest
import requests

pytestmark = pytest.mark.functional

MODEL = {
    "modelUri": "azureml://datastores/workspaceblobstore/paths/word",
    "modelType": "custom_model",
}
SCRIPT = """
import os, time
def init(): pass
def run(files):
    while not os.path.exists(os.environ["GO"]): time.sleep(0.01)
    model = os.environ["AZUREML_MODEL_DIR"]
    return [open(os.path.join(model, "word", "text.txt")).read()]
"""


class Wire:
    """Sends requests to a workspace."""

    def __init__(self, local, workspace: str) -> None:
        state = local.state()
        self.session = requests.Session()
        self.session.verify = state["env"]["REQUESTS_CA_BUNDLE"]
        self.session.headers["Authorization"] = f"Bearer {state['env']['MLFLOW_TRACKING_TOKEN']}"
        self.base = f"{state['url']}{workspace}"

    def ask(self, method: str, path: str, body=None, status: int = 200) -> dict:
        answer = self.session.request(method, f"{self.base}/{path}", json=body, timeout=120)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else {}


@pytest.fixture(scope="module")
def ml(client):
    return client("updates")


@pytest.fixture(scope="module")
def wire(local, ml):
    return Wire(local, ml.workspaces.get("updates").id)


@pytest.fixture(scope="module")
def deployed(ml, wire, tmp_path_factory):
    """A batch endpoint with a model, a script that waits for a file, and an input."""
    from azure.ai.ml.entities import Data, Model

    folder = tmp_path_factory.mktemp("files")
    for name, text in (("word", "one"), ("code", ""), ("in", "x")):
        (folder / name).mkdir()
        (folder / name / "text.txt").write_text(text)
    (folder / "code" / "batch.py").write_text(SCRIPT)
    model = ml.models.create_or_update(Model(name="word", path=str(folder / "word")))
    code = ml._code.create_or_update(_code(folder / "code"))
    data = ml.data.create_or_update(Data(name="in", path=str(folder / "in"), type="uri_folder"))
    wire.ask("PUT", "batchEndpoints/files", {"properties": {}}, 201)
    return {
        "model": {"referenceType": "Id", "assetId": model.id},
        "codeConfiguration": {"codeId": code.id, "scoringScript": "batch.py"},
        "compute": "cpu",
        "environmentVariables": {"GO": str(folder / "go")},
    }, data.id, folder / "go"  # fmt: skip


def _code(folder):
    from azure.ai.ml.entities._assets import Code

    return Code(path=str(folder))


def copies(local, deployment: str) -> list[str]:
    """The folders with the copied files of a deployment."""
    return [path.name for path in local.data.glob(f"batch/*/files/{deployment}/*")]


@pytest.mark.parametrize(
    "path",
    [
        "batchEndpoints/absent",
        "onlineEndpoints/absent",
        "batchEndpoints/files/deployments/absent",
        "computes/absent",
    ],
)
@pytest.mark.usefixtures("deployed")
def test_a_patch_creates_nothing(wire, path):
    answer = wire.ask("PATCH", path, {"tags": {"a": "b"}, "properties": {}}, 404)
    assert answer["error"]["code"] == "ResourceNotFound"
    wire.ask("GET", path, status=404)


def test_a_patch_of_a_batch_endpoint_keeps_the_rest(wire, deployed):
    properties, _, _ = deployed
    wire.ask("PUT", "batchEndpoints/patched", {"tags": {"a": "b"}, "properties": {}}, 201)
    one = "batchEndpoints/patched/deployments/one"
    wire.ask("PUT", one, {"tags": {"c": "d"}, "properties": properties}, 201)
    defaults = {"defaults": {"deploymentName": "one"}}
    wire.ask("PATCH", "batchEndpoints/patched", {"properties": defaults})
    actual = wire.ask("PATCH", "batchEndpoints/patched", {"properties": {"description": "new"}})
    assert actual["tags"] == {"a": "b"}
    assert actual["properties"]["defaults"] == {"deploymentName": "one"}
    assert actual["properties"]["description"] == "new"
    actual = wire.ask("PATCH", one, {"properties": {"description": "new"}})
    assert (actual["tags"], actual["properties"]["compute"]) == ({"c": "d"}, "cpu")
    wire.ask("DELETE", "batchEndpoints/patched")


def test_an_update_of_a_compute_keeps_its_tags(wire):
    cluster = {"computeType": "AmlCompute", "properties": {"vmSize": "x"}}
    wire.ask("PUT", "computes/tagged", {"tags": {"a": "b"}, "properties": cluster}, 201)
    scale = {"properties": {"scaleSettings": {"maxNodeCount": 2}}}
    actual = wire.ask("PATCH", "computes/tagged", {"properties": scale})
    assert actual["tags"] == {"a": "b"}
    assert actual["properties"]["properties"]["scaleSettings"]["maxNodeCount"] == 2
    assert wire.ask("PUT", "computes/tagged", {"tags": {}, "properties": cluster})["tags"] == {}


@pytest.mark.parametrize("name", ["ab", "1st", "under_score", "x" * 33, "ends-"])
@pytest.mark.usefixtures("deployed")
def test_names_of_batch_follow_azures_rule(wire, name):
    for path in (f"batchEndpoints/{name}", f"batchEndpoints/files/deployments/{name}"):
        answer = wire.ask("PUT", path, {"properties": {}}, 400)
        assert answer["error"]["target"] == "name"


def test_the_files_of_a_batch_deployment_are_removed_when_no_job_uses_them(local, wire, deployed):
    properties, data, go = deployed
    path, body = "batchEndpoints/files/deployments/waits", {"properties": properties}
    wire.ask("PUT", path, body, 201)
    (first,) = copies(local, "waits")
    wire.ask("PUT", path, body)
    (second,) = copies(local, "waits")
    assert second != first

    scoring = wire.ask("GET", "batchEndpoints/files")["properties"]["scoringUri"]
    call = {"properties": {"inputData": {"in": {"jobInputType": "UriFolder", "uri": data}}}}
    headers = {"azureml-model-deployment": "waits"}
    job = wire.session.post(scoring, json=call, headers=headers, timeout=120).json()["name"]
    wire.ask("PUT", path, body)
    assert len(copies(local, "waits")) == 2  # the job uses one of them
    wire.ask("DELETE", path)
    assert copies(local, "waits") == [second]
    go.touch()
    assert _status_at_end(wire, job) == "Completed"
    _wait_until(lambda: not copies(local, "waits"))


def _status_at_end(wire, job: str) -> str:
    final = ("Completed", "Failed", "Canceled")
    _wait_until(lambda: wire.ask("GET", f"jobs/{job}")["properties"]["status"] in final)
    return wire.ask("GET", f"jobs/{job}")["properties"]["status"]


def _wait_until(condition, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
