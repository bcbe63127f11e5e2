"""A prod environment with a champion on the local workspace, faulty models, and callers."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import requests
from tests.e2e.projects import checkout, environment, nbrelease, python
from tests.e2e.scripts import Scripts

from nbrelease import preloaded
from nbrelease.runbook.preloaded_kernels import PreloadedKernels

FAULTY = """
import random
import time

import mlflow

KIND = {kind!r}


class Faulty(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        if KIND == "crashes":
            raise RuntimeError("this model does not load")
        if KIND == "stuck":
            time.sleep(3600)
        self.model = mlflow.pyfunc.load_model(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        answers = self.model.predict(model_input)
        if KIND == "hangs":
            time.sleep(3600)
        if KIND == "slow":
            time.sleep(4)
        if KIND == "errors" and random.random() < 0.05:
            raise RuntimeError("failed on purpose")
        return 1 - answers if KIND == "shifted" else answers


mlflow.models.set_model(Faulty())
"""
# Registers faulty models that wrap the champion and deploys them at 0 % of the traffic.
DEPLOY = """
import json, sys, tempfile
from pathlib import Path
import mlflow
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    DataCollector, DeploymentCollection, ManagedOnlineDeployment, Model, OnlineRequestSettings,
)
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
name = "diabetes-classifier"
folder = Path(tempfile.mkdtemp())
client.models.download(name, "1", download_path=folder)
champion = next(folder.rglob("MLmodel")).parent
signature = mlflow.models.get_model_info(str(champion)).signature
tags = client.models.get(name, "1").tags
deployed, pollers = {}, []
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
        request_settings=OnlineRequestSettings(max_concurrent_requests_per_instance=16),
        data_collector=DataCollector(collections={
            name: DeploymentCollection(enabled="True") for name in ("model_inputs", "model_outputs")
        }),
    )
    if kind not in ("crashes", "stuck"):  # left to 06_deploy_online
        pollers.append(client.online_deployments.begin_create_or_update(deployment))
    deployed[kind] = (deployment.name, model.version)
for poller in pollers:
    poller.result()
print()  # the SDK writes dots while it waits
print(json.dumps(deployed))
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
    "models": len(list(client.models.list(name="diabetes-classifier"))),
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


class Callers:
    """Four callers with two requests a second each; records answers and request times."""

    def __init__(self, uri: str, key: str, bundle: str) -> None:
        self.answers: list[tuple[float, str]] = []
        self.answered_by: set[str | None] = set()
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
            wait, sent = 0.5, time.monotonic()
            try:
                answer = requests.post(
                    self._uri, json=ROW, headers=self._headers, verify=self._bundle, timeout=10
                )
                self.answers.append((sent, str(answer.status_code)))
                self.answered_by.add(answer.headers.get("azureml-model-deployment"))
            except requests.RequestException as error:
                self.answers.append((sent, type(error).__name__))

    def wait(self, since: float, count: int) -> None:
        """Wait until ``count`` requests sent since then are answered."""
        deadline = time.monotonic() + 60
        while self.since(since).total() < count:
            assert time.monotonic() < deadline, "the callers get no answers"
            time.sleep(0.1)

    def since(self, moment: float) -> Counter[str]:
        return Counter(answer for sent, answer in self.answers if sent >= moment)


class Drifting:
    """A caller that sends 100 rows a request, with a BMI that has drifted since the training."""

    def __init__(self, uri: str, key: str, bundle: str, sample: Path) -> None:
        with sample.open(newline="") as file:
            rows = list(csv.DictReader(file))[:100]
        names = ROW["input_data"]["columns"]
        table = [[float(row[n]) * (1.5 if n == "BMI" else 1) for n in names] for row in rows]
        self._body = {"input_data": {"columns": names, "index": list(range(100)), "data": table}}
        self._ended = threading.Event()
        self._request = {
            "url": uri, "headers": {"Authorization": f"Bearer {key}"}, "verify": bundle,
        }  # fmt: skip
        self.answers: list[tuple[float, str]] = []
        """The time of each answer and the id of its first row."""
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Drifting:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _send(self) -> None:
        while not self._ended.wait(0.2):
            answer = requests.post(**self._request, json=self._body, timeout=60)
            answer.raise_for_status()
            self.answers.append((time.monotonic(), f"{answer.headers['x-ms-request-id']}_0"))


class Prod:
    """A project with a champion in prod, and the workspace that serves it."""

    def __init__(self, root: Path, *kinds: str) -> None:
        self.root = checkout(root)
        self._kinds = kinds
        self._scripts: Scripts | None = None
        self._preloaded: PreloadedKernels | None = None

    def __enter__(self) -> Prod:
        self.start()
        try:
            self._fill()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._stop()

    def _stop(self) -> None:
        self._end_scripts()
        if self._preloaded is not None:
            os.environ.pop(preloaded.ADDRESS, None)
            self._preloaded.stop()
        self.local("stop")

    def _fill(self) -> None:
        runbooks = [
            "01_prepare",
            "02_train",
            "03_register",
            "06_deploy_online",
            "08_release_online",
        ]
        done = nbrelease(self.root, "run", *runbooks, "--env", "prod")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        self.deployed = self.deploy(*self._kinds) if self._kinds else {}
        state = self.look()
        self._endpoint = state["uri"], state["key"], self.state()["env"]["REQUESTS_CA_BUNDLE"]

    def start(self) -> None:
        self._end_scripts()
        done = self.local("start")
        assert done.returncode == 0, done.stderr
        if self._preloaded is None:  # otherwise its kernels may still run
            self._preload_kernels()

    def _preload_kernels(self) -> None:
        """Start preloaded kernels, as a rehearsal does."""
        log = self.root / ".pipelines-local" / "kernels.log"
        variables = {**environment(self.root), **self.state()["env"]}
        self._preloaded = PreloadedKernels(self.root / "runbooks", variables, log)
        self._preloaded.use_workspace({})
        if self._preloaded.address is not None:
            os.environ[preloaded.ADDRESS] = str(self._preloaded.address)

    def _end_scripts(self) -> None:
        if self._scripts is not None:
            self._scripts.end()
            self._scripts = None

    def local(self, command: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return python(self.root, "-m", "azureml_local", command, "--data", ".azureml-local", *words)

    def shares(self) -> dict[str, int]:
        return {name: share for name, share in self.look()["traffic"].items() if share}

    @property
    def scripts(self) -> Scripts:
        """A process that runs scripts in its workspace."""
        if self._scripts is None:
            self._scripts = Scripts(self.root)
        return self._scripts

    def look(self) -> dict:
        return json.loads(self.scripts.run(LOOK))

    def state(self) -> dict:
        return json.loads((self.root / ".azureml-local" / "server.json").read_text())

    def end(self, deployment: str) -> None:
        """Kill the process of a deployment and remove its model, so that it cannot restart."""
        served = self.root / ".azureml-local" / "online"
        for folder in served.glob(f"*/diabetes-online/{deployment}"):
            shutil.rmtree(folder)
        # Forked workers have a generic command line; their working folder identifies them.
        for process in psutil.process_iter(["cwd"]):
            folder = process.info["cwd"] or ""
            if folder.startswith(f"{served}/") and f"/{deployment}/" in folder:
                process.kill()

    def callers(self) -> Callers:
        return Callers(*self._endpoint)

    def drifting(self) -> Drifting:
        return Drifting(*self._endpoint, self.root / "data" / "diabetes-sample.csv")

    def deploy(self, *kinds: str) -> dict[str, tuple[str, str]]:
        scripts = [self.root.parent / f"{kind}.py" for kind in kinds]
        for kind, script in zip(kinds, scripts, strict=True):
            script.write_text(FAULTY.format(kind=kind))
        return json.loads(self.scripts.run(DEPLOY, *map(str, scripts)))

    def release(self, deployment: str, version: str, **more: str) -> list[str]:
        parameters = {"online_deployment": deployment, "model_version": version, **more}
        options = [word for pair in parameters.items() for word in ("-p", "=".join(pair))]
        return ["run", "08_release_online", "--env", "prod", *options]
