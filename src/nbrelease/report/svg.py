"""Charts as inline SVG: small, printable, with a name for screen readers.

Colours come from the page's style sheet by class, so one drawing serves light and dark. Series
differ in dashes and shapes too, not by colour alone. A table next to a chart has its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate, pairwise
from typing import Any

Point = tuple[float, float]

LONGEST = 28
"""Characters of a name next to a chart."""
WIDE = 0x2E7F
"""The last character before those of East Asian scripts, which are twice as wide."""


@dataclass(frozen=True)
class Series:
    """A line, or dots. ``kind`` is a class of the style sheet: ``new`` or ``old``."""

    name: str
    kind: str
    points: Sequence[Point]
    is_line: bool = True


@dataclass(frozen=True)
class Axis:
    """An axis with its two ends."""

    label: str
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def around(cls, label: str, values: Iterable[float]) -> Axis:
        """An axis that has all values, with a margin; 0 to 1 without any value."""
        known = [*values] or [0.0, 1.0]
        low, high = min(known), max(known)
        margin = (high - low) * 0.04 or abs(high) * 0.04 or 1.0
        return cls(label, low - margin, high + margin)

    @property
    def ticks(self) -> list[float]:
        """Round numbers on the axis."""
        return (
            [0, 0.25, 0.5, 0.75, 1]
            if (self.low, self.high) == (0, 1)
            else _ticks(self.low, self.high)
        )

    def share(self, value: float) -> float:
        """The position of a value between 0 and 1; values outside are at the ends."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


@dataclass(frozen=True)
class Range:
    """A row of an interval chart; without ``low`` and ``high`` only the point is drawn."""

    name: str
    kind: str
    middle: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Mark:
    """A release in a trend chart; ``value`` is None if it has no such metric."""

    name: str
    kind: str
    value: float | None


def _svg(width: float, height: float, label: str, body: str, kind: str = "chart") -> Any:
    import markupsafe

    text = (
        f'<svg class="{kind}" viewBox="0 0 {_px(width)} {_px(height)}" role="img"'
        f' aria-label="{escape(label)}" style="max-width:{_px(width)}px">{body}</svg>'
    )
    return markupsafe.Markup(text)  # noqa: S704 - names are escaped where they are drawn


def _px(value: float) -> str:
    """A coordinate with one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{_px(x)}" y="{_px(y)}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(a: Point, b: Point, kind: str) -> str:
    (x1, y1), (x2, y2) = map(_px, a), map(_px, b)
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers between two ends, both inside."""
    span = high - low
    if span <= 0:
        return [low]
    step: float = 10.0 ** _exponent(span / count)
    step = next(step * k for k in (1, 2, 5, 10) if span / (step * k) <= count)
    first = -(-low // step) * step
    ticks = [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]
    return [0.0 if abs(tick) < step / 1e6 else tick for tick in ticks]


def _exponent(value: float) -> int:
    from math import floor, log10

    return floor(log10(value))


def _tick_label(value: float) -> str:
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:.4g}M"
    if size >= 1e4:
        return f"{value / 1e3:.4g}k"
    if 0 < size < 1e-3:
        return f"{value:.2g}"
    return f"{value:.4f}".rstrip("0").rstrip(".") if size < 1000 else f"{value:.0f}"


def _label_width(names: Iterable[str], least: float) -> float:
    """The width of the longest name, and a margin."""
    widths = [sum(12.5 if ord(each) > WIDE else 6.6 for each in name) for name in names]
    return max([least, *(width + 16 for width in widths)])


def _short(name: str) -> str:
    """A name that fits to the left of a chart; the table next to it has the whole name."""
    longest = LONGEST // 2 if any(ord(each) > WIDE for each in name) else LONGEST
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def plot(
    label: str, series: Sequence[Series], x: Axis, y: Axis, guide: Sequence[Point] = ()
) -> Any:
    """Lines or dots on two axes, over a dotted line.

    Args:
        label: what the chart shows, for screen readers.
        series: the first is drawn above the others.
        x: the horizontal axis.
        y: the vertical axis.
        guide: the two ends of the dotted line.
    """
    size, left, top = 250.0, 58.0, 10.0
    width, height = left + size + 12, top + size + 42

    def at(point: Point) -> Point:
        return left + x.share(point[0]) * size, top + (1 - y.share(point[1])) * size

    body = []
    for tick in y.ticks:
        line = at((x.low, tick))[1]
        body.append(_line((left, line), (left + size, line), "grid"))
        body.append(_text(left - 6, line + 4, _tick_label(tick), "end"))
    body += [
        _text(at((tick, y.low))[0], top + size + 16, _tick_label(tick), "middle")
        for tick in x.ticks
    ]
    body += [_line(at(a), at(b), "guide") for a, b in pairwise(guide)]
    body.append(_text(left + size / 2, height - 6, x.label, "middle"))
    body.append(
        f'<text transform="translate(11 {_px(top + size / 2)}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.label)}</text>"
    )
    for each in reversed(series):
        points = [at(point) for point in each.points]
        if each.is_line:
            path = " ".join(f"{_px(x)},{_px(y)}" for x, y in points)
            body.append(f'<polyline class="line {each.kind}" points="{path}"/>')
        else:  # one element: a circle for each of many points would make the page large
            path = "".join(f"M{_px(x)} {_px(y)}h0" for x, y in points)
            body.append(f'<path class="points {each.kind}" d="{path}"/>')
    return _svg(width, height, label, "".join(body))


def intervals(label: str, rows: Sequence[Range], zero: bool = False) -> Any:
    """Points with their intervals on one scale; ``zero`` draws the line of no difference."""
    ends = [end for row in rows for end in (row.low, row.middle, row.high) if end is not None]
    low, high = min(ends), max(ends)
    if zero:
        low, high = min(low, 0), max(high, 0)
    pad = (high - low) * 0.08 or abs(high) * 0.02 or 0.01
    low, high = low - pad, high + pad
    left = _label_width((row.name for row in rows), 118)
    right, row_height = left + 212.0, 30.0
    height = row_height * len(rows) + 34

    def at(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    bottom = row_height * len(rows) + 8
    body = []
    for tick in _ticks(low, high, 3):
        body.append(_line((at(tick), 4), (at(tick), bottom), "grid"))
        body.append(_text(at(tick), bottom + 16, _tick_label(tick), "middle"))
    if zero:
        body.append(_line((at(0), 4), (at(0), bottom), "guide"))
    for number, row in enumerate(rows):
        y = number * row_height + row_height / 2 + 4
        body.append(_text(left - 12, y + 4, row.name, "end"))
        if row.low is not None and row.high is not None:
            body.append(_line((at(row.low), y), (at(row.high), y), f"interval {row.kind}"))
        body.append(_dot(at(row.middle), y, row.kind))
    return _svg(right + 16, height, label, "".join(body))


def _dot(x: float, y: float, kind: str) -> str:
    """A circle for the challenger, a hollow square for the champion, a cross for a failure."""
    if kind == "old":
        return f'<rect class="dot old" x="{_px(x - 4.5)}" y="{_px(y - 4.5)}" width="9" height="9"/>'
    if kind == "failed":
        path = f"M{_px(x - 4)} {_px(y - 4)}l8 8m0 -8l-8 8"
        return f'<path class="dot failed" d="{path}"/>'
    return f'<circle class="dot {kind}" cx="{_px(x)}" cy="{_px(y)}" r="5"/>'


def bars(
    label: str,
    rows: Sequence[tuple[str, float, float | None]],
    limits: Sequence[tuple[float, str]] = (),
) -> Any:
    """Horizontal bars from zero, with a whisker of one standard deviation if it is known.

    Args:
        label: what the chart shows, for screen readers.
        rows: name, value, standard deviation.
        limits: values that get a line, with their names.
    """
    ends = [value + (spread or 0) for _, value, spread in rows] + [limit for limit, _ in limits]
    starts = [value - (spread or 0) for _, value, spread in rows]
    low, high = min(0.0, *starts), max(0.0, *ends) or 1.0
    left = _label_width((_short(name) for name, *_ in rows), 60)
    right, row_height, top = left + 190.0, 24.0, 18.0 if limits else 4.0

    def at(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    bottom = top + row_height * len(rows)
    body = []
    for tick in _ticks(low, high, 3):
        body.append(_line((at(tick), top), (at(tick), bottom), "grid"))
        body.append(_text(at(tick), bottom + 16, _tick_label(tick), "middle"))
    for number, (name, value, spread) in enumerate(rows):
        y = top + number * row_height
        body.append(_text(left - 10, y + 16, _short(name), "end"))
        start, end = sorted((at(0), at(value)))
        body.append(
            f'<rect class="bar" x="{_px(start)}" y="{_px(y + 5)}"'
            f' width="{_px(max(end - start, 0.8))}" height="14"/>'
        )
        if spread:
            middle = y + 12
            ends_of = ((at(value - spread), middle), (at(value + spread), middle))
            body.append(_line(*ends_of, "whisker"))
    for limit, name in limits:
        body.append(_line((at(limit), top), (at(limit), bottom), "limit"))
        body.append(_text(at(limit), top - 6, name, "middle"))
    return _svg(right + 20, bottom + 24, label, "".join(body))


def span(start: float, end: float, kind: str) -> Any:
    """A timeline's row: a bar between two shares of its width."""
    return _bar([(kind, start * 100, max(end - start, 0.004) * 100)])


def shares(parts: Sequence[tuple[str, float]]) -> Any:
    """One bar in parts that are shares of their sum: kinds of the style sheet, in order."""
    total = sum(share for _, share in parts) or 1
    ends = [0.0, *accumulate(share / total * 100 for _, share in parts)]
    bounds = zip(parts, pairwise(ends), strict=True)
    return _bar([(kind, start, end - start) for (kind, _), (start, end) in bounds])


def _bar(parts: Sequence[tuple[str, float, float]]) -> Any:
    """A bar as wide as its place: kind, start and width of each part in percent."""
    import markupsafe

    body = "".join(
        f'<rect class="{kind}" x="{start:.2f}" width="{width:.2f}" height="10"/>'
        for kind, start, width in parts
    )
    return markupsafe.Markup(  # noqa: S704 - numbers and our own classes
        '<svg class="span" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="10"/>{body}</svg>'
    )


def trend(label: str, marks: Sequence[Mark]) -> Any:
    """A metric over releases, oldest first; only those that passed are joined by the line."""
    known = [(n, mark, mark.value) for n, mark in enumerate(marks) if mark.value is not None]
    if len(known) < 2:
        return ""  # one point is no trend
    low, high = min(value for *_, value in known), max(value for *_, value in known)
    pad = (high - low) * 0.15 or abs(high) * 0.02 or 0.02
    low, high = low - pad, high + pad
    left, right, top, bottom = 56.0, 460.0, 10.0, 150.0
    step = (right - left - 16) / max(len(marks) - 1, 1)

    def at(number: int, value: float) -> Point:
        return left + 8 + number * step, bottom - (value - low) / (high - low) * (bottom - top)

    body = []
    for tick in _ticks(low, high, 4):
        y = at(0, tick)[1]
        body.append(_line((left, y), (right, y), "grid"))
        body.append(_text(left - 6, y + 4, _tick_label(tick), "end"))
    joined = [at(number, value) for number, mark, value in known if mark.kind == "new"]
    body += [_line(a, b, "line new") for a, b in pairwise(joined)]
    for number, mark, value in known:
        x, y = at(number, value)
        title = f"<title>{escape(mark.name)}: {_tick_label(value)}</title>"
        body.append(f"<g>{title}{_dot(x, y, mark.kind)}</g>")
    return _svg(right + 8, bottom + 12, label, "".join(body), "chart trend")
