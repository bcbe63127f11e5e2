"""Read what the data collector of an online endpoint stored, as one table.

Azure ML's data collector writes a line of JSON (a CloudEvent) for each request, to
``modelDataCollector/<endpoint>/<deployment>/<collection>/yyyy/MM/dd/HH/<instance>.jsonl`` in the
workspace's default datastore. The inputs and outputs of a request have the same correlation id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from nbrelease.quality.values import format_value

INPUTS, OUTPUTS = "model_inputs", "model_outputs"
CORRELATION, ROW = "correlationid", "row"
KEY = "key"
"""Identifies a row of a request: ``<correlation id>_<row>``. Labels are joined by it."""


def read_collected(
    folder: Path, prediction: str = "prediction", *, since: datetime | None = None
) -> pd.DataFrame:
    """Read what was collected of one deployment.

    Args:
        folder: holds the folders of the collections; other folders are ignored.
        prediction: the name for the column of the predictions.
        since: leaves older rows out.

    Returns:
        A row for each row of the requests: key, time (UTC), the features, and the prediction,
        which is nan where the output was not collected. Oldest first.
    """
    inputs = pd.DataFrame(_read_rows(folder, INPUTS))
    if inputs.empty:
        return pd.DataFrame({KEY: [], "time": pd.to_datetime([], utc=True), prediction: []})
    # As objects: a missing prediction would turn the others from integers into floats.
    outputs = pd.DataFrame(_read_rows(folder, OUTPUTS), dtype=object)
    if outputs.empty:
        inputs[prediction] = float("nan")
    else:
        names = [name for name in outputs if name not in (CORRELATION, ROW, "time")]
        source = prediction if prediction in names else names[0]
        outputs = outputs.rename(columns={source: prediction})[[CORRELATION, ROW, prediction]]
        outputs[ROW] = outputs[ROW].astype(int)
        inputs = inputs.merge(outputs, on=[CORRELATION, ROW], how="left")
    inputs["time"] = pd.to_datetime(inputs["time"], utc=True, format="ISO8601")
    inputs.insert(0, KEY, inputs[CORRELATION] + "_" + inputs[ROW].astype(str))
    if since is not None:
        inputs = inputs[inputs["time"] >= since]
    return inputs.drop(columns=[CORRELATION, ROW]).sort_values(
        "time", kind="stable", ignore_index=True
    )


def add_labels(rows: pd.DataFrame, labels: pd.DataFrame, column: str) -> pd.DataFrame:
    """Add the true labels that have arrived, as a column ``label``.

    Args:
        rows: of :func:`read_collected`.
        labels: a column ``key`` (or ``correlationid``, for requests of one row) and the label's.
        column: the name of the label's column in ``labels``.

    Raises:
        ValueError: a column is missing.
    """
    key = KEY if KEY in labels else CORRELATION
    if key not in labels or column not in labels:
        raise ValueError(f"labels need the columns {KEY} and {column}; there are {list(labels)}")
    known = labels[[key, column]].rename(columns={key: KEY, column: "label"})
    known[KEY] = known[KEY].astype(str)
    if key == CORRELATION:
        known[KEY] += "_0"
    return rows.merge(known.drop_duplicates(KEY, keep="last"), on=KEY, how="left")


def match_predictions(
    live: pd.DataFrame, new: pd.DataFrame, prediction: str = "prediction"
) -> pd.DataFrame:
    """The predictions of two deployments for the same values, where one gets mirrored requests.

    Rows are joined by their values: a mirrored request has an id of its own.

    Args:
        live: of :func:`read_collected`.
        new: the same, of the other deployment.
        prediction: the name of the column of the predictions.

    Returns:
        The columns ``before`` (live) and ``after`` (new), a row for each prediction of the new
        deployment whose values the live one predicted too.
    """
    values = [name for name in live if name not in (KEY, "time", prediction)]
    if live.empty or new.empty or set(values) - set(new):
        return pd.DataFrame({"before": [], "after": []})
    before, after = (
        pd.DataFrame({"values": _join_values(rows[values]), name: rows[prediction]}).dropna()
        for name, rows in (("before", live), ("after", new))
    )
    both = after.merge(before.drop_duplicates("values"), on="values")
    return both[["before", "after"]]


def _join_values(rows: pd.DataFrame) -> pd.Series:
    """A row's values as one text, the same whatever type a column has in either table."""
    texts = [rows[name].astype(object).map(format_value) for name in rows]
    return pd.Series(zip(*texts, strict=True), index=rows.index, dtype=object).map(repr)


def _read_rows(folder: Path, collection: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.rglob("*.jsonl")):
        if collection not in path.parts:
            continue
        with path.open(encoding="utf-8") as file:
            for line in file:
                # The collector appends: its last line may be incomplete until the next run.
                if line.endswith("\n"):
                    yield from _parse_event(json.loads(line))


def _parse_event(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    common = {"time": event["time"], CORRELATION: event.get(CORRELATION) or event["id"]}
    for number, values in enumerate(_parse_data(event.get("data"))):
        yield {**common, ROW: number, **values}


def _parse_data(data: Any) -> list[dict[str, Any]]:
    """The rows in an event's data: records, or the body of a request or of an answer."""
    if isinstance(data, str):
        data = json.loads(data)
    if isinstance(data, dict) and "input_data" in data:
        data = data["input_data"]
    if isinstance(data, dict) and {"columns", "data"} <= data.keys():
        return [dict(zip(data["columns"], row, strict=True)) for row in data["data"]]
    if isinstance(data, dict):
        columns = {name: v if isinstance(v, list) else [v] for name, v in data.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if isinstance(data, list):
        return [row if isinstance(row, dict) else {"value": row} for row in data]
    return []
