"""Published values: how a runbook hands them to later runbooks and to the release record.

Each value is a ``display_data`` output in scrapbook's format, so the executed notebook alone proves
what later runbooks were run with, and other tools can read it.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

MEDIA_TYPE = "application/scrapbook.scrap.json+json"


def record(**values: Any) -> None:
    """Publish values. Later runbooks with a parameter of that name are run with them.

    A value that the release record has a field for, but in another form, is published with a
    warning: the evidence page cannot show it.

    Args:
        values: by name: None, bool, int, float, str, lists and dicts of these, pydantic models,
            and lists of models.

    Raises:
        TypeError: a value is something else, or a number that JSON cannot hold; nothing is
            published.
    """
    from IPython.display import display

    from nbrelease.records.published import check

    values = {name: _dump(value) for name, value in values.items()}
    for name, value in values.items():
        _require_json(name, value)
        if problem := check(name, value):
            warnings.warn(f"record({name}=...): not shown as evidence: {problem}", stacklevel=2)
    for name, value in values.items():
        scrap = {"name": name, "data": value, "encoder": "json", "version": 1}
        text = f"{name} = {json.dumps(value, ensure_ascii=False)}"
        display({MEDIA_TYPE: scrap, "text/plain": text}, raw=True)


def read_outputs(outputs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The published values in a cell's outputs; of one name the last."""
    values = {}
    for output in outputs:
        scrap = output.get("data", {}).get(MEDIA_TYPE)
        if scrap is not None:
            values[scrap["name"]] = scrap["data"]
    return values


def _dump(value: Any) -> Any:
    """A model or a list of models as JSON values; anything else as it is."""
    if isinstance(value, list):
        return [_dump(item) for item in value]
    dump = getattr(value, "model_dump", None)  # of pydantic, which a notebook may do without
    return value if dump is None else dump(mode="json")


def _require_json(name: str, value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"record({name}=...): JSON has no {value}; record None")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"record({name}=...): the key {key!r} is not a string")
            _require_json(name, item)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_json(name, item)
    elif value is not None and not isinstance(value, bool | int | float | str):
        kind = type(value).__name__
        raise TypeError(f"record({name}=...): JSON has no {kind}; use float(), str(), .tolist()")
