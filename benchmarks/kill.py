"""Check that a killed local workspace keeps the data that it has acknowledged.

    python benchmarks/kill.py [--rounds 200] [--seed 0] [--data DIR]

The unmodified SDK uploads data, writes blobs in blocks, changes tags, submits jobs and deploys
models at the same time. At random moments the server is killed with SIGKILL and started again. Then
its state is compared with what it has acknowledged. Exit code 1 if data was lost or partially
written, a job has a wrong status, or a process was left running.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import io
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
FINAL_STATUSES = ("Completed", "Failed", "Canceled")
MARK = "KILL_DRILL"
LONGEST_RUN = (0.5, 1.0, 3.0, 8.0)  # seconds between start and kill
SETTLE_SECONDS = 60.0
ORPHAN_SECONDS = 20.0
CHECK_EVERY, FULL_CHECK_EVERY = 4, 12  # kills
SAMPLE = 20  # older uploads that a check repeats; the last check repeats all
ERROR_CODE = "ServerStopped"


class Server:
    """The server, started and stopped by its command line."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.round = 0
        self.up = threading.Event()
        self.starts: list[float] = []

    def command(self, *words: str, **variables: str) -> str:
        """Run a command of azureml-local and return its output."""
        argv = [sys.executable, "-m", "azureml_local", *words, "--data", str(self.data)]
        env = {**os.environ, **variables}
        return subprocess.run(argv, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def start(self) -> None:
        """Start the server; its processes have the mark of the round."""
        began = time.monotonic()
        self.command("start", **{MARK: self.mark(self.round)})
        self.starts.append(time.monotonic() - began)
        self.pid = json.loads((self.data / "server.json").read_text())["pid"]
        self.up.set()

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self.up.clear()
        self.round += 1
        os.kill(self.pid, signal.SIGKILL)

    def mark(self, number: int) -> str:
        """The mark of the processes of a round."""
        return f"{self.data}#{number}"


def marked(text: str) -> list[psutil.Process]:
    """The processes with a mark."""
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ended = process.status() == psutil.STATUS_ZOMBIE
            if not ended and process.environ().get(MARK) == text:
                processes.append(process)
    return processes


class Postponed(Exception):
    """The server correctly refused an operation for now."""


class Ledger:
    """The operations that were tried and acknowledged."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.data: dict[str, str] = {}  # name -> digest
        self.checked: set[str] = set()  # names of the data that a check has read
        self.blobs: dict[str, set[str]] = collections.defaultdict(set)  # name -> digests possible
        self.tags = [0, 0]  # acknowledged, tried
        self.jobs: dict[str, tuple[str, int]] = {}  # name -> the last status seen, the round then
        self.deployments: dict[str, int] = {}  # name -> the revision acknowledged
        self.counts: collections.Counter[str] = collections.Counter()
        self.problems: list[str] = []

    def report(self, problem: str) -> None:
        """Store and print a problem."""
        with self.lock:
            self.problems.append(problem)
        print(f"PROBLEM: {problem}", flush=True)


def client() -> Any:
    """A client of the unmodified SDK."""
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    return MLClient(DefaultAzureCredential(), SUBSCRIPTION, "drill", "drill", show_progress=False)


def content(draw: random.Random, most: int) -> tuple[bytes, str]:
    """Random bytes and their digest."""
    data = draw.randbytes(draw.randrange(1, most))
    return data, hashlib.sha256(data).hexdigest()


# Operations. Each one is recorded in the ledger.


def upload(ml: Any, server: Server, ledger: Ledger, draw: random.Random) -> None:
    """Upload a file as a data asset."""
    from azure.ai.ml.entities import Data

    name = f"d{uuid.uuid4().hex[:12]}"
    data, digest = content(draw, 3_000_000)
    path = server.data.parent / name
    path.write_bytes(data)
    try:
        ml.data.create_or_update(Data(name=name, version="1", path=str(path), type="uri_file"))
        ledger.data[name] = digest
    finally:
        path.unlink()


def blocks(ml: Any, server: Server, ledger: Ledger, draw: random.Random) -> None:
    """Overwrite one of three blobs in blocks; its metadata has the digest of its content."""
    name = f"drill/blob-{draw.randrange(3)}"
    data, digest = content(draw, 3_000_000)
    with ledger.lock:
        ledger.blobs[name].add(digest)
    with container(ml) as store:
        store.get_blob_client(name).upload_blob(data, overwrite=True, metadata={"digest": digest})
    with ledger.lock:
        ledger.blobs[name] = {digest}


@contextlib.contextmanager
def container(ml: Any) -> Iterator[Any]:
    """A client of the default datastore's container; it uploads in blocks of 256 kB."""
    from azure.storage.blob import ContainerClient

    store = ml.datastores.get("workspaceblobstore", include_secrets=True)
    address = f"https://{store.account_name}.blob.core.windows.net/{store.container_name}"
    address += f"?{store.credentials.sas_token}"
    with ContainerClient.from_container_url(
        address, max_single_put_size=1 << 16, max_block_size=1 << 18, retry_total=0
    ) as container_client:
        yield container_client


def tag(ml: Any, server: Server, ledger: Ledger, draw: random.Random) -> None:
    """Increment a number in the tags of an environment."""
    from azure.ai.ml.entities import Environment

    ledger.tags[1] += 1
    tags = {"n": str(ledger.tags[1])}
    ml.environments.create_or_update(Environment(name="e", version="1", image="a:1", tags=tags))
    ledger.tags[0] = ledger.tags[1]


def job(ml: Any, server: Server, ledger: Ledger, draw: random.Random) -> None:
    """Submit a short or long job that writes its name."""
    from azure.ai.ml import command

    seconds = draw.choice([0, 0.2, 1, 60])
    line = (
        f"echo begun; sleep {seconds}; echo $AZUREML_RUN_ID > ${{{{outputs.out}}}}/name; echo done"
    )
    created = ml.jobs.create_or_update(
        command(command=line, environment="azureml:e:1", outputs={"out": {"type": "uri_folder"}})
    )
    # If the SDK has retried, the job belongs to the round of the new server.
    ledger.jobs[created.name] = (created.status, server.round)
    time.sleep(draw.uniform(0, 1))
    seen = ml.jobs.get(created.name).status
    if seen in FINAL_STATUSES:
        ledger.jobs[created.name] = (seen, server.round)
    if seen not in FINAL_STATUSES and draw.random() < 0.5:
        ml.jobs.begin_cancel(created.name).result()


def deploy(ml: Any, server: Server, ledger: Ledger, draw: random.Random) -> None:
    """Deploy a new revision of one of two deployments."""
    from azure.ai.ml.entities import ManagedOnlineDeployment
    from azure.core.exceptions import ResourceExistsError

    name = draw.choice(["blue", "green"])
    revision = ledger.counts["deploy"] + 1
    created = ManagedOnlineDeployment(
        name=name,
        endpoint_name="drill-endpoint",
        model="azureml:m:1",
        instance_type="s",
        instance_count=1,
        tags={"revision": str(revision)},
    )
    try:
        ml.online_deployments.begin_create_or_update(created).result()
    except ResourceExistsError:  # the restarted server is still creating it
        raise Postponed from None
    with ledger.lock:
        ledger.deployments[name] = revision


WORK: dict[str, Callable[[Any, Server, Ledger, random.Random], None]] = {
    "upload": upload,
    "blocks": blocks,
    "tag": tag,
    "job": job,
    "deploy": deploy,
}
PAUSE = {"upload": 0.0, "blocks": 0.0, "tag": 0.1, "job": 0.3, "deploy": 1.0}
WORKERS = {"upload": 3, "job": 2}  # the SDK's storage client waits long after a failure


def worker(
    ml: Any, kind: str, server: Server, ledger: Ledger, seed: str, end: threading.Event
) -> None:
    """Repeat one operation; an error is a problem unless the server was killed during it."""
    draw = random.Random(seed)
    while not end.is_set():
        if not server.up.wait(0.1):
            continue
        number = server.round
        try:
            WORK[kind](ml, server, ledger, draw)
            ledger.counts[kind] += 1
        except Postponed:
            ledger.counts["postponed"] += 1
        except Exception as error:  # noqa: BLE001 - a killed server can raise anything in the SDK
            if server.up.is_set() and server.round == number:
                time.sleep(0.3)  # the server may have been killed before the event was cleared
            if server.up.is_set() and server.round == number:
                ledger.report(f"{kind}: {type(error).__name__}: {str(error).splitlines()[:3]}")
            ledger.counts["interrupted"] += 1
        time.sleep(draw.uniform(0, PAUSE[kind]))


# Checks after each restart.


def check(ml: Any, server: Server, ledger: Ledger, *, last: bool) -> None:
    """Compare the server with the ledger."""
    number = server.round
    long = last or number % FULL_CHECK_EVERY == 0
    _check_jobs(ml, ledger, number, reasons=long)
    _check_tags(ml, ledger)
    _check_data(ml, ledger, number, everything=last)
    _check_blobs(ml, ledger)
    if long:
        _check_deployments(ml, ledger)
    _check_orphans(server, ledger, number)


def _check_jobs(ml: Any, ledger: Ledger, number: int, *, reasons: bool) -> None:
    from azure.ai.ml.exceptions import JobException

    there = {each.name: each.status for each in ml.jobs.list()}
    failed = []
    for name, (seen, round_) in list(ledger.jobs.items()):
        now = there.get(name)
        # A job of this round may have been retried by the SDK on the new server.
        lost = round_ < number and now not in FINAL_STATUSES
        if lost or (seen in FINAL_STATUSES and now != seen):
            ledger.report(f"job {name} was {seen} in round {round_}, and is {now} in {number}")
        elif now == "Failed" and seen != "Failed":
            failed.append(name)
        if now is not None:
            ledger.jobs[name] = (now, round_)
    for name in failed[:1] if reasons else ():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                ml.jobs.stream(name)
            ledger.report(f"job {name} has failed, but its stream has no error")
        except JobException as error:
            if ERROR_CODE not in str(error):
                ledger.report(f"job {name} has another error: {error}")


def _check_tags(ml: Any, ledger: Ledger) -> None:
    if ledger.tags[0]:
        actual = int(ml.environments.get("e", "1").tags["n"])
        if not ledger.tags[0] <= actual <= ledger.tags[1]:
            ledger.report(f"tag {actual}, acknowledged {ledger.tags[0]}, tried {ledger.tags[1]}")


def _check_data(ml: Any, ledger: Ledger, number: int, *, everything: bool) -> None:
    """Read what was uploaded since the last check, and a sample of the rest or all of it."""
    data = dict(ledger.data)
    older = sorted(ledger.checked)
    sample = random.Random(number).sample(older, min(SAMPLE, len(older)))
    names = data if everything else [*(data.keys() - ledger.checked), *sample]
    with container(ml) as store:
        for name in names:
            digest = data[name]
            path = ml.data.get(name, "1").path.partition("/paths/")[2]
            actual = store.get_blob_client(path).download_blob().readall()
            if hashlib.sha256(actual).hexdigest() != digest:
                ledger.report(f"data {name} has other content ({len(actual)} bytes)")
    ledger.checked.update(names)


def _check_blobs(ml: Any, ledger: Ledger) -> None:
    with container(ml) as store:
        there = {each.name for each in store.list_blobs()}
        for name, digests in list(ledger.blobs.items()):
            if name not in there:
                if ledger.counts["blocks"] >= len(ledger.blobs) * 4:
                    ledger.report(f"{name} is not there")
                continue
            reader = store.get_blob_client(name).download_blob()
            actual = hashlib.sha256(reader.readall()).hexdigest()
            if actual not in digests:
                ledger.report(f"{name} has content that nobody wrote")
            if reader.properties.metadata.get("digest") != actual:
                ledger.report(f"{name} has the content of one write and the metadata of another")
            ledger.blobs[name] = {actual}


def _check_deployments(ml: Any, ledger: Ledger) -> None:
    import requests

    endpoint = ml.online_endpoints.get("drill-endpoint")
    key = ml.online_endpoints.get_keys("drill-endpoint").primary_key
    for name, revision in list(ledger.deployments.items()):
        actual = ml.online_deployments.get(name, "drill-endpoint")
        if int(actual.tags["revision"]) < revision:
            ledger.report(f"{name} has revision {actual.tags}, acknowledged was {revision}")
        headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": name}
        deadline = time.monotonic() + SETTLE_SECONDS
        body = {"input_data": [[1.0], [2.0]]}
        while True:
            answer = requests.post(endpoint.scoring_uri, json=body, headers=headers, timeout=30)
            if answer.status_code == 200 or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if answer.status_code != 200 or answer.json() != [3.0, 5.0]:
            ledger.report(f"{name} answers {answer.status_code} {answer.text[:200]}")


def _check_orphans(server: Server, ledger: Ledger, number: int) -> None:
    """Check that no process of a killed server is running."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    for former in range(max(0, number - CHECK_EVERY), number):
        while (left := marked(server.mark(former))) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in left:
            ledger.report(f"still running: {process.pid} {process.cmdline()}")
            process.kill()


def prepare(ml: Any, folder: Path) -> None:
    """Create an environment, a linear model and an endpoint."""
    import mlflow
    import numpy as np
    from azure.ai.ml.entities import Environment, ManagedOnlineEndpoint, Model
    from sklearn.linear_model import LinearRegression

    rows = np.array([[0.0], [1.0], [2.0]])
    path = str(folder / "model")
    mlflow.sklearn.save_model(
        LinearRegression().fit(rows, rows[:, 0] * 2 + 1),
        path,
        pip_requirements=["scikit-learn", "azureml-inference-server-http", "azureml-ai-monitoring"],
    )
    ml.environments.create_or_update(Environment(name="e", version="1", image="a:1"))
    ml.models.create_or_update(Model(name="m", version="1", path=path, type="mlflow_model"))
    endpoint = ManagedOnlineEndpoint(name="drill-endpoint", auth_mode="key")
    ml.online_endpoints.begin_create_or_update(endpoint).result()


def drill(server: Server, rounds: int, seed: int, folder: Path) -> Ledger:
    """Run all rounds and return the ledger."""
    ledger, end, draw = Ledger(), threading.Event(), random.Random(seed)
    began = time.monotonic()
    server.start()
    os.environ.update(json.loads(server.command("env", "--format", "json")))
    ml = client()
    prepare(ml, folder)
    workers = [
        threading.Thread(
            target=worker, args=(client(), kind, server, ledger, f"{seed}/{kind}/{i}", end)
        )
        for kind in WORK
        for i in range(WORKERS.get(kind, 1))
    ]
    for each in workers:
        each.start()
    try:
        for number in range(1, rounds + 1):
            time.sleep(draw.uniform(0, draw.choice(LONGEST_RUN)))
            server.kill()
            _wait_for_end(server)
            if number == rounds:
                end.set()
            _restart(server, ml, ledger, last=number == rounds)
            if number % 10 == 0:
                seconds = time.monotonic() - began
                print(f"{number} kills in {seconds:.0f} s: {dict(ledger.counts)}", flush=True)
    finally:
        end.set()
        for each in workers:
            each.join()
    return ledger


def _wait_for_end(server: Server) -> None:
    """Wait until the killed server has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(server.pid).wait(10)


def _restart(server: Server, ml: Any, ledger: Ledger, *, last: bool) -> None:
    """Start the server and check it before the workers continue."""
    began = time.monotonic()
    server.command("start", **{MARK: server.mark(server.round)})
    server.starts.append(time.monotonic() - began)
    server.pid = json.loads((server.data / "server.json").read_text())["pid"]
    if last or server.round % CHECK_EVERY == 0:
        check(ml, server, ledger, last=last)
    server.up.set()


def main() -> int:
    """Run the benchmark; exit code 1 if there were problems."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # also stops the server
    folder = Path(tempfile.mkdtemp(prefix="kill-drill-"))
    server = Server(options.data or folder / "data")
    began = time.monotonic()
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # the SDK's progress bars
            ledger = drill(server, options.rounds, options.seed, folder)
    finally:
        if (server.data / "server.json").is_file():
            server.command("stop")
        shutil.rmtree(folder, ignore_errors=True)
    starts = sorted(server.starts)
    print(
        f"{options.rounds} kills in {time.monotonic() - began:.0f} s: {len(ledger.data)} uploads, "
        f"{len(ledger.jobs)} jobs, {ledger.counts['blocks']} block uploads, "
        f"{ledger.tags[0]} tags, {ledger.counts['deploy']} deployments acknowledged, "
        f"{ledger.counts['interrupted']} calls interrupted; start "
        f"{starts[len(starts) // 2]:.2f} s (slowest {starts[-1]:.2f} s); "
        f"{len(ledger.problems)} problems"
    )
    return 1 if ledger.problems else 0


if __name__ == "__main__":
    sys.exit(main())
