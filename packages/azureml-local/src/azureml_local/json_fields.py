"""The fields of JSON objects in requests, with errors that name the field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar, cast

from azureml_local.errors import BadRequest

if TYPE_CHECKING:  # `az` and the workers of deployments use this module, and not Starlette
    from typing import TypeAlias

    from starlette.requests import Request

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A value in JSON whose form is not known, such as one that a client sends."""
JsonObject: TypeAlias = "dict[str, Json]"
"""A JSON object whose fields are not known."""
Document = TypeVar("Document", bound="Mapping[str, object]")


def _number(text: str) -> float:
    """A number of JSON, which has neither infinity nor NaN.

    Raises:
        ValueError: it is one of them.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number in JSON")
    return number


async def json_of(request: Request) -> JsonObject:
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


def object_of(body: Mapping[str, object], name: str) -> JsonObject:
    """A field that is a JSON object, without its nulls; empty if it is missing or null.

    Raises:
        BadRequest: its type is wrong.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"{name}: must be an object (got {value!r})", target=name)
    return without_nulls(value)


def without_nulls(fields: Mapping[str, object]) -> JsonObject:
    """An object without its nulls: clients send null for a field that is not set."""
    return cast("JsonObject", {key: each for key, each in fields.items() if each is not None})


def without_empty(value: object) -> object:
    """A value without the fields that are null or empty, which clients may leave out."""
    if not isinstance(value, dict):
        return value
    fields = {key: without_empty(each) for key, each in value.items()}
    return {key: each for key, each in fields.items() if each not in (None, {}, [], "")}


def text_of(body: Mapping[str, object], name: str, default: str = "") -> str:
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


def texts_of(body: Mapping[str, object], name: str) -> dict[str, str]:
    """A field that is an object of strings, such as tags; its values are not checked.

    Raises:
        BadRequest: it is not an object.
    """
    return cast("dict[str, str]", object_of(body, name))


def number_or_nan(value: object) -> float:
    """A value as a number, also from its text; NaN if it is not one."""
    try:
        return float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def as_document(kind: type[Document], fields: Mapping[str, object]) -> Document:
    """JSON as a document of a type. A field has its type only after its validation."""
    return cast(Document, fields)


def with_fields(document: Document, fields: Mapping[str, object]) -> Document:
    """A copy of a document with some fields replaced."""
    return cast(Document, {**document, **fields})
