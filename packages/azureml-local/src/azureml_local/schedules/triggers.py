"""When a schedule is due: Azure's cron expressions and recurrences.

The rules are those of Azure ML's page on schedules: a cron expression has five fields, of which the
days of the month and the months are ignored; without a start a recurrence begins at once; a start
in the past only says from where it is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from azureml_local.errors import BadRequest
from azureml_local.schedules.time_zones import zone
from azureml_local.state import object_of, text_of

DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
FREQUENCIES = ("minute", "hour", "day", "week", "month")
FAR = timedelta(days=366 * 5)
"""No trigger waits longer than this; one that would is never due."""
PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?\Z")


class Trigger(Protocol):
    """Says when it is due."""

    def after(self, moment: datetime) -> datetime | None:
        """The first time after a moment, in UTC; None where there is none any more."""


@dataclass(frozen=True)
class Bounds:
    """The zone that a trigger's times are in, and from when to when it is good."""

    zone: ZoneInfo
    start: datetime | None
    end: datetime | None

    def within(self, local: datetime) -> bool:
        """Whether a time of the zone lies between start and end."""
        return not (self.start and local < self.start) and not (self.end and local > self.end)


@dataclass(frozen=True)
class Cron:
    """A cron expression: minutes, hours and days of the week."""

    bounds: Bounds
    minutes: frozenset[int]
    hours: frozenset[int]
    weekdays: frozenset[int]

    def after(self, moment: datetime) -> datetime | None:
        """The first time after a moment."""
        local = moment.astimezone(self.bounds.zone).replace(tzinfo=None)
        if self.bounds.start:
            local = max(local, self.bounds.start - timedelta(microseconds=1))
        for days in range(8 + 1):
            day = (local + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
            if day.isoweekday() % 7 not in self.weekdays:
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    found = day.replace(hour=hour, minute=minute)
                    if found > local:
                        return _utc(found, self.bounds) if self.bounds.within(found) else None
        return None


@dataclass(frozen=True)
class Recurrence:
    """Every so many minutes, hours, days, weeks or months since the start."""

    bounds: Bounds
    start: datetime
    frequency: str
    interval: int
    times: tuple[tuple[int, int], ...]
    weekdays: frozenset[int]
    monthdays: frozenset[int]

    def after(self, moment: datetime) -> datetime | None:
        """The first time after a moment."""
        local = moment.astimezone(self.bounds.zone).replace(tzinfo=None)
        step = STEPS.get(self.frequency)
        if step is not None:
            each = step * self.interval
            done = max(0, (local - self.start) // each + 1) if local >= self.start else 0
            found = self.start + done * each
            return _utc(found, self.bounds) if self.bounds.within(found) else None
        for found in self._moments(max(local, self.start - timedelta(microseconds=1))):
            if found > local and found >= self.start:
                return _utc(found, self.bounds) if self.bounds.within(found) else None
        return None

    def _moments(self, begin: datetime) -> Iterator[datetime]:
        first = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        day = max(first, begin.replace(hour=0, minute=0, second=0, microsecond=0))
        last = day + FAR
        while day < last:
            if self._on(day, first):
                for hour, minute in self.times:
                    yield day.replace(hour=hour, minute=minute, second=self._second)
            day += timedelta(days=1)

    @property
    def _second(self) -> int:
        """Without times of its own a recurrence keeps that of its start, to the second."""
        return self.start.second if self.times == ((self.start.hour, self.start.minute),) else 0

    def _on(self, day: datetime, first: datetime) -> bool:
        if self.frequency == "day":
            return (day - first).days % self.interval == 0
        if self.frequency == "week":
            weeks = ((day - first).days + first.isoweekday() % 7) // 7
            return weeks % self.interval == 0 and day.isoweekday() % 7 in self.weekdays
        months = (day.year - first.year) * 12 + day.month - first.month
        return months % self.interval == 0 and day.day in self.monthdays


def read(body: dict[str, Any], now: datetime) -> Trigger:
    """A trigger as the API has it.

    Args:
        body: the ``trigger`` of a schedule.
        now: what a recurrence without a start is counted from.

    Raises:
        BadRequest: it says something impossible; in words.
    """
    bounds = Bounds(zone(text_of(body, "timeZone", "UTC")), _time(body, "startTime"), _end(body))
    kind = text_of(body, "triggerType").lower()
    if kind == "cron":
        return _cron(text_of(body, "expression"), bounds)
    if kind == "recurrence":
        return _recurrence(body, bounds, now)
    raise _wrong(f"{body.get('triggerType')!r} is no type of trigger: Cron, Recurrence")


def _cron(expression: str, bounds: Bounds) -> Cron:
    parts = expression.split()
    if len(parts) != len(FIELDS):
        raise _wrong(f"the cron expression {expression!r} must have five fields")
    found = {
        name: _numbers(part, name, low, high)
        for part, (name, low, high) in zip(parts, FIELDS, strict=True)
    }
    return Cron(bounds, found["minute"], found["hour"], found["weekday"])


def _numbers(text: str, name: str, low: int, high: int) -> frozenset[int]:
    """The numbers that a field of a cron expression names."""
    found: set[int] = set()
    for part in text.split(","):
        match = PART.match(part)
        if match is None:
            raise _wrong(f"{text!r} is no {name} of a cron expression")
        first, last, step = match.groups()
        begin = low if first == "*" else _number(first, name)
        end = _number(last, name) if last else high if first == "*" or step else begin
        if not low <= begin <= end <= high or (step and int(step) == 0):
            raise _wrong(f"{text!r} is no {name} of a cron expression: {low} to {high}")
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, name: str) -> int:
    months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    words = {day[:3]: number for number, day in enumerate(DAYS)} if name == "weekday" else {}
    if name == "month":
        words = {month: number for number, month in enumerate(months, start=1)}
    found = words.get(text[:3].lower(), text)
    if isinstance(found, str) and not (found.isascii() and found.isdigit()):
        raise _wrong(f"{text!r} is no {name} of a cron expression")
    return 0 if name == "weekday" and str(found) == "7" else int(found)


def _recurrence(body: dict[str, Any], bounds: Bounds, now: datetime) -> Recurrence:
    frequency = text_of(body, "frequency").lower()
    if frequency not in FREQUENCIES:
        raise _wrong(f"frequency {frequency!r} is not one of {', '.join(FREQUENCIES)}")
    interval = body.get("interval", 1)
    if isinstance(interval, bool) or not isinstance(interval, int) or not 1 <= interval <= 10_000:
        raise _wrong(f"interval {interval!r} is no number from 1 to 10000")
    local = now.astimezone(bounds.zone).replace(tzinfo=None)
    start = bounds.start or local
    pattern = object_of(body, "schedule")
    hours = _list(pattern, "hours", range(24)) or [start.hour]
    minutes = _list(pattern, "minutes", range(60)) or [start.minute]
    given = pattern.get("weekDays") or []
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(str(each).lower() in DAYS for each in names):
        raise _wrong(f"weekDays {given!r} are no days of the week")
    weekdays = frozenset(DAYS.index(str(each).lower()) for each in names)
    monthdays = frozenset(_list(pattern, "monthDays", range(1, 32)))
    return Recurrence(
        bounds,
        start,
        frequency,
        interval,
        tuple((hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
        weekdays or frozenset({start.isoweekday() % 7}),
        monthdays or frozenset({start.day}),
    )


def _list(pattern: dict[str, Any], name: str, allowed: range) -> list[int]:
    given = pattern.get(name) or []
    found = given if isinstance(given, list) else [given]
    if not all(type(each) is int and each in allowed for each in found):
        raise _wrong(f"{name} {given!r} must be numbers from {allowed[0]} to {allowed[-1]}")
    return sorted(set(found))


def _end(body: dict[str, Any]) -> datetime | None:
    return _time(body, "endTime")


def _time(body: dict[str, Any], name: str) -> datetime | None:
    """A time of the trigger's own zone, without the zone: that is how the API writes them."""
    given = text_of(body, name)
    if not given:
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise _wrong(f"{name} {given!r} is no time like 2026-05-10T10:15:00") from None
    return found.replace(tzinfo=None)


def _utc(local: datetime, bounds: Bounds) -> datetime:
    return local.replace(tzinfo=bounds.zone).astimezone(UTC)


def _wrong(message: str) -> BadRequest:
    return BadRequest(message, "UserError", target="trigger")
