"""Values of expressions and their conversions.

Numbers are decimals, as in Azure Pipelines. Keys of the user's objects are case-sensitive; names
of variables, parameters and dependencies are not. ``origin`` is the node of a value, so that a
template can insert it with its position.
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
    """Two to four numbers; a missing number is less than 0 (1.2 is before 1.2.0)."""

    major: int
    minor: int
    build: int = -1
    revision: int = -1

    def __str__(self) -> str:
        """The numbers joined by dots."""
        return ".".join(str(part) for part in self if part >= 0)


@dataclass(frozen=True, eq=False)
class Array:
    """A list; if ``filtered`` (from ``.*``), an index applies to each item."""

    items: tuple[Value, ...]
    filtered: bool = False
    origin: Any = None


@dataclass(frozen=True, eq=False)
class Object:
    """Values by key."""

    entries: Mapping[str, Value]
    ignore_case: bool = False
    origin: Any = None
    _folded: dict[str, Value] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.ignore_case:
            self._folded.update({key.lower(): value for key, value in self.entries.items()})

    def get(self, key: str) -> Value:
        """Return the value of ``key``; None if it is missing."""
        return self._folded.get(key.lower()) if self.ignore_case else self.entries.get(key)

    def has(self, key: str) -> bool:
        """Whether ``key`` exists."""
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


class ConversionError(Exception):
    """A value cannot be converted to another type."""

    def __init__(self, value: Value, target: str) -> None:
        super().__init__(f"cannot convert {describe(value)} to {target}")


def kind(value: Value) -> str:
    """Return the name of the type as in the messages of Azure Pipelines."""
    if value is None:
        return "null"
    return next(name for kind_, name in _KINDS if isinstance(value, kind_))


def describe(value: Value) -> str:
    """Return the type and the shortened value for a message."""
    if value is None or isinstance(value, (Array, Object)):
        return kind(value)
    text = to_text(value)
    return f"{kind(value)} {text if len(text) < 60 else text[:57] + '...'!r}"


def is_true(value: Value) -> bool:
    """Convert to a boolean: None, false, 0 and the empty string are false."""
    if isinstance(value, Version):
        return True
    return value not in (None, False, "", Decimal(0))


def to_text(value: Value) -> str:
    """Convert to a string.

    Raises:
        ConversionError: the value is an array or an object.
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
    raise ConversionError(value, "a string")


def to_text_or_empty(value: Value) -> str:
    """Convert the value of a variable to a string, which is empty for an array or an object."""
    return "" if isinstance(value, (Array, Object)) else to_text(value)


def _number_text(value: Decimal) -> str:
    """No exponent, at most seven decimals, no trailing zeros: 1.10 is 1.1."""
    if abs(value) < Decimal(10) ** 20:
        value = value.quantize(_SEVENTH)
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def to_number(value: Value) -> Decimal:
    """Convert to a number; the empty string is 0.

    Raises:
        ConversionError: the value is another string, a version or a collection.
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
    raise ConversionError(value, "a number")


def parse_number(text: str) -> Decimal | None:
    """Parse a decimal with an optional sign and thousands separators."""
    if not _NUMBER.match(text):
        return None
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return number if abs(number) < Decimal(2) ** 96 else None  # the limit of .NET's decimal


def to_version(value: Value) -> Version:
    """Convert to a version.

    Raises:
        ConversionError: the value does not have two to four integers.
    """
    if isinstance(value, Version):
        return value
    if isinstance(value, (str, Decimal)) and not isinstance(value, bool):
        # .NET parses each number separately, so white space around it is ignored.
        version = parse_version(".".join(p.strip() for p in to_text(value).split(".")))
        if version is not None:
            return version
    raise ConversionError(value, "a version")


def parse_version(text: str) -> Version | None:
    """Parse two to four integers joined by dots."""
    if not _VERSION.match(text):
        return None
    parts = [int(part) for part in text.split(".")]
    return Version(*parts) if max(parts) <= INT32 else None


def equal(left: Value, right: Value) -> bool:
    """Whether both are equal after converting the right one to the type of the left one."""
    if isinstance(left, bool):
        return left == is_true(right)
    if left is None:
        return right is None or right == ""
    if isinstance(left, (Array, Object)):
        return left is right
    try:
        return _order(left, right) == 0
    except ConversionError:
        return False


def compare(left: Value, right: Value) -> int:
    """Return -1, 0 or 1 if the left one is less, equal or greater, after the same conversion.

    Raises:
        ConversionError: the types do not fit.
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
            date = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ConversionError(value, "a date") from None
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    if not isinstance(value, datetime):
        raise ConversionError(value, "a date")
    return value


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def from_python(value: Any, *, ignore_case: bool = False) -> Value:
    """Convert JSON data to a value.

    Args:
        value: a result of ``json.loads``.
        ignore_case: whether the keys of all objects ignore case.
    """
    if value is None or isinstance(value, (bool, str, Decimal, Version, datetime)):
        return value
    if isinstance(value, (int, float)):
        return parse_number(f"{Decimal(str(value)):f}")
    if isinstance(value, Mapping):
        entries = {str(k): from_python(v, ignore_case=ignore_case) for k, v in value.items()}
        return Object(entries, ignore_case)
    if isinstance(value, Iterable):
        return Array(tuple(from_python(item, ignore_case=ignore_case) for item in value))
    raise TypeError(f"unsupported type: {type(value).__name__}")


def to_python(value: Value) -> Any:
    """Convert to JSON data; versions and dates become strings."""
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
