"""Measure the local workspace: start, reads, memory of an upload, and load of many clients.

    python benchmarks/workspace.py [--seconds 600] [--clients 32] [--gigabytes 2] [--data DIR]

Prints each figure with its limit. Exit code 1 if a limit is missed. The requests are those of the
SDK, but sent by httpx: a process of the SDK would need more processor time than the server.
"""

from __future__ import annotations

import argparse
import base64
import collections
import concurrent.futures
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

NINE = "00000000-0000-0000-0000-000000000"
BASE = (
    f"/subscriptions/{NINE}/resourceGroups/load/providers"
    "/Microsoft.MachineLearningServices/workspaces/load"
)
START_LIMIT, P99_LIMIT, MEDIAN_LIMIT = 3.0, 15.0, 3.0  # seconds, milliseconds, milliseconds
UPLOAD_LIMIT, GROWTH_LIMIT = 300.0, 1.20  # MB, ratio
BLOCK = 4 << 20
WARM_UP = 0.2  # share of the time before the first measurement of memory


class Server:
    """A server that is started by its command line."""

    def __init__(self, data: Path) -> None:
        self.data = data
        began = time.monotonic()
        self._command("start")
        state = json.loads((data / "server.json").read_text())
        self.env, self.url, self.pid = state["env"], state["url"], state["pid"]
        with self.client() as client:
            client.get("/metadata/endpoints").raise_for_status()
        self.started = time.monotonic() - began

    def _command(self, *words: str) -> None:
        argv = [sys.executable, "-m", "azureml_local", *words, "--data", str(self.data)]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    def client(self) -> httpx.Client:
        """A client with a token."""
        token = {"Authorization": f"Bearer {self.env['MLFLOW_TRACKING_TOKEN']}"}
        bundle = self.env["REQUESTS_CA_BUNDLE"]
        return httpx.Client(base_url=self.url, headers=token, verify=bundle, timeout=120)

    def memory(self) -> float:
        """Its resident memory in MB."""
        return float(psutil.Process(self.pid).memory_info().rss) / 1e6

    def cpu_seconds(self) -> float:
        """Processor time of the main thread in seconds (Linux only)."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def stop(self) -> None:
        """Stop the server."""
        self._command("stop")


def store(client: httpx.Client) -> str:
    """The path of the default datastore's container."""
    properties = client.get(f"{BASE}/datastores/workspaceblobstore").json()["properties"]
    account = properties["accountName"].partition("/")[2]
    return f"/{account}.blob.core.windows.net/{properties['containerName']}"


def reads(server: Server) -> tuple[float, float, float]:
    """Reads on a warm connection, in milliseconds.

    Returns:
        Median and 99th percentile of the server's processor time, and the median of the client's
        waiting time, which depends on the load of the machine.
    """
    with server.client() as client:
        body = {"properties": {"image": "a:1"}}
        client.put(f"{BASE}/environments/e/versions/1", json=body).raise_for_status()
        own, waited = [], []
        for _ in range(400):
            spent, began = server.cpu_seconds(), time.perf_counter()
            client.get(f"{BASE}/environments/e/versions/1").raise_for_status()
            waited.append((time.perf_counter() - began) * 1000)
            own.append((server.cpu_seconds() - spent) * 1000)
    own.sort()
    return own[len(own) // 2], own[int(len(own) * 0.99)], sorted(waited)[len(waited) // 2]


def upload(server: Server, gigabytes: float) -> tuple[float, float]:
    """Upload in blocks; returns the server's maximum memory in MB, and MB per second."""
    end, most = threading.Event(), [server.memory()]

    def watch() -> None:
        while not end.wait(0.05):
            most[0] = max(most[0], server.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    block, count = os.urandom(BLOCK), int(gigabytes * (1 << 30)) // BLOCK
    began = time.monotonic()
    with server.client() as client:
        place = f"{store(client)}/big"
        names = [base64.b64encode(f"{n:08}".encode()).decode() for n in range(count)]
        for name in names:
            query = {"comp": "block", "blockid": name}
            client.put(place, params=query, content=block).raise_for_status()
        body = "".join(f"<Latest>{name}</Latest>" for name in names)
        body = f"<BlockList>{body}</BlockList>"
        client.put(place, params={"comp": "blocklist"}, content=body).raise_for_status()
        size = int(client.head(place).headers["content-length"])
        if size != count * BLOCK:
            raise SystemExit(f"the blob has {size} bytes, not {count * BLOCK}")
        client.delete(place)
    end.set()
    watcher.join()
    return most[0], size / 1e6 / (time.monotonic() - began)


def operate(client: httpx.Client, place: str, draw: random.Random) -> str:
    """Send one random operation and return its name."""
    number = draw.randrange(50)
    kind = draw.choices(("read", "write", "list", "blob", "job"), (40, 20, 10, 25, 1))[0]
    if kind == "read":
        client.get(f"{BASE}/environments/e/versions/1").raise_for_status()
    elif kind == "write":
        body = {"properties": {"image": "a:1", "tags": {"n": str(draw.random())}}}
        client.put(f"{BASE}/environments/e{number}/versions/1", json=body).raise_for_status()
    elif kind == "list":
        client.get(f"{BASE}/environments").raise_for_status()
    elif kind == "blob":
        content = draw.randbytes(draw.randrange(100_000))
        name = f"{place}/load/{number}/{threading.get_ident()}"
        client.put(name, content=content).raise_for_status()
        if client.get(name).raise_for_status().content != content:
            raise ValueError("a blob was read with other content")
    else:
        body = {
            "properties": {
                "jobType": "Command",
                "command": "echo $AZUREML_RUN_ID",
                "environmentId": f"{BASE}/environments/e/versions/1",
            }
        }
        name = f"{BASE}/jobs/load-{draw.getrandbits(60)}"
        client.put(name, json=body).raise_for_status()
        client.get(name).raise_for_status()
    return kind


def load(server: Server, clients: int, seconds: float) -> dict[str, Any]:
    """Run mixed operations of many clients; returns counts, errors, and memory."""
    began, counts = time.monotonic(), collections.Counter[str]()
    errors: list[str] = []

    def work(seed: int) -> None:
        draw = random.Random(seed)
        with server.client() as client:
            place = store(client)
            while time.monotonic() < began + seconds:
                try:
                    counts[operate(client, place, draw)] += 1
                except (httpx.HTTPError, ValueError) as error:
                    errors.append(f"{type(error).__name__}: {error}")

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(work, seed) for seed in range(clients)]
        time.sleep(seconds * WARM_UP)
        before = server.memory()
        for each in running:
            each.result()
    return {"counts": counts, "errors": errors, "before": before, "after": server.memory()}


def main() -> int:
    """Measure and print; exit code 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--untimed", action="store_true", help="do not check limits of time")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="azureml-local-benchmark-"))
    server = Server(options.data or folder / "data")
    try:
        median, p99, client_wait = reads(server)
        memory, rate = upload(server, options.gigabytes)
        result = load(server, options.clients, options.seconds)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    growth = result["after"] / result["before"]
    total, errors = sum(result["counts"].values()), len(result["errors"])
    print(f"start: {server.started:.2f} s (limit {START_LIMIT} s)")
    print(f"processor time for a read: median {median:.2f} ms (limit {MEDIAN_LIMIT} ms),")
    print(
        f"  99th percentile {p99:.2f} ms (limit {P99_LIMIT} ms); clients wait {client_wait:.1f} ms"
    )
    print(f"upload of {options.gigabytes} GiB at {rate:.0f} MB/s:")
    print(f"  {memory:.0f} MB of memory (limit {UPLOAD_LIMIT:.0f})")
    print(
        f"{options.clients} clients for {options.seconds:.0f} s: "
        f"{total} operations, {errors} errors"
    )
    print(f"  {dict(result['counts'])}; memory {result['before']:.0f} -> {result['after']:.0f} MB")
    print(f"  growth {growth:.2f} (limit {GROWTH_LIMIT})")
    for line in result["errors"][:5]:
        print(f"  {line}")
    missed = [
        name
        for name, over in (
            ("start", server.started > START_LIMIT and not options.untimed),
            ("read", (median > MEDIAN_LIMIT or p99 > P99_LIMIT) and not options.untimed),
            ("memory of an upload", memory > UPLOAD_LIMIT),
            ("errors under load", errors > 0),
            ("growth", growth > GROWTH_LIMIT),
        )
        if over
    ]
    print("missed: " + ", ".join(missed) if missed else "all limits are met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
