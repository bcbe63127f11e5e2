"""Triggers of schedules: cron expressions and recurrences, by the rules of Azure ML.

A cron expression has five fields, and its days of the month and months are ignored. A recurrence
without a start begins at once. A start in the past is the time from which intervals are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypedDict
from zoneinfo import ZoneInfo

from croniter import CroniterBadCronError, croniter
from dateutil import rrule

from azureml_local.errors import BadRequest
from azureml_local.json_fields import Json, JsonObject, as_document, object_of, text_of
from azureml_local.schedules.time_zones import time_zone

DAYS = {
    "sunday": rrule.SU,
    "monday": rrule.MO,
    "tuesday": rrule.TU,
    "wednesday": rrule.WE,
    "thursday": rrule.TH,
    "friday": rrule.FR,
    "saturday": rrule.SA,
}
STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
RULES = {"day": rrule.DAILY, "week": rrule.WEEKLY, "month": rrule.MONTHLY}
FREQUENCIES = (*STEPS, *RULES)


class RecurrencePattern(TypedDict, total=False):
    """The times and days of a recurrence: one value or a list."""

    hours: int | list[int]
    minutes: int | list[int]
    weekDays: str | list[str]
    monthDays: int | list[int]


class TriggerProperties(TypedDict, total=False):
    """A trigger in the API; times are in its time zone."""

    triggerType: str
    timeZone: str
    startTime: str
    endTime: str
    expression: str
    """A cron expression."""
    # Recurrences.
    frequency: str
    interval: int
    schedule: RecurrencePattern


class Trigger(Protocol):
    """Computes when a schedule is due."""

    def after(self, moment: datetime) -> datetime | None:
        """The first due time after a moment, in UTC; None without a later one."""


@dataclass(frozen=True)
class Bounds:
    """The time zone of a trigger, and its start and end as local times."""

    zone: ZoneInfo
    start: datetime | None
    end: datetime | None

    def to_local(self, moment: datetime) -> datetime:
        """A moment as a local time without a time zone."""
        return moment.astimezone(self.zone).replace(tzinfo=None)

    def to_utc(self, local: datetime | None) -> datetime | None:
        """A local time in UTC; None without one, or if it is after the end."""
        if local is None or (self.end is not None and local > self.end):
            return None
        return local.replace(tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True)
class Cron:
    """A cron expression whose days of the month and months are ``*``."""

    bounds: Bounds
    expression: str

    def after(self, moment: datetime) -> datetime | None:
        """The first due time after a moment."""
        local = self.bounds.to_local(moment)
        if self.bounds.start:
            local = max(local, self.bounds.start - timedelta(microseconds=1))
        due: datetime = croniter(self.expression, local).get_next(datetime)
        return self.bounds.to_utc(due)


@dataclass(frozen=True)
class Interval:
    """Every ``step`` since the start.

    Not a rule of dateutil, which counts from the start each time: 3 s for a trigger that began a
    year ago and is due each minute, and less than 0.1 s for ten years of days.
    """

    bounds: Bounds
    start: datetime
    step: timedelta

    def after(self, moment: datetime) -> datetime | None:
        """The first due time after a moment."""
        local = self.bounds.to_local(moment)
        steps = (local - self.start) // self.step + 1 if local >= self.start else 0
        return self.bounds.to_utc(self.start + steps * self.step)


@dataclass(frozen=True)
class Calendar:
    """Days, weeks or months, at given times of given days."""

    bounds: Bounds
    rule: rrule.rrule

    def after(self, moment: datetime) -> datetime | None:
        """The first due time after a moment."""
        return self.bounds.to_utc(self.rule.after(self.bounds.to_local(moment)))


def complete_trigger(body: JsonObject) -> TriggerProperties:
    """A trigger as the service returns it: the days of the week begin with a capital letter."""
    schedule = object_of(body, "schedule")
    days = schedule.get("weekDays")
    if not isinstance(days, list):
        return as_document(TriggerProperties, body)
    names: list[Json] = [day.title() if isinstance(day, str) else day for day in days]
    changed = {**body, "schedule": {**schedule, "weekDays": names}}
    return as_document(TriggerProperties, changed)


def parse_trigger(body: TriggerProperties, now: datetime) -> Trigger:
    """A trigger from the ``trigger`` of a schedule.

    Args:
        body: the trigger as the API has it.
        now: the start of a recurrence that has none.

    Raises:
        BadRequest: a field is not valid; its ``target`` names the field.
    """
    zone = time_zone(text_of(body, "timeZone", "UTC"))
    bounds = Bounds(zone, _local_time(body, "startTime"), _local_time(body, "endTime"))
    kind = text_of(body, "triggerType").lower()
    if kind == "cron":
        return _parse_cron(text_of(body, "expression"), bounds)
    if kind == "recurrence":
        return _parse_recurrence(body, bounds, now)
    raise _invalid("triggerType", f"{body.get('triggerType')!r} is not one of Cron, Recurrence")


def _parse_cron(expression: str, bounds: Bounds) -> Cron:
    fields = expression.split()
    if len(fields) != 5:
        raise _invalid("expression", f"{expression!r} must have five fields")
    try:
        croniter.expand(expression)
    except (CroniterBadCronError, ValueError, OverflowError) as error:
        raise _invalid("expression", f"{expression!r} is not a cron expression: {error}") from None
    return Cron(bounds, " ".join([*fields[:2], "*", "*", fields[4]]))


def _parse_recurrence(body: TriggerProperties, bounds: Bounds, now: datetime) -> Trigger:
    frequency = text_of(body, "frequency").lower()
    if frequency not in FREQUENCIES:
        raise _invalid("frequency", f"{frequency!r} is not one of {', '.join(FREQUENCIES)}")
    interval = body.get("interval", 1)
    if isinstance(interval, bool) or not isinstance(interval, int) or not 1 <= interval <= 10_000:
        raise _invalid("interval", f"must be an integer from 1 to 10000 (got {interval!r})")
    start = bounds.start or bounds.to_local(now)
    pattern = object_of(body, "schedule")
    hours = _integers(pattern, "hours", range(24))
    minutes = _integers(pattern, "minutes", range(60))
    month_days = _integers(pattern, "monthDays", range(1, 32))
    week_days = _week_days(pattern)
    if frequency in STEPS:
        return Interval(bounds, start, STEPS[frequency] * interval)
    rule = rrule.rrule(
        RULES[frequency],
        dtstart=start,
        interval=interval,
        wkst=rrule.SU,
        byhour=hours or start.hour,
        byminute=minutes or start.minute,
        bysecond=0 if hours or minutes else start.second,
        byweekday=(week_days or start.weekday()) if frequency == "week" else None,
        bymonthday=(month_days or start.day) if frequency == "month" else None,
    )
    return Calendar(bounds, rule)


def _week_days(pattern: JsonObject) -> list[rrule.weekday]:
    value = pattern.get("weekDays") or []
    names = value if isinstance(value, list) else [value]
    if not all(str(name).lower() in DAYS for name in names):
        raise _invalid("weekDays", f"{value!r} must be names of week days")
    return [DAYS[str(name).lower()] for name in names]


def _integers(pattern: JsonObject, name: str, allowed: range) -> list[int]:
    value = pattern.get(name) or []
    values = value if isinstance(value, list) else [value]
    numbers = [each for each in values if isinstance(each, int) and not isinstance(each, bool)]
    if len(numbers) < len(values) or not all(number in allowed for number in numbers):
        raise _invalid(name, f"must be integers from {allowed[0]} to {allowed[-1]} (got {value!r})")
    return sorted(set(numbers))


def _local_time(body: TriggerProperties, name: str) -> datetime | None:
    """A time in the trigger's own zone: the API writes it without a zone."""
    text = text_of(body, name)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise _invalid(name, f"{text!r} is not a time such as 2026-05-10T10:15:00") from None


def _invalid(field: str, message: str) -> BadRequest:
    return BadRequest(f"trigger.{field}: {message}", "UserError", target=field)
