"""Measure whether an endpoint answers all requests, split by its traffic map, during a rollout.

    python benchmarks/canary.py [--rate 200] [--seconds 60]

An empty local workspace has one endpoint with two deployments. Requests are sent at a constant
rate, without waiting for earlier answers (an open loop), while the SDK moves the traffic in steps
of 10, 50 and 100 per cent. Prints the split and the latency of each step. The exit code is 1 when
a request fails or a split differs from its map.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

STEPS = (10, 50, 100)
POINTS = 3.0
"""The largest difference between a split and its map, in percentage points."""
CONNECTIONS = 64
IDLE_SECONDS = 2.0
BODY = {"input_data": {"columns": ["a", "b"], "index": [0], "data": [[1.0, 2.0]]}}


@dataclass(frozen=True)
class Answer:
    """One request: when it was due, the deployment that answered, status or error, milliseconds."""

    due: float
    deployment: str
    status: str
    ms: float


class LoadProcess:
    """Sends a request every ``1 / rate`` seconds from a separate process until the end."""

    def __init__(self, uri: str, key: str, rate: float, bundle: str) -> None:
        self.answers: list[Answer] = []
        self._options = [uri, key, str(rate), bundle]

    def __enter__(self) -> LoadProcess:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--load", *self._options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if not self._process.stdout.readline():  # it sends requests from now on
            raise RuntimeError("the load process ended before its first request")
        return self

    def __exit__(self, *_: object) -> None:
        output, _ = self._process.communicate()  # the end of its input ends the process
        self.answers = [Answer(*each) for each in json.loads(output)]


class OpenLoop:
    """The loop of the load process."""

    def __init__(self, uri: str, key: str, rate: str, bundle: str) -> None:
        self._url = urlsplit(uri)
        self._rate = float(rate)
        self._ssl = ssl.create_default_context(capath=bundle)
        body = json.dumps(BODY).encode()
        lines = [f"POST {self._url.path} HTTP/1.1", f"Host: {self._url.netloc}"]
        lines += [f"Authorization: Bearer {key}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self._request = "\r\n".join(lines).encode() + body
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._limit = asyncio.Semaphore(CONNECTIONS)
        self._answers: list[Answer] = []

    async def run(self) -> list[Answer]:
        """Send requests until the standard input ends, then wait for the last answers."""
        end = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        tasks: set[asyncio.Task[None]] = set()
        print(flush=True)
        started, number = time.monotonic(), 0
        while not end.done():
            number += 1
            due = started + number / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(self._send(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        for _, _, writer in self._idle:
            writer.close()
        return self._answers

    async def _send(self, due: float) -> None:
        deployment = ""
        try:
            async with self._limit, asyncio.timeout(30):
                reader, writer = await self._connection()
                writer.write(self._request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
                body = await reader.readexactly(int(fields["content-length"]))
                self._idle.append((time.monotonic(), reader, writer))
            deployment, status = fields.get("azureml-model-deployment", ""), head.split()[1]
            if status == "200" and len(json.loads(body)) != 1:
                status = "wrong number of rows"
        except (OSError, EOFError, ValueError) as error:
            status = type(error).__name__
        # From the time when it was due: waiting for a connection is latency too.
        ms = (time.monotonic() - due) * 1000
        self._answers.append(Answer(due, deployment, status, ms))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """An open connection, the last used first, or a new one: servers close idle connections."""
        while self._idle:
            used, reader, writer = self._idle.pop()
            if time.monotonic() - used < IDLE_SECONDS:
                return reader, writer
            writer.close()
        url = self._url
        return await asyncio.open_connection(url.hostname, url.port, ssl=self._ssl)


@dataclass(frozen=True)
class Step:
    """One traffic map with the split and the latency of its requests."""

    share: int
    requests: int
    measured: float
    p50_ms: float
    p95_ms: float

    @property
    def deviation(self) -> float:
        """The difference between the split and the map, in percentage points."""
        return abs(self.measured - self.share)


def measure_rollout(
    ml_client: Any, endpoint: str, old: str, new: str, *, rate: float, seconds: float, bundle: str
) -> tuple[list[Step], Counter[str]]:
    """Move the traffic of an endpoint while requests are sent.

    Args:
        ml_client: of the workspace.
        endpoint: its name.
        old: the live deployment, with all traffic.
        new: the deployment that gets the traffic.
        rate: requests per second.
        seconds: duration of all steps together.
        bundle: the certificates to trust.

    Returns:
        The steps, and the number of answers by status.
    """
    scoring_uri = ml_client.online_endpoints.get(endpoint).scoring_uri
    key = ml_client.online_endpoints.get_keys(endpoint).primary_key
    spans = []
    with LoadProcess(scoring_uri, key, rate, bundle) as load:
        for share in STEPS:
            now = ml_client.online_endpoints.get(endpoint)
            now.traffic = {old: 100 - share, new: share}
            ml_client.online_endpoints.begin_create_or_update(now).result()
            started = time.monotonic()
            time.sleep(seconds / len(STEPS))
            spans.append((share, started, time.monotonic()))
    return (
        [_summarize(load.answers, *span, new) for span in spans],
        Counter(answer.status for answer in load.answers),
    )


def _summarize(answers: list[Answer], share: int, started: float, ended: float, new: str) -> Step:
    answers = [answer for answer in answers if started <= answer.due < ended]
    p50, p95 = np.quantile([answer.ms for answer in answers], [0.5, 0.95])
    count = sum(answer.deployment == new for answer in answers)
    return Step(share, len(answers), round(100 * count / len(answers), 2), float(p50), float(p95))


def deploy(ml_client: Any, endpoint: str, *names: str) -> None:
    """Create an endpoint with a deployment for each name; the first gets all traffic."""
    import mlflow
    import pandas as pd
    from azure.ai.ml.entities import (
        ManagedOnlineDeployment,
        ManagedOnlineEndpoint,
        Model,
        OnlineRequestSettings,
    )
    from mlflow.models import infer_signature
    from sklearn.dummy import DummyClassifier

    rows = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]})
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(
            DummyClassifier(strategy="constant", constant=1).fit(rows, [0, 1]),
            f"{folder}/model",
            signature=infer_signature(rows, [0, 1]),
            pip_requirements=[
                "scikit-learn",
                "azureml-inference-server-http",
                "azureml-ai-monitoring",
            ],
            serialization_format="skops",
        )
        path = Path(folder, "model")
        model = ml_client.models.create_or_update(
            Model(name=endpoint, path=path, type="mlflow_model")
        )
    entity = ManagedOnlineEndpoint(name=endpoint, auth_mode="key")
    ml_client.online_endpoints.begin_create_or_update(entity).result()
    for name in names:
        deployment = ManagedOnlineDeployment(
            name=name,
            endpoint_name=endpoint,
            model=model,
            instance_type="Standard_DS3_v2",
            instance_count=1,
            # An open loop does not wait for answers: with fewer, some would be 429.
            request_settings=OnlineRequestSettings(
                max_concurrent_requests_per_instance=200, request_timeout_ms=30_000
            ),
        )
        ml_client.online_deployments.begin_create_or_update(deployment).result()
    entity.traffic = {names[0]: 100}
    ml_client.online_endpoints.begin_create_or_update(entity).result()


def measure(rate: float, seconds: float) -> int:
    """Print the steps and return the exit code. Needs the environment of a local workspace."""
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    workspace = ("00000000-0000-0000-0000-000000000", "local", "dev")
    ml_client = MLClient(DefaultAzureCredential(), *workspace)
    deploy(ml_client, "canary", "old", "new")
    bundle = os.environ["REQUESTS_CA_BUNDLE"]
    steps, answers = measure_rollout(
        ml_client, "canary", "old", "new", rate=rate, seconds=seconds, bundle=bundle
    )
    for step in steps:
        print(
            f"map {step.share:3} %   measured {step.measured:6.2f} %   {step.requests:6}"
            f" requests   p50 {step.p50_ms:6.1f} ms   p95 {step.p95_ms:6.1f} ms"
        )
    print(f"{answers.total()} requests in {seconds:g} s at {rate:g} per second: {dict(answers)}")
    passed = set(answers) == {"200"} and all(step.deviation <= POINTS for step in steps)
    result = "passed" if passed else "failed"
    print(f"limits (no failed request, splits within {POINTS:g} points): {result}")
    return 0 if passed else 1


def main() -> int:
    """Run the measurement in an empty local workspace."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps([astuple(each) for each in asyncio.run(OpenLoop(*options.load).run())]))
        return 0
    if options.inside:
        return measure(options.rate, options.seconds)
    arguments = ["--rate", str(options.rate), "--seconds", str(options.seconds), "--inside"]
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "azureml_local", "run", "--data", data, "--"]
        inside = [sys.executable, "-W", "ignore", __file__, *arguments]
        return subprocess.run([*command, *inside], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
