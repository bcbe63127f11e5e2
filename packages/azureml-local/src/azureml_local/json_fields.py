"""The fields of JSON objects in requests, with errors that name the field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from azureml_local.errors import BadRequest


def _number(text: str) -> float:
    """A number of JSON, which has neither infinity nor NaN.

    Raises:
        ValueError: it is one of them.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number in JSON")
    return number


async def json_of(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        BadRequest: the body is not a JSON object.
    """
    content = await request.body()
    try:
        body = json.loads(content, parse_float=_number, parse_constant=_number)
        if b"\\u" in content:
            json.dumps(body, ensure_ascii=False).encode()  # refuses half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the request's body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadRequest("the request's body is not a JSON object")
    return body


def camel_case(name: str) -> str:
    """A name in snake case in the form of the API: ``max_retries`` as ``maxRetries``."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def object_of(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A field that is a JSON object, without its nulls; empty if it is missing or null.

    Raises:
        BadRequest: its type is wrong.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"{name}: must be an object (got {value!r})", target=name)
    return {key: value for key, value in value.items() if value is not None}


def text_of(body: Mapping[str, Any], name: str, default: str = "") -> str:
    """A field that is a string.

    Raises:
        BadRequest: its type is wrong.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise BadRequest(f"{name}: must be a string (got {value!r})", target=name)
    return value
