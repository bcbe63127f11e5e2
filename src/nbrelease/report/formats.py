"""How numbers, times and other values look on a page: the same in every language."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

NO_VALUE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
NEGLIGIBLE = 1e-12
"""A smaller metric is a rounding error."""


def duration(seconds: float | None) -> str:
    """A duration: ``1.3 s``, ``2 min 5 s``, ``3 h 4 min``, ``2 d 1 h``."""
    if seconds is None:
        return NO_VALUE
    if seconds < 90:
        return _unbroken(f"{seconds:.1f} s")
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 90:
        return _unbroken(f"{minutes} min {rest} s")
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _unbroken(f"{hours} h {minutes} min")
    return _unbroken(f"{hours // 24} d {hours % 24} h")


def milliseconds(value: float | None) -> str:
    """A latency in milliseconds."""
    return NO_VALUE if value is None else _unbroken(f"{compact(value)} ms")


def utc(time: datetime | None) -> str:
    """Date and time in UTC."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else NO_VALUE


def utc_unbroken(time: datetime | None) -> Any:
    """Date and time in UTC as HTML that does not break across lines."""
    import markupsafe

    return markupsafe.Markup('<span class="nowrap">{}</span>').format(utc(time))


def clock(time: datetime | None) -> str:
    """The time of day in UTC."""
    return f"{time:%H:%M:%S}" if time else NO_VALUE


def metric(value: float | str | None, like: float | None = None) -> str:
    """A metric with four decimals, fewer from 10 on (``0.9826``, ``812.4``, ``15,203``).

    Args:
        value: whole numbers from 2 on have no decimals if ``like`` is not set.
        like: a value of the same metric that decides the decimals, so that values line up.
    """
    if value is None:
        return NO_VALUE
    if isinstance(value, str):
        return value
    is_count = like is None and float(value).is_integer() and abs(value) >= 2
    return with_minus(count(value) if is_count else _decimal(value, like))


def _decimal(value: float, like: float | None = None, sign: str = "") -> str:
    """Four decimals below 10, then four significant digits; more for values below 0.001."""
    size = abs(value if like is None else like)
    if size < NEGLIGIBLE:
        size, value = 0.0, value if like is not None else 0.0
    if not math.isfinite(size) or not math.isfinite(value):
        return str(value)
    exponent = math.floor(math.log10(size)) if size else 0
    if exponent < -3:
        return f"{value:{sign}.3g}"
    separator = "," if abs(value) >= 10_000 else ""
    return f"{value:{sign}{separator}.{4 if exponent < 1 else max(3 - exponent, 0)}f}"


def compact(value: float | None) -> str:
    """A number with four significant digits, whole numbers as they are."""
    if value is None:
        return NO_VALUE
    return with_minus(count(value) if float(value).is_integer() else f"{value:,.4g}")


def exact(value: float) -> str:
    """A number as it was set: a threshold, or the edge of a slice."""
    return with_minus(f"{value:,.10g}" if abs(value) >= 10_000 else f"{value:.10g}")


def count(value: float) -> str:
    """A whole number; from five digits on with separators (``4500``, ``15,000``)."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"


def difference(value: float | None, like: float | None = None) -> str:
    """A difference with its sign, and the decimals of the metric ``like``; zero has no sign."""
    if value is None:
        return NO_VALUE
    text = _decimal(value, like, "+")
    return with_minus(text) if text.strip("+-0.") else text[1:]


def interval(
    bounds: tuple[float, float] | None, signed: bool = False, like: float | None = None
) -> str:
    """The lower and upper bound of an interval."""
    if bounds is None:
        return NO_VALUE
    form = difference if signed else metric
    return f"[{form(bounds[0], like)}, {form(bounds[1], like)}]"


def percent(share: float) -> str:
    """A share between 0 and 1 in percent."""
    return _unbroken(f"{share * 100:.3g} %")


def p_value(value: float) -> str:
    """A p-value; below 0.0001 as a bound."""
    return _unbroken("p < 0.0001" if value < 0.0001 else f"p = {value:.4f}")


def source_name(href: str) -> str:
    """The runbook and cell, or the file, that a link of the record's ``sources`` leads to."""
    path, _, cell = href.partition("#")
    runbook = path.removeprefix("html/").removesuffix(".html")
    return f"{runbook} \N{MIDDLE DOT} {cell}" if cell else path


def short_sha256(digest: str) -> str:
    """The first digits of a digest."""
    return f"sha256 {digest[:12]}"


def shorten(value: Any, width: int = 400) -> str:
    """A value as text, other types as JSON; cut at ``width`` characters."""
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else f"{text[:width]} …"


def outline(value: Any, width: int = 160) -> str:
    """The keys of a mapping, or the first entries of a list, if its JSON exceeds ``width``."""
    if not isinstance(value, dict | list) or len(shorten(value, width)) <= width:
        return ""
    return shorten(", ".join(value) if isinstance(value, dict) else value, width)


def indent_json(value: Any) -> str:
    """A value as JSON, one entry a line."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=2)


def with_minus(text: str) -> str:
    """A formatted number with a typographic minus; zero has none."""
    if not text.startswith("-"):
        return text
    digits = text[1:]
    return digits if not digits.strip("0.,") else MINUS + digits


def _unbroken(text: str) -> str:
    """Text that does not break across lines at its spaces."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
