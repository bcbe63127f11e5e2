"""The values of expressions and their conversions: where ``eq(true, 'false')`` is decided.

Numbers are decimals, as in Azure. Objects of the user's keep the case of their keys; the named
ones (variables, parameters, dependencies) do not. ``origin`` lets a template put an object back
into the document with the positions that it was written at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeAlias, Union

INT32 = 2**31 - 1
_NUMBER = re.compile(r"[+-]?(\d[\d,]*(\.\d*)?|\.\d+)\Z", re.ASCII)
_VERSION = re.compile(r"\d+(\.\d+){1,3}\Z", re.ASCII)
_SEVENTH = Decimal("0.0000001")


class Version(NamedTuple):
    """Two to four numbers; a missing one is less than 0 (1.2 is before 1.2.0)."""

    major: int
    minor: int
    build: int = -1
    revision: int = -1

    def __str__(self) -> str:
        """The numbers that were given, joined by dots."""
        return ".".join(str(part) for part in self if part >= 0)


@dataclass(frozen=True, eq=False)
class Array:
    """A list; ``filtered`` when it came from ``.*`` and an index goes to each item."""

    items: tuple[Value, ...]
    filtered: bool = False
    origin: Any = None


@dataclass(frozen=True, eq=False)
class Object:
    """Named values."""

    entries: Mapping[str, Value]
    ignore_case: bool = False
    origin: Any = None
    _folded: dict[str, Value] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.ignore_case:
            self._folded.update({key.lower(): value for key, value in self.entries.items()})

    def get(self, key: str) -> Value:
        """The value of ``key``, or nothing."""
        return self._folded.get(key.lower()) if self.ignore_case else self.entries.get(key)

    def has(self, key: str) -> bool:
        """Is there a value of ``key``, even an empty one?"""
        return key.lower() in self._folded if self.ignore_case else key in self.entries


Value: TypeAlias = Union[bool, Decimal, str, Version, datetime, Array, Object, None]  # noqa: UP007


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (Decimal, "a number"),
    (str, "a string"),
    (Version, "a version"),
    (datetime, "a date"),
    (Array, "an array"),
    (Object, "an object"),
)


class Unconvertible(Exception):
    """A value has no counterpart of the wanted type."""

    def __init__(self, value: Value, wanted: str) -> None:
        super().__init__(f"cannot convert {describe(value)} to {wanted}")


def kind(value: Value) -> str:
    """The type's name as Azure's messages have it."""
    if value is None:
        return "null"
    return next(name for kind_, name in _KINDS if isinstance(value, kind_))


def describe(value: Value) -> str:
    """Type and, if it is short, the value itself, for a message."""
    if value is None or isinstance(value, (Array, Object)):
        return kind(value)
    text = to_text(value)
    return f"{kind(value)} {text if len(text) < 60 else text[:57] + '...'!r}"


def is_true(value: Value) -> bool:
    """As a boolean: only nothing, false, 0 and the empty string are false."""
    if isinstance(value, Version):
        return True
    return value not in (None, False, "", Decimal(0))


def to_text(value: Value) -> str:
    """As a string.

    Raises:
        Unconvertible: it is an array or an object.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, Decimal):
        return _number_text(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Version):
        return str(value)
    if isinstance(value, datetime):
        return value.strftime("%m/%d/%Y %H:%M:%S %z")[:-2] + ":" + value.strftime("%z")[-2:]
    raise Unconvertible(value, "a string")


def _number_text(value: Decimal) -> str:
    """No exponent, at most seven decimals, no zeros at the end: 1.10 is 1.1."""
    if abs(value) < Decimal(10) ** 20:
        value = value.quantize(_SEVENTH)
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def to_number(value: Value) -> Decimal:
    """As a number; the empty string is 0.

    Raises:
        Unconvertible: a string that is no number, a version, a collection.
    """
    if value is None:
        return Decimal(0)
    if isinstance(value, bool):
        return Decimal(int(value))
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        number = parse_number(value.strip()) if value.strip() else Decimal(0)
        if number is not None:
            return number
    raise Unconvertible(value, "a number")


def parse_number(text: str) -> Decimal | None:
    """A decimal with an optional sign and thousands separators."""
    if not _NUMBER.match(text):
        return None
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return number if abs(number) < Decimal(2) ** 96 else None  # .NET's decimal ends there


def to_version(value: Value) -> Version:
    """As a version.

    Raises:
        Unconvertible: it has not two to four whole numbers.
    """
    if isinstance(value, Version):
        return value
    if isinstance(value, (str, Decimal)) and not isinstance(value, bool):
        # .NET reads each number by itself: white space around it does not matter.
        version = parse_version(".".join(p.strip() for p in to_text(value).split(".")))
        if version is not None:
            return version
    raise Unconvertible(value, "a version")


def parse_version(text: str) -> Version | None:
    """Two to four whole numbers joined by dots."""
    if not _VERSION.match(text):
        return None
    parts = [int(part) for part in text.split(".")]
    return Version(*parts) if max(parts) <= INT32 else None


def equal(left: Value, right: Value) -> bool:
    """Are they equal, the right one converted to the type of the left one?"""
    if isinstance(left, bool):
        return left == is_true(right)
    if left is None:
        return right is None or right == ""
    if isinstance(left, (Array, Object)):
        return left is right
    try:
        return _order(left, right) == 0
    except Unconvertible:
        return False


def compare(left: Value, right: Value) -> int:
    """-1, 0 or 1: the left one is less, equal or greater; the right one is converted to its type.

    Raises:
        Unconvertible: the types do not fit.
    """
    if left is None or isinstance(left, (Array, Object)):
        left = to_number(left)
    if isinstance(left, bool):
        return int(left) - int(is_true(right))
    return _order(left, right)


def _order(left: Decimal | str | Version | datetime, right: Value) -> int:
    if isinstance(left, Decimal):
        return _sign(left, to_number(right))
    if isinstance(left, str):
        return _sign(left.upper(), to_text(right).upper())
    if isinstance(left, datetime):
        return _sign(left, _to_date(right))
    return _sign(left, to_version(right))


def _to_date(value: Value) -> datetime:
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            raise Unconvertible(value, "a date") from None
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    if not isinstance(value, datetime):
        raise Unconvertible(value, "a date")
    return value


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def of_python(value: Any, *, ignore_case: bool = False) -> Value:
    """A value out of plain JSON data.

    Args:
        value: what ``json.loads`` gives.
        ignore_case: whether the names of objects, at every depth, ignore case.
    """
    if value is None or isinstance(value, (bool, str, Decimal, Version, datetime)):
        return value
    if isinstance(value, (int, float)):
        return parse_number(f"{Decimal(str(value)):f}")
    if isinstance(value, Mapping):
        entries = {str(k): of_python(v, ignore_case=ignore_case) for k, v in value.items()}
        return Object(entries, ignore_case)
    if isinstance(value, Iterable):
        return Array(tuple(of_python(item, ignore_case=ignore_case) for item in value))
    raise TypeError(f"no value of an expression: {type(value).__name__}")


def to_python(value: Value) -> Any:
    """Plain JSON data; versions and dates as text."""
    if isinstance(value, Array):
        return [to_python(item) for item in value.items]
    if isinstance(value, Object):
        return {key: to_python(item) for key, item in value.entries.items()}
    if isinstance(value, Decimal):
        text = to_text(value)
        return float(text) if "." in text else int(text)
    if isinstance(value, (Version, datetime)):
        return to_text(value)
    return value
