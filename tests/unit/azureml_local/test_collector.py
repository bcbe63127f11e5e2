"""The data collector: sampling rates, and lines that arrive during a write."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time

import pytest

from azureml_local.endpoints import ONLINE
from azureml_local.online import collector
from azureml_local.state import State

SECONDS = 60


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path, "https://localhost:1")
    yield state
    state.store.close()


@pytest.mark.parametrize(("rate", "lines"), [(0, 0), (0.0, 0), (None, 1), (1, 1)])
def test_the_sampling_rate_of_a_collection(state, rate, lines):
    settings = {"dataCollectionMode": "Enabled", "samplingRate": rate}
    properties = {"dataCollector": {"collections": {"model_outputs": settings}}}
    assert collector.sampling_rates(properties) == {"model_outputs": float(lines)}

    async def main() -> None:
        workspace = state.workspace_by_name("s", "g", "w")
        deployment = ONLINE.put_deployment(
            workspace, "endpoint", "blue", {"properties": properties}
        )
        collecting = collector.Collector()
        for _ in range(5):
            collecting.collect(deployment, "id", b"{}", b"[1]")
        collecting.flush()

    asyncio.run(main())
    written = [path.read_text().count("\n") for path in state.data.rglob("*.jsonl")]
    assert written == [5] * lines


def test_a_line_that_is_added_during_a_write_is_written(state, monkeypatch):
    writing, added = threading.Event(), threading.Event()
    write = os.write

    def slow_write(descriptor, content):
        writing.set()
        assert added.wait(SECONDS)
        return write(descriptor, content)

    monkeypatch.setattr(collector, "FLUSH_SECONDS", 0)
    monkeypatch.setattr(os, "write", slow_write)

    def written() -> list[str]:
        return [
            json.loads(line)["correlationid"]
            for path in state.data.rglob("*.jsonl")
            for line in path.read_text().splitlines()
        ]

    async def main() -> None:
        workspace = state.workspace_by_name("s", "g", "w")
        deployment = ONLINE.put_deployment(workspace, "endpoint", "blue", {})
        collecting = collector.Collector()

        def append(request_id: str) -> None:
            collecting.append(deployment, "model_inputs", request_id, [{"a": 1}])

        append("first")
        assert await asyncio.to_thread(writing.wait, SECONDS)
        append("second")
        added.set()
        deadline = time.monotonic() + SECONDS
        while written() != ["first", "second"]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    asyncio.run(main())
