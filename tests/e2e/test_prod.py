"""A prod with a champion: its data, what it is promoted from, its monitor."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.e2e.packs import newest, pictures, ran_in, read_record, read_values
from tests.e2e.projects import REPOSITORY, nbrelease

from azureml_local import certificates

pytestmark = pytest.mark.e2e

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
    path = "azureml://datastores/" + prod.scripts.run(PUT).rpartition("datastores/")[2]
    for data, name in (("azureml:from-elsewhere:1", "from-elsewhere"), (path, "diabetes")):
        done = nbrelease(
            prod.root, "run", "01_prepare", "--env", "prod", "-p", f"training_data={data}"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        values = read_values(ran_in(prod.root, done), "01_prepare")
        assert (values["data_name"], values["data_rows"]) == (name, 1500)


@pytest.fixture
def web(tmp_path) -> Iterator[tuple[str, Path]]:
    """A web server on loopback that has the sample: its address, and who vouches for it."""
    created = certificates.ensure(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(created.certificate, created.key)
    handler = partial(SimpleHTTPRequestHandler, directory=str(REPOSITORY / "data"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://localhost:{server.server_port}", created.bundle
        server.shutdown()
        thread.join()


def test_training_data_of_the_web(prod, web):
    address, bundle = web
    words = ["-p", f"training_data={address}/diabetes-sample.csv"]
    done = nbrelease(prod.root, "run", "01_prepare", "--env", "prod", *words, SSL_CERT_FILE=bundle)
    assert done.returncode == 0, done.stdout + done.stderr
    values = read_values(ran_in(prod.root, done), "01_prepare")
    assert (values["data_name"], values["data_rows"]) == ("diabetes", 1500)


def test_a_model_that_does_not_meet_the_release_criteria_is_not_registered(prod):
    criteria = prod.root / "runbooks" / "criteria.yml"
    original = criteria.read_text()
    stricter = original.replace("accuracy, at_least: 0.70", "accuracy, at_least: 0.9999")
    assert stricter != original
    line = ["01_prepare", "02_train", "03_register"]
    try:
        criteria.write_text(stricter)
        done = nbrelease(prod.root, "run", *line, "--env", "dev")
    finally:
        criteria.write_text(original)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "cell test-gate" in done.stderr
    built = nbrelease(prod.root, "evidence", "build", "--env", "dev", ran_in(prod.root, done).name)
    assert built.returncode == 0, built.stderr
    record = read_record(ran_in(prod.root, done))
    assert record["verdict"] == "failed"
    last = record["runbooks"][-1]
    assert last["name"] == "03_register"
    states = {cell["id"]: cell["state"] for cell in last["cells"]}
    assert (states["test-gate"], states["register"]) == ("failed", "not run")


LEFT = """
import json
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "dev")
print(json.dumps({
    "online": [e.name for e in client.online_endpoints.list()],
    "models": [m.version for m in client.models.list(name="diabetes-classifier")],
}))
"""


def test_a_model_is_promoted_unchanged_and_its_release_removed_whole(prod):
    """From prod into dev, because here it is prod that has one."""
    settings = {"NBRELEASE_SET_PROMOTION": "model", "NBRELEASE_SET_PROMOTE_FROM": "prod"}
    line = ["01_prepare", "02_train", "03_register", "06_deploy_online"]
    done = nbrelease(prod.root, "run", *line, "--env", "dev", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    pack = newest(prod.root, "dev")
    assert pictures(pack, "02_train", "responsible") == 2
    promoted = read_values(pack, "02_train")["promoted"]
    assert (promoted["workspace"], promoted["version"]) == ("prod", "1")
    assert promoted["sha256"] == read_values(pack, "03_register")["model_sha256"]
    assert read_values(pack, "02_train")["job_parameters"]["promoted"].startswith("prod/")
    assert json.loads(prod.scripts.run(LEFT)) == {"online": ["diabetes-online"], "models": ["1"]}

    done = nbrelease(prod.root, "run", "10_teardown", "--env", "prod")
    assert done.returncode == 1
    assert "cell test-is-allowed-here" in done.stderr
    done = nbrelease(prod.root, "run", "10_teardown", "--env", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(prod.scripts.run(LEFT)) == {"online": [], "models": []}
    assert prod.shares() == {"model-1": 100}


ASK = """
import sys, time
import pandas as pd
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
from nbrelease.quality.payload import Payload
from nbrelease.quality.signature import Column, Signature
from nbrelease.quality.scoring import ScoringClient
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
endpoint = client.online_endpoints.get("diabetes-online")
key = client.online_endpoints.get_keys("diabetes-online").primary_key
seconds, *factors = map(float, sys.argv[1:])
rows = pd.read_csv("data/diabetes-sample.csv").drop(columns=["PatientID", "Diabetic"])
payload = Payload(Signature(tuple(Column(name, "double") for name in rows)))
scoring = ScoringClient(endpoint.scoring_uri, key, payload)

def ask(factor):
    moved = rows.assign(BMI=rows["BMI"] * factor).astype(float)
    for start in range(0, len(rows), 100):
        answer = scoring.score(moved.iloc[start : start + 100])
        answer.raise_for_status()
        for row, said in enumerate(answer.json()):
            labels.append(f"{answer.headers['x-ms-request-id']}_{row},{1 - said}")

def all_in_time(begun):
    for number, factor in enumerate(factors):
        time.sleep(max(0, begun + number * seconds - time.time()))
        ask(factor)
        if time.time() > begun + (number + 1) * seconds - 1:
            return False
    return True

labels = ["key,Diabetic"]
while not all_in_time(begun := time.time()):  # a busy machine needs longer windows
    time.sleep(1)
    seconds, labels = seconds * 2, labels[:1]
open("labels.csv", "w").write("\\n".join(labels) + "\\n")
time.sleep(1)
print(begun, seconds)
"""
SECONDS = 6
FACTORS = (1, 1, 1, 1.5, 1.5)


@pytest.fixture(scope="module")
def asked(prod) -> tuple[float, float]:
    """Begin of the first window and length of all windows, with the same number of rows each."""
    begun, seconds = prod.scripts.run(ASK, str(SECONDS), *map(str, FACTORS)).split()
    return float(begun), float(seconds)


@pytest.mark.parametrize(
    ("last", "labels", "verdict", "why"),
    [
        (3, "", "calm", ""),
        (5, "", "drift", "BMI"),
        (3, "labels.csv", "drift", "performance"),
    ],
)
def test_the_monitor_reads_what_was_collected(prod, asked, last, labels, verdict, why):
    begun, seconds = asked
    until = datetime.fromtimestamp(begun + last * seconds - 0.5, UTC).isoformat()
    parameters = {
        "monitor_hours": seconds / 3600, "monitor_until": until, "monitor_labels": labels,
    }  # fmt: skip
    words = [word for pair in parameters.items() for word in ("-p", f"{pair[0]}={pair[1]}")]
    done = nbrelease(prod.root, "run", "11_monitor", "--env", "prod", *words)
    assert pictures(ran_in(prod.root, done), "11_monitor", "pictures") == 1
    values = read_values(ran_in(prod.root, done), "11_monitor")
    assert values["monitor_verdict"] == verdict, done.stdout + done.stderr
    windows = values["monitored"]["windows"]
    assert [window["rows"] for window in windows] == [1500, 1500, 1500]
    assert [window["labels"] for window in windows] == [1500 if labels else 0] * 3
    moved = [bool(labels) or factor != 1 for factor in FACTORS[last - 3 : last]]
    assert [window["breached"] for window in windows] == moved
    assert done.returncode == (0 if verdict == "calm" else 1)
    assert why in done.stderr


@pytest.mark.drill
def test_an_alarm_of_the_monitor_trains_and_releases_nothing(prod):
    before = prod.look()
    with prod.drifting() as caller:
        deadline = time.monotonic() + 120
        while not caller.answers or caller.answers[-1][0] - caller.answers[0][0] < SECONDS:
            assert time.monotonic() < deadline, "the endpoint does not answer"
            time.sleep(0.2)
        hours = {"NBRELEASE_SET_MONITOR_HOURS": str(SECONDS / 3600)}
        done = nbrelease(prod.root, "rehearse", "monitor", **hours)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BMI" in done.stderr
    record = read_record(ran_in(prod.root, done))
    ran = {runbook["name"]: runbook["verdict"] for runbook in record["runbooks"]}
    assert ran == {"11_monitor": "failed", "01_prepare": "passed", "02_train": "passed"}
    assert prod.look() == before


def test_provisioning_twice_changes_nothing_the_second_time(prod):
    provisioned = []
    for _ in range(2):
        done = nbrelease(prod.root, "run", "00_provision", "--env", "prod")
        assert done.returncode == 0, done.stdout + done.stderr
        values = read_values(ran_in(prod.root, done), "00_provision")
        provisioned.append(set(values["provisioned"].values()))
    assert {"exists", "created"} <= provisioned[0]
    assert provisioned[1] == {"exists"}


CLUSTER = """
import json
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
cluster = client.compute.get("new-cluster")
print(json.dumps([cluster.max_instances, cluster.identity.type]))
"""


def test_provisioning_changes_the_scale_of_a_cluster_and_keeps_its_identity(prod):
    for nodes, expected in ((2, "created"), (3, "updated")):
        words = ["-p", "compute=new-cluster", "-p", f"compute_max_instances={nodes}"]
        done = nbrelease(prod.root, "run", "00_provision", "--env", "prod", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        values = read_values(ran_in(prod.root, done), "00_provision")
        assert values["provisioned"]["cluster"] == expected
        assert json.loads(prod.scripts.run(CLUSTER)) == [nodes, "system_assigned"]
