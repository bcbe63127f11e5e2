"""The data collector: writes requests and responses of a deployment in Azure ML's format.

Each request and collection is a line of JSON (a CloudEvent) in the default datastore:
``modelDataCollector/<endpoint>/<deployment>/<collection>/yyyy/MM/dd/HH/<instance>.jsonl``.
Whole lines are written twice a second, so that requests do not wait for the disk and readers see
no partial lines.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azureml_local.documents.endpoints import DeploymentProperties
from azureml_local.endpoints import Deployment
from azureml_local.json_fields import JsonObject
from azureml_local.state import COLLECTED_DATA, FILES

TYPES = {"model_inputs": "azureml.inference.inputs", "model_outputs": "azureml.inference.outputs"}
OUTPUT = "prediction"
"""The output column of a no-code deployment."""
FLUSH_SECONDS = 0.5
DECIMALS = 10
"""``double_precision`` of ``pandas.DataFrame.to_json``."""


def sampling_rates(properties: DeploymentProperties) -> dict[str, float]:
    """The sampling rate of each enabled collection of a deployment: from 0 to 1 (default)."""
    collections = (properties.get("dataCollector") or {}).get("collections") or {}
    rates = {
        name: settings.get("samplingRate")
        for name, settings in collections.items()
        if settings and str(settings.get("dataCollectionMode")).lower() == "enabled"
    }
    return {name: 1.0 if rate is None else float(rate) for name, rate in rates.items()}


class Collector:
    """Buffers lines by file, and writes them."""

    def __init__(self) -> None:
        self._waiting: defaultdict[Path, list[str]] = defaultdict(list)
        self._writer: asyncio.Task[None] | None = None
        self._instance = uuid.uuid4().hex[:12]

    def collect(
        self,
        deployment: Deployment,
        request_id: str,
        request_body: bytes,
        response_body: bytes,
    ) -> None:
        """Collect a request and its response for the enabled collections of a no-code deployment.

        Args:
            deployment: the deployment that answered.
            request_id: correlates inputs and outputs.
            request_body: the body of the request.
            response_body: the body of a successful answer.
        """
        drawn = random.random()
        rates = sampling_rates(deployment.properties)
        enabled = [each for each, rate in rates.items() if each in TYPES and drawn < rate]
        for collection in enabled:
            inputs = collection == "model_inputs"
            rows = _input_rows(request_body) if inputs else _output_rows(response_body)
            self.append(deployment, collection, request_id, _round_numbers(rows))

    def flush(self) -> None:
        """Write the buffered lines."""
        self._write(self._take_waiting())

    def _take_waiting(self) -> dict[Path, list[str]]:
        waiting, self._waiting = self._waiting, defaultdict(list)
        return waiting

    @staticmethod
    def _write(waiting: dict[Path, list[str]]) -> None:
        for path, lines in waiting.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            content = "".join(f"{line}\n" for line in lines).encode()
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, content)
            finally:
                os.close(descriptor)

    def append(
        self, deployment: Deployment, collection: str, request_id: str, rows: list[Any]
    ) -> None:
        """Append rows to a collection of a deployment; scripts may use any collection name."""
        now = datetime.now(UTC)
        data = json.dumps(rows)
        event = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": f"{deployment.workspace.path}/{deployment.path}",
            "type": TYPES.get(collection, f"azureml.inference.{collection}"),
            "datacontenttype": "application/json",
            "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "data": rows,
            "path": "/score",
            "method": "POST",
            "contentrange": f"bytes 0-{len(data) - 1}/{len(data)}",
            "correlationid": request_id,
            "xrequestid": request_id,
            "collectdatatype": "pandas.core.frame.DataFrame",
            "agent": "azureml-local",
        }
        hour = f"{now:%Y/%m/%d/%H}"
        folder = deployment.workspace.container(FILES) / COLLECTED_DATA / deployment.name
        path = folder / collection / hour
        self._waiting[path / f"{self._instance}.jsonl"].append(json.dumps(event))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_later())

    async def _write_later(self) -> None:
        while self._waiting:  # also the lines that were added during a write
            await asyncio.sleep(FLUSH_SECONDS)
            await asyncio.to_thread(self._write, self._take_waiting())


def _input_rows(body: bytes) -> list[JsonObject]:
    """The rows of a request body, with column names if it has them; empty for a GET request."""
    data = json.loads(body)["input_data"] if body else []
    if isinstance(data, dict) and "data" not in data:
        return _column_rows(data)
    columns, rows = (data.get("columns"), data["data"]) if isinstance(data, dict) else (None, data)
    rows = [row if isinstance(row, list) else [row] for row in rows]
    return [dict(zip(columns or map(str, range(len(row))), row, strict=False)) for row in rows]


def _output_rows(body: bytes) -> list[JsonObject]:
    result = json.loads(body)
    if isinstance(result, dict):
        return _column_rows(result)
    rows = result if isinstance(result, list) else [result]
    return [row if isinstance(row, dict) else {OUTPUT: row} for row in rows]


def _round_numbers(value: Any) -> Any:
    """Numbers with the decimals that Azure's collector has: it writes with pandas."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {key: _round_numbers(each) for key, each in value.items()}
    return [_round_numbers(each) for each in value] if isinstance(value, list) else value


def _column_rows(columns: JsonObject) -> list[JsonObject]:
    """Rows of columns of equal length; one row if they are scalars or differ in length."""
    lengths = {len(values) if isinstance(values, list) else -1 for values in columns.values()}
    if len(lengths) != 1 or -1 in lengths:
        return [columns]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
