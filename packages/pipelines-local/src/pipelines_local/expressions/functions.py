"""The functions whose arguments are always all evaluated, and the table of their names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from pipelines_local.expressions.values import (
    Array,
    Object,
    Value,
    compare,
    equal,
    is_true,
    to_text,
)

_DATE_PARTS = re.compile(r"y+|M+|d+|H+|m+|s+|f+|'[^']*'|.", re.DOTALL)


class FunctionError(Exception):
    """The arguments of a function are wrong."""


def _contains(left: Value, right: Value) -> bool:
    return to_text(right).upper() in to_text(left).upper()


def _starts_with(left: Value, right: Value) -> bool:
    return to_text(left).upper().startswith(to_text(right).upper())


def _ends_with(left: Value, right: Value) -> bool:
    return to_text(left).upper().endswith(to_text(right).upper())


def _contains_value(left: Value, right: Value) -> bool:
    items: tuple[Value, ...] = ()
    if isinstance(left, Array):
        items = left.items
    elif isinstance(left, Object):
        items = tuple(left.entries.values())
    return any(equal(right, item) for item in items)


def _convert_to_json(value: Value, margin: str = "") -> str:
    """JSON in the form of Azure Pipelines: two spaces per level, numbers as in strings."""
    inner = f"{margin}  "
    if isinstance(value, Array):
        items = [_convert_to_json(item, inner) for item in value.items]
        return _block("[", items, "]", margin)
    if isinstance(value, Object):
        pairs = value.entries.items()
        items = [f"{_quote(key)}: {_convert_to_json(item, inner)}" for key, item in pairs]
        return _block("{", items, "}", margin)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return to_text(value) if isinstance(value, Decimal) else _quote(to_text(value))


def _block(start: str, items: list[str], end: str, margin: str) -> str:
    if not items:
        return start + end
    lines = ",".join(f"\n{margin}  {item}" for item in items)
    return f"{start}{lines}\n{margin}{end}"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _iif(condition: Value, if_true: Value, if_false: Value) -> Value:
    return if_true if is_true(condition) else if_false


def _join(separator: Value, items: Value) -> str:
    if not isinstance(items, Array):
        return "" if isinstance(items, Object) else to_text(items)
    texts = ["" if isinstance(i, (Array, Object)) else to_text(i) for i in items.items]
    return to_text(separator).join(texts)


def _length(value: Value) -> Value:
    if isinstance(value, Array):
        return Decimal(len(value.items))
    # Not documented for objects; Azure Pipelines counts their keys.
    return Decimal(len(value.entries if isinstance(value, Object) else to_text(value)))


def _replace(text: Value, old: Value, new: Value) -> str:
    search = to_text(old)
    return to_text(text).replace(search, to_text(new)) if search else to_text(text)


def _split(text: Value, separator: Value) -> Array:
    delimiter = to_text(separator)
    return Array(tuple(to_text(text).split(delimiter)) if delimiter else (to_text(text),))


def _format(template: Value, *arguments: Value) -> str:
    """``{0}`` is the first argument, ``{{`` a brace, ``{0:yyyyMMdd}`` a formatted date."""
    text, parts, position = to_text(template), [], 0
    while position < len(text):
        char = text[position]
        if char in "{}" and text[position : position + 2] == char * 2:
            parts.append(char)
            position += 2
        elif char == "{":
            end = text.find("}", position)
            if end < 0:
                raise FunctionError(
                    f"'{{' without '}}' in the format {text!r}; write '{{{{' for a brace"
                )
            parts.append(_placeholder(text[position + 1 : end], arguments))
            position = end + 1
        elif char == "}":
            raise FunctionError(
                f"'}}' without '{{' in the format {text!r}; write '}}}}' for a brace"
            )
        else:
            parts.append(char)
            position += 1
    return "".join(parts)


def _placeholder(inner: str, arguments: tuple[Value, ...]) -> str:
    number, colon, date_format = inner.partition(":")
    if not (number.isascii() and number.isdigit()) or len(number) > 3:
        raise FunctionError(f"{{{inner}}} is not a placeholder; write '{{{{' for a brace")
    if int(number) >= len(arguments):
        raise FunctionError(f"{{{inner}}}: there are only {len(arguments)} arguments")
    value = arguments[int(number)]
    if not colon:
        return to_text(value)
    if not isinstance(value, datetime):
        raise FunctionError(f"{{{inner}}}: only a date can have a format")
    return format_date(value, date_format)


def format_date(value: datetime, date_format: str) -> str:
    """Format a date with a .NET custom format: ``yyyyMMdd``, ``HH.mm``.

    Raises:
        FunctionError: an unknown format.
    """
    return "".join(_date_part(value, part[0]) for part in _DATE_PARTS.finditer(date_format))


def _date_part(value: datetime, part: str) -> str:
    sizes = {"M": value.month, "d": value.day, "H": value.hour, "m": value.minute}
    sizes["s"] = value.second
    if part[0] == "y":
        return f"{value.year:04d}" if len(part) > 2 else f"{value.year % 100:02d}"
    if part[0] == "f":
        return f"{value.microsecond:06d}"[: len(part)]
    if part[0] == "'":
        return part[1:-1]
    if part[0] in sizes:
        if len(part) > 2:
            names = {"MMM": "%b", "MMMM": "%B", "ddd": "%a", "dddd": "%A"}
            if part not in names:
                raise FunctionError(f"unknown date format {part!r}")
            return value.strftime(names[part])
        return f"{sizes[part[0]]:0{len(part)}d}"
    if part.isalpha():
        raise FunctionError(f"unknown date format {part!r}")
    return part


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "contains": _contains,
    "containsvalue": _contains_value,
    "converttojson": _convert_to_json,
    "endswith": _ends_with,
    "eq": equal,
    "format": _format,
    "ge": lambda left, right: compare(left, right) >= 0,
    "gt": lambda left, right: compare(left, right) > 0,
    "iif": _iif,
    "join": _join,
    "le": lambda left, right: compare(left, right) <= 0,
    "length": _length,
    "lower": lambda text: to_text(text).lower(),
    "lt": lambda left, right: compare(left, right) < 0,
    "ne": lambda left, right: not equal(left, right),
    "not": lambda value: not is_true(value),
    "replace": _replace,
    "split": _split,
    "startswith": _starts_with,
    "trim": lambda text: to_text(text).strip(),
    "upper": lambda text: to_text(text).upper(),
    "xor": lambda left, right: is_true(left) != is_true(right),
}
