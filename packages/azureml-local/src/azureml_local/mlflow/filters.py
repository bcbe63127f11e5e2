"""Searches in MLflow's registry: filters on names, runs and tags, order and pages."""

from __future__ import annotations

import re
from typing import TypeVar

from azureml_local.errors import BadRequest
from azureml_local.json_fields import JsonObject
from azureml_local.mlflow.entities import ModelVersion, RegisteredModel

CONDITION = re.compile(
    r"""\s*(?P<field>[\w.]+|tags?\.[`"][^`"]+[`"])\s*(?P<operator>!=|=|i?like)\s*
    (?P<quote>['"])(?P<value>.*?)(?P=quote)\s*(?P<more>and\s+|\Z)""",
    re.IGNORECASE | re.VERBOSE,
)
FIELDS = ("name", "run_id", "version_number", "current_stage")
MAX_RESULTS = 1000

Item = TypeVar("Item", RegisteredModel, ModelVersion)


def filter_and_sort(body: JsonObject, items: list[Item]) -> list[Item]:
    """The items that match a request's filter, in its order.

    Raises:
        BadRequest: the filter or the order is not supported.
    """
    for field, operator, value in _conditions(str(body.get("filter") or "")):
        items = [item for item in items if _matches(_field(item, field), operator, value)]
    orders = body.get("order_by") or []
    for order in reversed(orders if isinstance(orders, list) else [orders]):
        field, _, way = str(order).strip().partition(" ")
        if field not in ("name", "version_number", "creation_timestamp", "last_updated_timestamp"):
            raise BadRequest(f"order_by: {order!r} is not supported")
        items = sorted(
            items, key=lambda item: _sort_key(item, field), reverse=way.lower() == "desc"
        )
    return items


def page(body: JsonObject, items: list[Item]) -> tuple[list[Item], str | None]:
    """One page of the items, and the token of the next page."""
    try:
        size = min(int(str(body.get("max_results") or MAX_RESULTS)), MAX_RESULTS)
        start = int(str(body.get("page_token") or 0))
    except ValueError:
        raise BadRequest("max_results, page_token: must be numbers") from None
    if size < 1 or start < 0:
        raise BadRequest("max_results, page_token: must not be negative")
    end = start + size
    return items[start:end], str(end) if end < len(items) else None


def _conditions(text: str) -> list[tuple[str, str, str]]:
    conditions = []
    position = 0
    while text.strip() and position < len(text):
        match = CONDITION.match(text, position)
        field = match["field"] if match else ""
        if match is None or not (field in FIELDS or re.match(r"tags?\.", field)):
            raise BadRequest(
                f"filter: {text!r} is not supported; use conditions on {', '.join(FIELDS)} and "
                "tags.<key> with =, !=, LIKE or ILIKE, joined by AND"
            )
        conditions.append((field, match["operator"].lower(), match["value"]))
        position = match.end()
    return conditions


def _field(item: RegisteredModel | ModelVersion, field: str) -> str | None:
    if field.startswith("tag"):
        key = field.partition(".")[2].strip('`"')
        return next((tag["value"] for tag in item["tags"] if tag["key"] == key), None)
    value = item.get("version" if field == "version_number" else field)
    return None if value is None else str(value)


def _matches(value: str | None, operator: str, operand: str) -> bool:
    if value is None:
        return operator == "!="  # MLflow's clients exclude prompts in this way
    if operator in ("=", "!="):
        return (value == operand) is (operator == "=")
    pattern = "".join(
        ".*" if part == "%" else "." if part == "_" else re.escape(part)
        for part in re.split(r"([%_])", operand)
    )
    flags = re.DOTALL | (re.IGNORECASE if operator == "ilike" else 0)
    return re.fullmatch(pattern, value, flags) is not None


def _sort_key(item: RegisteredModel | ModelVersion, field: str) -> tuple[int, int, str]:
    value = str(item.get("version" if field == "version_number" else field))
    return (0, int(value), "") if value.isdigit() else (1, 0, value)
