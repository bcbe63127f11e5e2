"""Values that a runbook publishes, kept in the executed notebook's own output.

The format is scrapbook's (one ``display_data`` output a value), so that the executed notebook alone
is the evidence of what later runbooks were given, and other tools can read it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

MEDIA_TYPE = "application/scrapbook.scrap.json+json"


def record(**values: Any) -> None:
    """Publish values: later runbooks with a parameter of that name get them injected.

    Args:
        values: by name; what JSON can hold (None, bool, int, float, str, lists and dicts of them),
            pydantic models, and lists of models.

    Raises:
        TypeError: a value is something else, or a number that JSON has no word for; nothing is
            published then.
    """
    from IPython.display import display

    values = {name: _dump(value) for name, value in values.items()}
    for name, value in values.items():
        _check(name, value)
    for name, value in values.items():
        scrap = {"name": name, "data": value, "encoder": "json", "version": 1}
        text = f"{name} = {json.dumps(value, ensure_ascii=False)}"
        display({MEDIA_TYPE: scrap, "text/plain": text}, raw=True)


def read_outputs(outputs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The values among a cell's outputs, the last of a name."""
    found = {}
    for output in outputs:
        scrap = output.get("data", {}).get(MEDIA_TYPE)
        if scrap is not None:
            found[scrap["name"]] = scrap["data"]
    return found


def _dump(value: Any) -> Any:
    """A model or a list of models as JSON values; anything else as it is."""
    if isinstance(value, list):
        return [_dump(item) for item in value]
    dump = getattr(value, "model_dump", None)  # of pydantic, which a notebook may do without
    return value if dump is None else dump(mode="json")


def _check(name: str, value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"record({name}=…): {value} is no JSON number; record None instead")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"record({name}=…): the key {key!r} is not a str")
            _check(name, item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(name, item)
    elif value is not None and not isinstance(value, bool | int | float | str):
        kind = type(value).__name__
        raise TypeError(
            f"record({name}=…): {kind} is not JSON; convert it: float(), str(), .tolist()"
        )
