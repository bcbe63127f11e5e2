"""Are callers served without a gap while the traffic moves, and as the map says?

    python benchmarks/canary.py [--rate 200] [--seconds 60]

An empty local workspace, one endpoint, two deployments. Callers ask at a steady rate, whatever
becomes of earlier requests (an open loop), while the traffic goes over in steps of 10, 50 and 100
per cent by the SDK's own calls. Prints each step's split and latency; exit code 1 when a request
failed or a split is off its map.
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
"""How far a split may be off its map, in points of a per cent, where there are enough requests."""
CONNECTIONS = 64
IDLE_SECONDS = 2.0
BODY = {"input_data": {"columns": ["a", "b"], "index": [0], "data": [[1.0, 2.0]]}}


@dataclass(frozen=True)
class Answer:
    """When it was asked for, who gave it, the status or what went wrong, and milliseconds."""

    moment: float
    who: str
    said: str
    ms: float


class Callers:
    """An open loop, in a process of its own: a request every ``1 / rate`` seconds until the end."""

    def __init__(self, uri: str, key: str, rate: float, bundle: str) -> None:
        self.answers: list[Answer] = []
        self._words = [uri, key, str(rate), bundle]

    def __enter__(self) -> Callers:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--callers", *self._words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        said, _ = self._process.communicate()  # its input ends, and so does it
        self.answers = [Answer(*each) for each in json.loads(said)]


class Loop:
    """What the callers' process does."""

    def __init__(self, uri: str, key: str, rate: str, bundle: str) -> None:
        self._place = urlsplit(uri)
        self._rate = float(rate)
        self._trusted = ssl.create_default_context(capath=bundle)
        body = json.dumps(BODY).encode()
        lines = [f"POST {self._place.path} HTTP/1.1", f"Host: {self._place.netloc}"]
        lines += [f"Authorization: Bearer {key}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self._request = "\r\n".join(lines).encode() + body
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._answers: list[Answer] = []

    async def run(self) -> list[Answer]:
        """Ask until the standard input ends, then wait for the last answers."""
        end = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        asked: set[asyncio.Task[None]] = set()
        begun, number = time.monotonic(), 0
        while not end.done():
            number += 1
            moment = begun + number / self._rate
            await asyncio.sleep(max(0.0, moment - time.monotonic()))
            task = asyncio.create_task(self._ask(moment))
            asked.add(task)
            task.add_done_callback(asked.discard)
        await asyncio.gather(*asked)
        for _, _, writer in self._idle:
            writer.close()
        return self._answers

    async def _ask(self, moment: float) -> None:
        who = ""
        try:
            async with self._turns, asyncio.timeout(30):
                reader, writer = await self._connection()
                writer.write(self._request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
                body = await reader.readexactly(int(fields["content-length"]))
                self._idle.append((time.monotonic(), reader, writer))
            who, said = fields.get("azureml-model-deployment", ""), head.split()[1]
            if said == "200" and len(json.loads(body)) != 1:
                said = "another number of rows"
        except (OSError, EOFError, ValueError) as error:
            said = type(error).__name__
        # From when it was due: what had to wait for its turn was late for its caller.
        ms = (time.monotonic() - moment) * 1000
        self._answers.append(Answer(moment, who, said, ms))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """One that is open, the last used first; servers close what is not used for a while."""
        while self._idle:
            used, reader, writer = self._idle.pop()
            if time.monotonic() - used < IDLE_SECONDS:
                return reader, writer
            writer.close()
        place = self._place
        return await asyncio.open_connection(place.hostname, place.port, ssl=self._trusted)


@dataclass(frozen=True)
class Step:
    """One map, and what callers saw with it."""

    share: int
    requests: int
    measured: float
    p50_ms: float
    p95_ms: float

    @property
    def off(self) -> float:
        """How far the split is from the map, in points."""
        return abs(self.measured - self.share)


def rollout(
    ml_client: Any, endpoint: str, old: str, new: str, *, rate: float, seconds: float, bundle: str
) -> tuple[list[Step], Counter[str]]:
    """Move the traffic of an endpoint while callers ask.

    Args:
        ml_client: of the workspace.
        endpoint: its name; all traffic is with ``old``.
        old: the deployment that is live.
        new: the one that gets the traffic.
        rate: requests a second.
        seconds: of all steps together.
        bundle: the certificates to trust.

    Returns:
        The steps, and all answers by status.
    """
    found = ml_client.online_endpoints.get(endpoint)
    key = ml_client.online_endpoints.get_keys(endpoint).primary_key
    spans = []
    with Callers(found.scoring_uri, key, rate, bundle) as callers:
        for share in STEPS:
            now = ml_client.online_endpoints.get(endpoint)
            now.traffic = {old: 100 - share, new: share}
            ml_client.online_endpoints.begin_create_or_update(now).result()
            begun = time.monotonic()
            time.sleep(seconds / len(STEPS))
            spans.append((share, begun, time.monotonic()))
    return (
        [_step(callers, share, begun, ended, new) for share, begun, ended in spans],
        Counter(each.said for each in callers.answers),
    )


def _step(callers: Callers, share: int, begun: float, ended: float, new: str) -> Step:
    seen = [each for each in callers.answers if begun <= each.moment < ended]
    p50, p95 = np.quantile([each.ms for each in seen], [0.5, 0.95])
    mine = sum(each.who == new for each in seen)
    return Step(share, len(seen), round(100 * mine / len(seen), 2), float(p50), float(p95))


def deploy(ml_client: Any, endpoint: str, *names: str) -> None:
    """An endpoint with a deployment for each name; the first has all traffic."""
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
            pip_requirements=["scikit-learn"],
            serialization_format="skops",
        )
        path = Path(folder, "model")
        model = ml_client.models.create_or_update(
            Model(name=endpoint, path=path, type="mlflow_model")
        )
    wanted = ManagedOnlineEndpoint(name=endpoint, auth_mode="key")
    ml_client.online_endpoints.begin_create_or_update(wanted).result()
    for name in names:
        deployment = ManagedOnlineDeployment(
            name=name,
            endpoint_name=endpoint,
            model=model,
            instance_type="Standard_DS3_v2",
            instance_count=1,
            # An open loop does not wait: 429 is the answer to what is too much at once.
            request_settings=OnlineRequestSettings(
                max_concurrent_requests_per_instance=200, request_timeout_ms=30_000
            ),
        )
        ml_client.online_deployments.begin_create_or_update(deployment).result()
    wanted.traffic = {names[0]: 100}
    ml_client.online_endpoints.begin_create_or_update(wanted).result()


def measure(rate: float, seconds: float) -> int:
    """Print what callers saw; gives the exit code. Runs with a local workspace's environment."""
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    where = ("00000000-0000-0000-0000-000000000", "local", "dev")
    ml_client = MLClient(DefaultAzureCredential(), *where)
    deploy(ml_client, "canary", "old", "new")
    bundle = os.environ["REQUESTS_CA_BUNDLE"]
    steps, answers = rollout(
        ml_client, "canary", "old", "new", rate=rate, seconds=seconds, bundle=bundle
    )
    for step in steps:
        print(
            f"map {step.share:3} %   answered by new {step.measured:6.2f} %   {step.requests:6}"
            f" requests   p50 {step.p50_ms:6.1f} ms   p95 {step.p95_ms:6.1f} ms"
        )
    asked, failed = sum(answers.values()), sum(answers.values()) - answers["200"]
    print(f"asked {asked} times in {seconds:g} s, {rate:g} a second wanted: {dict(answers)}")
    kept = not failed and all(step.off <= POINTS for step in steps)
    print(f"no request fails, splits within {POINTS:g} points: {'kept' if kept else 'broken'}")
    return 0 if kept else 1


def main() -> int:
    """Run the measurement within an empty local workspace."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--callers", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.callers:
        print(json.dumps([astuple(each) for each in asyncio.run(Loop(*given.callers).run())]))
        return 0
    if given.inside:
        return measure(given.rate, given.seconds)
    words = ["--rate", str(given.rate), "--seconds", str(given.seconds), "--inside"]
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "azureml_local", "run", "--data", data, "--"]
        inside = [sys.executable, "-W", "ignore", __file__, *words]
        return subprocess.run([*command, *inside], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
