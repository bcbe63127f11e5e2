"""What the data collector of an endpoint wrote: lines of events, read into one table.

Azure ML's collector keeps a line of JSON (a CloudEvent) for each request, in
``modelDataCollector/<endpoint>/<deployment>/<collection>/yyyy/MM/dd/HH/<instance>.jsonl`` of the
workspace's default datastore. Inputs and outputs of a request share a correlation id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

INPUTS, OUTPUTS = "model_inputs", "model_outputs"
CORRELATION, ROW = "correlationid", "row"
KEY = "key"
"""Names one row of one request, ``<correlation id>_<row>``: that is how labels find their row."""


def read(
    folder: Path, prediction: str = "prediction", *, since: datetime | None = None
) -> pd.DataFrame:
    """Read what was collected of one deployment.

    Args:
        folder: holds the collections' folders; what lies in others is left alone.
        prediction: the name for the answers' column.
        since: leaves older rows out.

    Returns:
        One row for each row that was asked for: key, time (UTC), the features, and the answer,
        which is nan where the output was not collected. Oldest first.
    """
    asked = pd.DataFrame(_rows(folder, INPUTS))
    if asked.empty:
        return pd.DataFrame({KEY: [], "time": pd.to_datetime([], utc=True), prediction: []})
    answers = pd.DataFrame(_rows(folder, OUTPUTS))
    if answers.empty:
        asked[prediction] = float("nan")
    else:
        names = [name for name in answers if name not in (CORRELATION, ROW, "time")]
        answers = answers.rename(columns={names[0]: prediction})[[CORRELATION, ROW, prediction]]
        asked = asked.merge(answers, on=[CORRELATION, ROW], how="left")
    asked["time"] = pd.to_datetime(asked["time"], utc=True, format="ISO8601")
    asked.insert(0, KEY, asked[CORRELATION] + "_" + asked[ROW].astype(str))
    if since is not None:
        asked = asked[asked["time"] >= since]
    return asked.drop(columns=[CORRELATION, ROW]).sort_values(
        "time", kind="stable", ignore_index=True
    )


def with_labels(rows: pd.DataFrame, labels: pd.DataFrame, column: str) -> pd.DataFrame:
    """Add the true labels that have arrived.

    Args:
        rows: of :func:`read`.
        labels: a column ``key`` (or ``correlationid``, for requests of one row) and the label's.
        column: the label's name in ``labels``; ``label`` in the result.

    Raises:
        ValueError: a column is missing.
    """
    key = KEY if KEY in labels else CORRELATION
    if key not in labels or column not in labels:
        raise ValueError(f"labels need the columns {KEY} and {column}; there are {list(labels)}")
    found = labels[[key, column]].rename(columns={key: KEY, column: "label"})
    found[KEY] = found[KEY].astype(str)
    if key == CORRELATION:
        found[KEY] += "_0"
    return rows.merge(found.drop_duplicates(KEY, keep="last"), on=KEY, how="left")


def both_answers(
    champion: pd.DataFrame, challenger: pd.DataFrame, prediction: str = "prediction"
) -> pd.DataFrame:
    """What two deployments answered to the same values, as when one gets a copy of the requests.

    Rows meet by their values: a mirrored request is a request of its own, with an id of its own.

    Args:
        champion: of :func:`read`.
        challenger: the same, of the other deployment.
        prediction: the name of the answers' column.

    Returns:
        The columns ``before`` and ``after``, a row for each that the challenger answered and whose
        values the champion was asked for too.
    """
    values = [name for name in champion if name not in (KEY, "time", prediction)]
    if champion.empty or challenger.empty or set(values) - set(challenger):
        return pd.DataFrame({"before": [], "after": []})
    before = champion.dropna(subset=prediction).drop_duplicates(values)
    after = challenger.dropna(subset=prediction)
    both = after.merge(before, on=values, suffixes=("", " of the champion"))
    return both.rename(columns={f"{prediction} of the champion": "before", prediction: "after"})[
        ["before", "after"]
    ]


def _rows(folder: Path, collection: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.rglob("*.jsonl")):
        if collection not in path.parts:
            continue
        with path.open(encoding="utf-8") as file:
            for line in file:
                # A collector appends: its last line may be half written, and is whole next time.
                if line.endswith("\n"):
                    yield from _event(json.loads(line))


def _event(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    common = {"time": event["time"], CORRELATION: event.get(CORRELATION) or event["id"]}
    for number, values in enumerate(_table(event.get("data"))):
        yield {**common, ROW: number, **values}


def _table(data: Any) -> list[dict[str, Any]]:
    """Rows out of what a collector keeps: records, or the body of a request or answer."""
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
