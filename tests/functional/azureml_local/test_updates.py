"""Updates: what a PATCH keeps and creates, what a job may change, which files an update leaves.

No annotations from the future here: ``dsl.pipeline`` reads those of its function.
"""

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


@pytest.fixture(scope="module")
def submit(ml, tmp_path_factory):
    """A function that submits the same job each time, unless its arguments change it."""
    from azure.ai.ml import Input, Output, command
    from azure.ai.ml.entities import Environment

    folder = tmp_path_factory.mktemp("job")
    (folder / "in").mkdir()
    (folder / "in" / "a.txt").write_text("x")

    def submit_job(name: str, script: str = "echo done", **changes):
        (folder / "code").mkdir(exist_ok=True)
        (folder / "code" / "main.sh").write_text(script)
        job = command(
            name=name, command="sh main.sh > ${{outputs.out}}/log.txt", code=str(folder / "code"),
            inputs={"data": Input(type="uri_folder", path=str(folder / "in")), "rate": 0.1},
            outputs={"out": Output(type="uri_folder")},
            environment=Environment(image="any:1"), environment_variables={"A": "b"},
            compute="cpu", **changes,
        )  # fmt: skip
        return ml.jobs.create_or_update(job)

    return submit_job


@pytest.fixture(scope="module")
def fixed(wire, submit):
    """The properties of a job that exists."""
    submit("fixed")
    return wire.ask("GET", "jobs/fixed")["properties"]


def test_the_same_job_again_is_an_update(submit):
    submit("again", tags={"a": "1", "b": "1"})
    job = submit("again", tags={"b": "2"}, description="described")
    assert (job.tags, job.description) == ({"a": "1", "b": "2"}, "described")


def test_a_job_with_changed_code_needs_another_name(submit):
    from azure.core.exceptions import HttpResponseError

    submit("code")
    with pytest.raises(HttpResponseError) as caught:
        submit("code", script="echo other")
    error = caught.value.error
    assert (caught.value.status_code, error.code, error.target) == (400, "UserError", "codeId")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("jobType", "Pipeline"),
        ("command", "echo other"),
        ("codeId", None),
        ("environmentId", "azureml:other:1"),
        ("environmentVariables", {"A": "c"}),
        ("computeId", "other"),
        ("distribution", {"distributionType": "Mpi", "processCountPerInstance": 2}),
        ("resources", {"instanceCount": 2}),
        ("limits", {"jobLimitsType": "Command", "timeout": "PT1H"}),
        ("inputs", {"rate": {"jobInputType": "literal", "value": "0.2"}}),
        ("outputs", {"out": {"jobOutputType": "uri_folder", "mode": "Upload"}}),
        ("componentId", "azureml:other:1"),
        ("experimentName", "other"),
    ],
)
def test_other_fields_of_a_job_cannot_change(wire, fixed, field, value):
    answer = wire.ask("PUT", "jobs/fixed", {"properties": {**fixed, field: value}}, 400)
    assert (answer["error"]["code"], answer["error"]["target"]) == ("UserError", field)


def test_fields_without_a_value_and_default_modes_are_no_change(wire, fixed):
    outputs = {"out": {"jobOutputType": "uri_folder"}}
    empty = {"distribution": None, "limits": {}, "componentId": ""}
    body = {"properties": {**fixed, "outputs": outputs, **empty, "displayName": "shown"}}
    assert wire.ask("PUT", "jobs/fixed", body)["properties"]["displayName"] == "shown"


def test_a_job_that_was_read_can_be_updated(ml, wire, submit):
    from azure.ai.ml import Input, command, dsl

    step = command(
        command="echo ${{inputs.x}}", inputs={"x": Input(type="integer", default=1)},
        environment="azureml:AzureML-any:1", compute="cpu",
    )  # fmt: skip

    @dsl.pipeline(default_compute="cpu")
    def two_steps(x: int = 2):
        step(x=x)
        step(x=3)

    pipeline = two_steps()
    pipeline.settings.continue_on_step_failure = False
    for name in (submit("read").name, ml.jobs.create_or_update(pipeline).name):
        job = ml.jobs.get(name)
        job.tags["more"], job.description = "yes", "described"
        job = ml.jobs.create_or_update(job)
        assert (job.tags["more"], job.description) == ("yes", "described")
        body = wire.ask("GET", f"jobs/{name}")
        body["properties"]["tags"] = {"last": "yes"}
        wire.ask("PUT", f"jobs/{name}", body)
        ml.jobs.archive(name)
        assert wire.ask("GET", f"jobs/{name}")["properties"]["isArchived"] is True
        ml.jobs.restore(name)
        assert wire.ask("GET", f"jobs/{name}")["properties"]["isArchived"] is False
        assert ml.jobs.get(name).tags == {"more": "yes", "last": "yes"}
        ml.jobs.begin_cancel(name).result()


def _status_at_end(wire, job: str) -> str:
    final = ("Completed", "Failed", "Canceled")
    _wait_until(lambda: wire.ask("GET", f"jobs/{job}")["properties"]["status"] in final)
    return wire.ask("GET", f"jobs/{job}")["properties"]["status"]


def _wait_until(condition, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
