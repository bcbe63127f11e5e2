"""Is online scoring here fast enough beside `mlflow models serve`, with the same model in one run?

    python benchmarks/serving.py [--data data/diabetes.csv] [--seconds 3] [--rounds 3]

Trains the shipped notebook's default model, serves it both ways with one process each, and asks
each in turn from one connection and from sixteen. Prints requests a second, p50 and p99, how long
each took from its start to its first answer, and the three limits: at least 3 times the requests
a second, at most half the p50, a first answer in at most 0.3 times the start. Ends with 1 where a
limit is broken. Ours answers over TLS and checks a key; the other does neither.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import psutil

import child_processes

ROOT = Path(__file__).parents[1]
SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
CONNECTIONS = (1, 16)
MORE, SOONER, START = 3.0, 0.5, 0.3
BUSY = 0.02
"""Of a processor; what does less is at rest."""


@dataclass
class Target:
    """Something that is asked: where, with what, and the answers that it gave."""

    name: str
    url: str
    body: bytes
    headers: dict[str, str]
    started: float = 0.0
    process: subprocess.Popen[bytes] | None = None

    def processor(self) -> float:
        """Seconds of processor time that its processes have used."""
        if self.process is None:
            return 0.0
        top = psutil.Process(self.process.pid)
        times = [each.cpu_times() for each in (top, *top.children(recursive=True))]
        return sum(each.user + each.system for each in times)

    def request(self) -> bytes:
        """The whole request as bytes."""
        place = urlsplit(self.url)
        lines = [f"POST {place.path} HTTP/1.1", f"Host: {place.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode() + self.body


class Connection:
    """One connection that stays open."""

    def __init__(self, target: Target, bundle: str) -> None:
        self._target = target
        self._bundle = bundle
        self._request = target.request()

    async def open(self) -> None:
        """Connect, and ask once."""
        place = urlsplit(self._target.url)
        tls = place.scheme == "https"
        context = ssl.create_default_context(capath=self._bundle) if tls else None
        self._reader, self._writer = await asyncio.open_connection(
            place.hostname, place.port, ssl=context
        )
        await self.ask()

    async def ask(self) -> None:
        """One request and its answer."""
        self._writer.write(self._request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await self._reader.readexactly(length)
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{self._target.name}: {head[:60]!r}")

    async def repeat(self, until: float, spent: list[float]) -> None:
        """Ask until a moment, and note what each answer took."""
        while time.monotonic() < until:
            begun = time.perf_counter()
            await self.ask()
            spent.append(time.perf_counter() - begun)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@dataclass
class Load:
    """What came of asking for a while: seconds of each answer, of all, and of the processor."""

    spent: list[float]
    seconds: float
    processor: float


async def _load(target: Target, bundle: str, count: int, seconds: float) -> Load:
    connections = [Connection(target, bundle) for _ in range(count)]
    await asyncio.gather(*(each.open() for each in connections))
    spent: list[float] = []
    begun, used = time.monotonic(), target.processor()
    await asyncio.gather(*(each.repeat(begun + seconds, spent) for each in connections))
    load = Load(spent, time.monotonic() - begun, target.processor() - used)
    for each in connections:
        each.close()
    return load


def ask(target: Target, bundle: str) -> Any:
    """One answer; None if the server does not answer yet."""
    request = urllib.request.Request(
        target.url, target.body, target.headers | {"Content-Type": "application/json"}
    )
    context = ssl.create_default_context(capath=bundle) if "https" in target.url else None
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return json.load(answer)
    except OSError:
        return None


def first_answer(target: Target, bundle: str, begun: float) -> Any:
    """Ask until there is an answer, and note how long that took since ``begun``."""
    while (answer := ask(target, bundle)) is None:
        if time.monotonic() - begun > 300:
            raise TimeoutError(f"{target.name} does not answer")
        time.sleep(0.02)
    target.started = time.monotonic() - begun
    return answer


def settle(target: Target) -> None:
    """Wait until a target's processes have nothing more to do of their own."""
    used = target.processor()
    for _ in range(120):
        time.sleep(1)
        last, used = used, target.processor()
        if used - last < BUSY:
            return
    raise TimeoutError(f"{target.name} does not come to rest")


def train(data: Path, folder: Path) -> pd.DataFrame:
    """Save the notebook's default model; gives the rows that it is asked about."""
    sys.path.insert(0, str(ROOT / "exported"))
    import mlflow
    from mlflow.models import infer_signature
    from train import main as notebook

    features, label = notebook.prep(data, "Diabetic")
    model = notebook.make_estimator("logistic", 0.01, 0).fit(features, label)
    mlflow.sklearn.save_model(
        model,
        str(folder),
        signature=infer_signature(features, model.predict(features)),
        pip_requirements=["scikit-learn", "azureml-inference-server-http", "azureml-ai-monitoring"],
        serialization_format="skops",
    )
    return features.head(1)


def peer(folder: Path, rows: pd.DataFrame) -> Target:
    """Start `mlflow models serve`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    body = json.dumps({"dataframe_split": rows.to_dict("split")}).encode()
    target = Target("mlflow models serve", f"http://127.0.0.1:{port}/invocations", body, {})
    begun = time.monotonic()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder)]
    command += ["-p", str(port), "-h", "127.0.0.1", "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path}
    target.process = child_processes.spawn(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    first_answer(target, "", begun)
    return target


def ours(folder: Path, rows: pd.DataFrame, data: Path) -> Target:
    """Start a local workspace, and deploy the model to an online endpoint by the SDK."""
    data.mkdir()
    with (data / "serve.log").open("wb") as log:
        command = [sys.executable, "-m", "azureml_local", "serve", "--data", str(data)]
        process = child_processes.spawn(command, stdout=log, stderr=log)
    while not (data / "server.json").is_file():
        if process.poll() is not None:
            raise RuntimeError((data / "serve.log").read_text())
        time.sleep(0.02)
    os.environ.update(json.loads((data / "server.json").read_text())["env"])
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import (
        ManagedOnlineDeployment,
        ManagedOnlineEndpoint,
        Model,
        OnlineRequestSettings,
    )
    from azure.identity import DefaultAzureCredential

    ml = MLClient(DefaultAzureCredential(), SUBSCRIPTION, "local", "bench")
    model = ml.models.create_or_update(Model(name="m", path=folder, type="mlflow_model"))
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="bench")).result()
    key = ml.online_endpoints.get_keys("bench").primary_key
    uri = ml.online_endpoints.get("bench").scoring_uri
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": "one"}
    body = json.dumps({"input_data": rows.to_dict("split")}).encode()
    target = Target("azureml-local", uri, body, headers, process=process)
    settle(target)  # the workspace is new: its MLflow store is just being started
    begun = time.monotonic()
    poller = ml.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name="one",
            endpoint_name="bench",
            model=model,
            instance_type="Standard_DS3_v2",
            instance_count=1,
            request_settings=OnlineRequestSettings(max_concurrent_requests_per_instance=16),
        )
    )
    first_answer(target, os.environ["REQUESTS_CA_BUNDLE"], begun)
    poller.result()
    return target


def compare(targets: list[Target], bundle: str, seconds: float, rounds: int) -> list[str]:
    """Ask both in turn; gives the limits that are broken."""
    broken = []
    for connections in CONNECTIONS:
        rates: dict[str, list[float]] = {target.name: [] for target in targets}
        spent: dict[str, list[float]] = {target.name: [] for target in targets}
        used = {target.name: 0.0 for target in targets}
        for _ in range(rounds):
            for target in targets:
                load = asyncio.run(_load(target, bundle, connections, seconds))
                rates[target.name].append(len(load.spent) / load.seconds)
                spent[target.name] += load.spent
                used[target.name] += load.processor
        for name, times in spent.items():
            cuts = statistics.quantiles(times, n=100, method="inclusive")
            print(
                f"{connections:2} connections  {name:20} {statistics.median(rates[name]):7.0f}/s"
                f"   p50 {1000 * cuts[49]:7.2f} ms   p99 {1000 * cuts[98]:7.2f} ms"
                f"   processor {1000 * used[name] / len(times):6.2f} ms a request"
            )
        own, other = (target.name for target in targets)
        more = statistics.median(rates[own]) / statistics.median(rates[other])
        sooner = statistics.median(spent[own]) / statistics.median(spent[other])
        print(
            f"{connections:2} connections  {more:.2f} times the requests, {sooner:.2f} of the p50"
        )
        if more < MORE:
            broken.append(f"{connections} connections: {more:.2f} times the requests, not {MORE:g}")
        if sooner > SOONER:
            broken.append(f"{connections} connections: {sooner:.2f} of the p50, not {SOONER:g}")
    return broken


def main() -> int:
    """Run the comparison; gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "diabetes-sample.csv")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        rows = train(options.data, place / "model")
        targets: list[Target] = []
        try:
            targets.append(peer(place / "model", rows))
            targets.insert(0, ours(place / "model", rows, place / "data"))
            own, other = targets
            bundle = os.environ["REQUESTS_CA_BUNDLE"]
            print(f"same answer: {ask(own, bundle) == ask(other, bundle)['predictions']}")
            for target in targets:
                settle(target)
            broken = compare(targets, bundle, options.seconds, options.rounds)
        finally:
            for target in targets:
                if target.process is not None:
                    child_processes.end_group(target.process, grace=10)
    start = own.started / other.started
    print(f"first answer: {own.started:.2f} s and {other.started:.2f} s, {start:.2f} of it")
    if start > START:
        broken.append(f"first answer after {start:.2f} of its start, not {START:g}")
    for line in broken:
        print(f"broken: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
