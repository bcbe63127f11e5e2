"""A prod with a champion: its data, its monitor, and rollouts that go wrong while callers ask."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import requests
from tests.e2e.projects import checkout, environment, nbrelease, newest, python, read_values

pytestmark = pytest.mark.e2e
FAULTY = """
import random
import time

import mlflow

KIND = {kind!r}


class Faulty(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        if KIND == "crashes":
            raise RuntimeError("this model does not load")
        self.model = mlflow.pyfunc.load_model(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        answers = self.model.predict(model_input)
        if KIND == "hangs":
            time.sleep(3600)
        if KIND == "slow":
            time.sleep(1.5)
        if KIND == "errors" and random.random() < 0.05:
            raise RuntimeError("no answer this time")
        return 1 - answers if KIND == "shifted" else answers


mlflow.models.set_model(Faulty())
"""
# Registers models that wrap the champion and have a fault each, and deploys them at 0 %.
DEPLOY = """
import json, sys, tempfile
from pathlib import Path
import mlflow
from azure.ai.ml import MLClient
from azure.ai.ml.entities import ManagedOnlineDeployment, Model
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
name = "diabetes-classifier"
folder = Path(tempfile.mkdtemp())
client.models.download(name, "1", download_path=folder)
champion = next(folder.rglob("MLmodel")).parent
signature = mlflow.models.get_model_info(str(champion)).signature
tags = client.models.get(name, "1").tags
found = {}
for script in sys.argv[1:]:
    kind = Path(script).stem
    mlflow.pyfunc.save_model(
        folder / kind, python_model=script, artifacts={"model": str(champion)}, signature=signature,
        pip_requirements=["mlflow"],
    )
    model = client.models.create_or_update(
        Model(path=folder / kind, name=name, type="mlflow_model", tags=tags)
    )
    deployment = ManagedOnlineDeployment(
        name=f"model-{model.version}", endpoint_name="diabetes-online", model=model,
        instance_type="Standard_DS3_v2", instance_count=1,
    )
    try:
        client.online_deployments.begin_create_or_update(deployment).result()
    except HttpResponseError as error:
        assert kind == "crashes", error
    found[kind] = (deployment.name, model.version)
print()  # the SDK writes dots while it waits
print(json.dumps(found))
"""
LOOK = """
import json
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
endpoint = client.online_endpoints.get("diabetes-online")
print(json.dumps({
    "traffic": endpoint.traffic, "uri": endpoint.scoring_uri,
    "key": client.online_endpoints.get_keys("diabetes-online").primary_key,
    "deployments": sorted(d.name for d in client.online_deployments.list("diabetes-online")),
}))
"""
REMOVE = """
import sys
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
client.online_deployments.begin_delete(sys.argv[1], "diabetes-online").result()
"""
ROW = {
    "input_data": {
        "columns": [
            "Pregnancies", "PlasmaGlucose", "DiastolicBloodPressure", "TricepsThickness",
            "SerumInsulin", "BMI", "DiabetesPedigree", "Age",
        ],
        "index": [0],
        "data": [[1.0, 110.0, 70.0, 30.0, 130.0, 31.0, 0.4, 30.0]],
    }
}  # fmt: skip


# What a deployment does wrong, and the reason that its rollout came to nothing (a regular
# expression: many callers of a slow model wait until its endpoint says 408).
FAULTS = {
    "errors": "requests failed",
    "slow": "p95|408",
    "hangs": "408",
    "shifted": "drift of the predictions",
    "crashes": "is not ready for traffic",
}


class Callers:
    """Four callers, each twice a second; what they got, and when they asked."""

    def __init__(self, uri: str, key: str, bundle: str) -> None:
        self.answers: list[tuple[float, str]] = []
        self._ended = threading.Event()
        self._uri, self._headers, self._bundle = uri, {"Authorization": f"Bearer {key}"}, bundle
        self._threads = [threading.Thread(target=self._call, args=(n / 4,)) for n in range(4)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _call(self, wait: float) -> None:
        while not self._ended.wait(wait):
            wait, asked = 0.5, time.monotonic()
            try:
                answer = requests.post(
                    self._uri, json=ROW, headers=self._headers, verify=self._bundle, timeout=10
                )
                self.answers.append((asked, str(answer.status_code)))
            except requests.RequestException as error:
                self.answers.append((asked, type(error).__name__))

    def since(self, moment: float) -> Counter[str]:
        return Counter(said for asked, said in self.answers if asked >= moment)


class Prod:
    """A project whose prod has a champion, and the workspace that serves it."""

    def __init__(self, root: Path) -> None:
        self.root = checkout(root)
        self.start()
        line = ["01_prepare", "02_train", "03_register", "06_deploy_online", "08_release_online"]
        done = nbrelease(self.root, "run", *line, "--env", "prod")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        self.deployed = self.deploy(*FAULTS, "healthy")
        found = self.look()
        self._asked = found["uri"], found["key"], self.state()["env"]["REQUESTS_CA_BUNDLE"]

    def start(self) -> None:
        done = self.local("start")
        assert done.returncode == 0, done.stderr

    def local(self, verb: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return python(self.root, "-m", "azureml_local", verb, "--data", ".azureml-local", *words)

    def script(self, text: str, *words: str) -> str:
        command = ["--", sys.executable, "-W", "ignore", "-c", text, *words]
        done = self.local("run", *command)
        assert done.returncode == 0, done.stdout + done.stderr
        return (done.stdout.strip().splitlines() or [""])[-1]

    def look(self) -> dict:
        return json.loads(self.script(LOOK))

    def state(self) -> dict:
        return json.loads((self.root / ".azureml-local" / "server.json").read_text())

    def callers(self) -> Callers:
        return Callers(*self._asked)

    def deploy(self, *kinds: str) -> dict[str, tuple[str, str]]:
        scripts = [self.root.parent / f"{kind}.py" for kind in kinds]
        for kind, script in zip(kinds, scripts, strict=True):
            script.write_text(FAULTY.format(kind=kind))
        return json.loads(self.script(DEPLOY, *map(str, scripts)))

    def release(self, deployment: str, version: str, **more: str) -> list[str]:
        given = {"online_deployment": deployment, "model_version": version, **more}
        words = [word for pair in given.items() for word in ("-p", "=".join(pair))]
        return ["run", "08_release_online", "--env", "prod", *words]


@pytest.fixture(scope="module")
def prod(tmp_path_factory) -> Iterator[Prod]:
    found = Prod(tmp_path_factory.mktemp("faults") / "project")
    yield found
    found.local("stop")


PUT = """
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Data
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
data = client.data.create_or_update(
    Data(name="from-elsewhere", path="data/diabetes-sample.csv", type="uri_file")
)
print(data.path)
"""


def test_training_data_that_lies_in_the_workspace(prod):
    path = "azureml://datastores/" + prod.script(PUT).rpartition("datastores/")[2]
    for given, name in (("azureml:from-elsewhere:1", "from-elsewhere"), (path, "diabetes")):
        done = nbrelease(
            prod.root, "run", "01_prepare", "--env", "prod", "-p", f"training_data={given}"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        values = read_values(newest(prod.root, "prod"), "01_prepare")
        assert (values["data_name"], values["data_rows"]) == (name, 1500)


ASK = """
import sys, time
import pandas as pd
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
from nbrelease.quality.traffic import ask
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
endpoint = client.online_endpoints.get("diabetes-online")
key = client.online_endpoints.get_keys("diabetes-online").primary_key
factors = [float(factor) for factor in sys.argv[2:]]
rows = pd.read_csv("data/diabetes-sample.csv").drop(columns=["PatientID", "Diabetic"])
begun = time.time()
for number, factor in enumerate(factors):
    moved = rows.assign(BMI=rows["BMI"] * factor).astype(float)
    time.sleep(max(0, begun + number * float(sys.argv[1]) - time.time()))
    for start in range(0, len(rows), 100):
        ask(endpoint.scoring_uri, key, moved.iloc[start : start + 100]).raise_for_status()
time.sleep(1)
print(begun)
"""
SECONDS = 6


@pytest.mark.parametrize(("factors", "verdict"), [((1, 1, 1), "calm"), ((1, 1.5, 1.5), "drift")])
def test_the_monitor_reads_what_was_collected(prod, factors, verdict):
    begun = float(prod.script(ASK, str(SECONDS), *map(str, factors)))
    until = datetime.fromtimestamp(begun + 3 * SECONDS - 0.5, UTC).isoformat()
    given = {"monitor_hours": SECONDS / 3600, "monitor_until": until}
    words = [word for pair in given.items() for word in ("-p", f"{pair[0]}={pair[1]}")]
    done = nbrelease(prod.root, "run", "11_monitor", "--env", "prod", *words)
    values = read_values(newest(prod.root, "prod"), "11_monitor")
    assert values["monitor_verdict"] == verdict, done.stdout + done.stderr
    windows = values["monitored"]["windows"]
    assert [window["rows"] for window in windows] == [1500, 1500, 1500]
    assert [window["breached"] for window in windows] == [factor != 1 for factor in factors]
    assert done.returncode == (0 if verdict == "calm" else 1)
    if verdict == "drift":
        assert "BMI: distribution moved" in done.stderr


def test_provisioning_twice_changes_nothing_the_second_time(prod):
    for states in ({"was there", "created"}, {"was there"}):
        done = nbrelease(prod.root, "run", "00_provision", "--env", "prod")
        assert done.returncode == 0, done.stdout + done.stderr
        values = read_values(newest(prod.root, "prod"), "00_provision")
        assert set(values["provisioned"].values()) == states


@pytest.mark.parametrize(("kind", "said"), FAULTS.items())
def test_a_faulty_deployment_loses_its_traffic_by_itself(prod, kind, said):
    deployment, version = prod.deployed[kind]
    with prod.callers() as callers:
        done = nbrelease(prod.root, *prod.release(deployment, version, observe_seconds="2"))
        back = time.monotonic()
        time.sleep(2)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(said, done.stderr)
    assert "Traceback" not in done.stderr
    found = prod.look()["traffic"]
    assert {name: share for name, share in found.items() if share} == {"model-1": 100}
    later = callers.since(back)
    assert set(later) == {"200"}, later
    assert later["200"] >= 8
    pack = newest(prod.root, "prod")
    steps = read_values(pack, "08_release_online").get("rollout", [])
    assert [step["decision"] for step in steps][-1:] in (["roll back"], [])
    assert nbrelease(prod.root, "evidence", "build", "--env", "prod", pack.name).returncode == 0
    record = json.loads((pack / "record.json").read_text())
    assert record["verdict"] in ("rolled back", "failed")
    assert re.search(said, record["reason"])


def test_the_server_is_killed_between_two_steps_and_comes_back(prod):
    deployment, version = prod.deployed["healthy"]
    words = prod.release(deployment, version, observe_seconds="6")
    process = subprocess.Popen(
        [sys.executable, "-m", "nbrelease", *words],
        cwd=prod.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=environment(prod.root),
    )  # fmt: skip
    with process, prod.callers() as callers:
        deadline = time.monotonic() + 90
        while not prod.look()["traffic"].get(deployment):
            assert time.monotonic() < deadline, "the rollout does not begin"
            assert process.poll() is None, process.stdout.read()
        server = psutil.Process(prod.state()["pid"])
        server.kill()
        server.wait(10)
        prod.start()
        shown, _ = process.communicate(timeout=200)
        ended = time.monotonic()
        time.sleep(3)
    traffic = {name: share for name, share in prod.look()["traffic"].items() if share}
    assert process.returncode == 1, shown
    assert traffic == {"model-1": 100}, shown
    assert set(callers.since(ended)) == {"200"}
    assert "all traffic went back" in shown
    steps = read_values(newest(prod.root, "prod"), "08_release_online")["rollout"]
    assert steps[-1]["decision"] == "roll back"


def test_the_champion_cannot_be_deleted_while_it_answers(prod):
    done = prod.local("run", "--", sys.executable, "-W", "ignore", "-c", REMOVE, "model-1")
    assert done.returncode != 0
    assert "traffic" in done.stderr
    assert "model-1" in prod.look()["deployments"]


def test_the_way_back_says_so_when_the_champion_was_deleted_by_hand(prod):
    deployment, version = prod.deployed["healthy"]
    with prod.callers() as callers:
        done = nbrelease(prod.root, *prod.release(deployment, version, observe_seconds="2"))
        assert done.returncode == 0, done.stdout + done.stderr
        prod.script(REMOVE, "model-1")
        done = nbrelease(prod.root, "run", "09_rollback", "--env", "prod")
    assert done.returncode == 1
    assert "nothing to go back to" in done.stderr
    assert {n: s for n, s in prod.look()["traffic"].items() if s} == {deployment: 100}
    assert set(callers.since(0)) == {"200"}
