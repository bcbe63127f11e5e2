"""The requests of the comparison: all forms of input, odd values, content types, methods, ids."""

from __future__ import annotations

import base64
import json
from typing import Any

VALUES = (
    None, True, 0, 7, 2.5, -0.0, 1e300, 10**30, -(2**63), "1", "2.5", "x", "", "NA", "01234",
    "2022-06-07T00:00:00", 1654560000000, [1], {"z": 1}, float("nan"),
)  # fmt: skip
IDS = ("x-request-id", "x-ms-request-id", "x-ms-client-request-id", "TraceId")
CONTENT_TYPES = (
    "application/json; charset=utf-8", "application/x+json", "text/json", "text/csv",
    "text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "",
)  # fmt: skip
VERSIONS = ("", "?version=2", "?version=2.0", "?version=3", "?version=3.0", "?version=3.1",
            "?version=9", "?version=")  # fmt: skip


def request(
    body: Any = b"", method: str = "POST", path: str = "/score", query: str = "", **headers: str
) -> dict[str, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"} if method == "POST" else {}
    return {
        "body": base64.b64encode(data).decode(), "method": method, "path": path, "query": query,
        "headers": {key: value for key, value in {**kind, **headers}.items() if value},
    }  # fmt: skip


def input_forms(names: list[str], row: list[Any]) -> list[Any]:
    """Values of ``input_data``."""
    reverse = {"columns": names[::-1], "data": [row[::-1]]}
    split = {"columns": names, "index": [0], "data": [row]}
    return [
        split, {**split, "index": ["x"]}, {**split, "index": [0, 1, 2]}, {**split, "index": []},
        {"columns": names, "data": [row]}, {"index": [0], "data": [row]}, {"data": [row]}, reverse,
        {**split, "index": [5, 5], "data": [row, row]}, {**split, "index": [], "data": []},
        {**split, "more": 1}, {**split, "data": [row, row[:1]], "index": [0, 1]},
        {**split, "data": [[*row, 1]]}, {**split, "data": row}, {**split, "columns": names[:1]},
        {"columns": names[:1], "index": [0], "data": [row[:1]]},
        {"columns": [*names, "c"], "index": [0], "data": [[*row, "c"]]},
        {"columns": [*names, names[0]], "index": [0], "data": [[*row, row[0]]]},
        {"columns": [*names, "c", "c"], "index": [0], "data": [[*row, 1, 2]]},
        {"columns": [0, 1], "index": [0], "data": [row]},
        [row], [row, row], row, [[row]], [*row, [1]], [], {}, None, 3, "text", json.dumps(split),
        [dict(zip(names, row, strict=False))], {name: [v] for name, v in zip(names, row, strict=False)},
        {name: [[v]] for name, v in zip(names, row, strict=False)},
        dict(zip(names, row, strict=False)), {"input_data": split}, {"input_data": [row]},
    ]  # fmt: skip


def generate(names: list[str], row: list[Any]) -> list[dict[str, Any]]:
    """All requests for a model with these columns; ``row`` is valid for it."""
    split = {"columns": names, "index": [0], "data": [row]}
    valid = {"input_data": split}
    generated = [request({"input_data": form}) for form in input_forms(names, row)]
    for position in (0, len(names) - 1):
        for value in VALUES:
            cells = [*row[:position], value, *row[position + 1 :]]
            generated.append(request({"input_data": {**split, "data": [cells]}}))
            generated.append(request({"input_data": [cells]}))
    for params in ({}, {"p": 5}, {"p": "x"}, {"q": 1}, [1], "x", None):
        generated.append(request({**valid, "params": params}))
    for key in ("instances", "inputs", "data", "dataframe_split", "dataframe_records"):
        generated.append(request({key: split}))
    generated += [request(body) for body in (b"", b"{", b"\xff", b"null", b"[1]", b'"text"')]
    generated.append(request(json.dumps(valid).encode("utf-16")))
    generated += [request(valid, **{"Content-Type": kind}) for kind in CONTENT_TYPES]
    text = json.dumps(split)
    for query in (f"input_data={text}", "input_data=[[1,2]]", "input_data=x", "a=1", "a=1&a=2"):
        generated.append(request(method="GET", query=query))
    generated += [request(method="GET"), request(method="OPTIONS"), request(valid, "OPTIONS")]
    for name in IDS:
        generated += [request(valid, **{name: "i" * length}) for length in (1, 100, 101)]
    for version in VERSIONS:
        generated.append(request(method="GET", path="/swagger.json", query=version.lstrip("?")))
    return generated
