"""What the local workspace costs: a start, an answer, a big upload, many clients at once.

    python benchmarks/workspace.py [--seconds 600] [--clients 32] [--gigabytes 2] [--data DIR]

Prints each figure beside its limit; exit code 1 where one is missed. The clients' requests are
those of the SDK, sent by a light client, so that it is the server that is measured: a process of
the SDK alone would keep both processors busy.
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
START_LIMIT, GET_LIMIT, MOST_LIMIT = 3.0, 15.0, 3.0  # seconds, milliseconds, milliseconds
UPLOAD_LIMIT, GROWTH_LIMIT = 300.0, 1.20  # MB, ratio
BLOCK = 4 << 20
WARM = 0.2  # of the time, before memory is looked at


class Server:
    """A server of its own, by its command line."""

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

    def spent(self) -> float:
        """Seconds that the thread which answers has been at work (Linux alone tells)."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def stop(self) -> None:
        """End it."""
        self._command("stop")


def store(client: httpx.Client) -> str:
    """The path of the default container, with a place for its signature's query."""
    found = client.get(f"{BASE}/datastores/workspaceblobstore").json()["properties"]
    account = found["accountName"].partition("/")[2]
    return f"/{account}.blob.core.windows.net/{found['containerName']}"


def reads(server: Server) -> tuple[float, float, float]:
    """Reads on a warm connection, in milliseconds.

    Returns:
        Median and 99th percentile of the server's own time, and the median of what a client waits,
        which other programs of the machine lengthen.
    """
    with server.client() as client:
        body = {"properties": {"image": "a:1"}}
        client.put(f"{BASE}/environments/e/versions/1", json=body).raise_for_status()
        own, waited = [], []
        for _ in range(400):
            spent, began = server.spent(), time.perf_counter()
            client.get(f"{BASE}/environments/e/versions/1").raise_for_status()
            waited.append((time.perf_counter() - began) * 1000)
            own.append((server.spent() - spent) * 1000)
    own.sort()
    return own[len(own) // 2], own[int(len(own) * 0.99)], sorted(waited)[len(waited) // 2]


def upload(server: Server, gigabytes: float) -> tuple[float, float]:
    """Upload by blocks; the server's greatest memory in MB, and MB a second."""
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
    """One of the operations that scripts mix; gives its name."""
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
            raise ValueError("a blob came back with other content")
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
    """Mixed operations of many clients: how many, what went wrong, memory before and after."""
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
        time.sleep(seconds * WARM)
        before = server.memory()
        for each in running:
            each.result()
    return {"counts": counts, "errors": errors, "before": before, "after": server.memory()}


def main() -> int:
    """Measure and print; exit code 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--untimed", action="store_true", help="hold no limit of time")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="azureml-local-benchmark-"))
    server = Server(given.data or folder / "data")
    try:
        middle, slowest, waited = reads(server)
        most, rate = upload(server, given.gigabytes)
        found = load(server, given.clients, given.seconds)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    growth = found["after"] / found["before"]
    total, wrong = sum(found["counts"].values()), len(found["errors"])
    print(f"start to first answer: {server.started:.2f} s (limit {START_LIMIT} s)")
    print(f"the server's time for a read: median {middle:.2f} ms (limit {MOST_LIMIT} ms),")
    print(
        f"  99 of 100 within {slowest:.2f} ms (limit {GET_LIMIT} ms); clients wait {waited:.1f} ms"
    )
    print(f"upload of {given.gigabytes} GiB at {rate:.0f} MB/s:")
    print(f"  {most:.0f} MB of memory at most (limit {UPLOAD_LIMIT:.0f})")
    print(f"{given.clients} clients for {given.seconds:.0f} s: {total} operations, {wrong} errors")
    print(f"  {dict(found['counts'])}; memory {found['before']:.0f} -> {found['after']:.0f} MB")
    print(f"  growth {growth:.2f} (limit {GROWTH_LIMIT})")
    for line in found["errors"][:5]:
        print(f"  {line}")
    missed = [
        name
        for name, over in (
            ("start", server.started > START_LIMIT and not given.untimed),
            ("read", (middle > MOST_LIMIT or slowest > GET_LIMIT) and not given.untimed),
            ("memory of an upload", most > UPLOAD_LIMIT),
            ("errors under load", wrong > 0),
            ("growth", growth > GROWTH_LIMIT),
        )
        if over
    ]
    print("missed: " + ", ".join(missed) if missed else "all within their limits")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
