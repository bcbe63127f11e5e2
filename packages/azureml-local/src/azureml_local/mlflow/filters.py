"""Searches of MLflow's registry: the part of its filter language that names, runs and tags need."""

from __future__ import annotations

import re
from typing import Any

from azureml_local.errors import BadRequest

CONDITION = re.compile(
    r"""\s*(?P<field>[\w.]+|tags?\.[`"][^`"]+[`"])\s*(?P<how>!=|=|i?like)\s*
    (?P<quote>['"])(?P<value>.*?)(?P=quote)\s*(?P<more>and\s+|\Z)""",
    re.IGNORECASE | re.VERBOSE,
)
FIELDS = ("name", "run_id", "version_number", "current_stage")
MOST = 1000


def kept(body: dict[str, Any], shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that a request's filter lets pass, in the order that it asks for.

    Raises:
        BadRequest: the filter or the order is none that there is.
    """
    for field, how, value in _conditions(str(body.get("filter") or "")):
        shown = [each for each in shown if _fits(_field(each, field), how, value)]
    orders = body.get("order_by") or []
    for order in reversed([orders] if isinstance(orders, str) else orders):
        field, _, way = str(order).strip().partition(" ")
        if field not in ("name", "version_number", "creation_timestamp", "last_updated_timestamp"):
            raise BadRequest(f"order_by {order!r} is not supported")
        shown = sorted(shown, key=lambda each: _key(each, field), reverse=way.lower() == "desc")
    return shown


def page(
    body: dict[str, Any], shown: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], str | None]:
    """One page of what was found, and the token of the next."""
    try:
        size = min(int(body.get("max_results") or MOST), MOST)
        start = int(body.get("page_token") or 0)
    except (TypeError, ValueError):
        raise BadRequest("max_results and page_token must be numbers") from None
    if size < 1 or start < 0:
        raise BadRequest("max_results and page_token must not be negative")
    end = start + size
    return shown[start:end], str(end) if end < len(shown) else None


def _conditions(text: str) -> list[tuple[str, str, str]]:
    found = []
    place = 0
    while text.strip() and place < len(text):
        match = CONDITION.match(text, place)
        field = match["field"] if match else ""
        if match is None or not (field in FIELDS or re.match(r"tags?\.", field)):
            raise BadRequest(
                f"the filter {text!r} is not supported: conditions on {', '.join(FIELDS)} and "
                "tags.<key> with =, !=, LIKE or ILIKE, joined by AND"
            )
        found.append((field, match["how"].lower(), match["value"]))
        place = match.end()
    return found


def _field(shown: dict[str, Any], field: str) -> str | None:
    if field.startswith("tag"):
        key = field.partition(".")[2].strip('`"')
        return next((each["value"] for each in shown["tags"] if each["key"] == key), None)
    value = shown.get("version" if field == "version_number" else field)
    return None if value is None else str(value)


def _fits(value: str | None, how: str, wanted: str) -> bool:
    if value is None:
        return how == "!="  # as MLflow's own clients leave out prompts
    if how in ("=", "!="):
        return (value == wanted) is (how == "=")
    pattern = "".join(
        ".*" if part == "%" else "." if part == "_" else re.escape(part)
        for part in re.split(r"([%_])", wanted)
    )
    flags = re.DOTALL | (re.IGNORECASE if how == "ilike" else 0)
    return re.fullmatch(pattern, value, flags) is not None


def _key(shown: dict[str, Any], field: str) -> Any:
    value = str(shown.get("version" if field == "version_number" else field))
    return (0, int(value), "") if value.isdigit() else (1, 0, value)
