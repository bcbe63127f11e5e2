"""When schedules are due, and durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from azureml_local.durations import parse_duration
from azureml_local.errors import BadRequest
from azureml_local.schedules.triggers import parse_trigger

NOW = datetime(2026, 3, 4, 10, 15, 30, tzinfo=UTC)  # a Wednesday


def due(count: int, now: datetime = NOW, **trigger) -> list[str]:
    """The next times of a trigger that is created now."""
    parsed, times = parse_trigger(trigger, now), []
    moment: datetime | None = now - timedelta(milliseconds=1)
    while moment is not None and len(times) < count:
        moment = parsed.after(moment)
        times += [moment.strftime("%m-%d %H:%M:%S")] if moment else []
    return times


def cron(expression: str, **more) -> dict:
    return {"triggerType": "Cron", "expression": expression, **more}


def every(frequency: str, interval: int = 1, **more) -> dict:
    return {"triggerType": "Recurrence", "frequency": frequency, "interval": interval, **more}


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("* * * * *", ["03-04 10:16:00", "03-04 10:17:00", "03-04 10:18:00"]),
        ("*/20 * * * *", ["03-04 10:20:00", "03-04 10:40:00", "03-04 11:00:00"]),
        ("15 10 * * *", ["03-05 10:15:00", "03-06 10:15:00", "03-07 10:15:00"]),
        ("0,30 6-7 * * mon", ["03-09 06:00:00", "03-09 06:30:00", "03-09 07:00:00"]),
        ("0 0 * * 0", ["03-08 00:00:00", "03-15 00:00:00", "03-22 00:00:00"]),
        # as on Azure, days of the month and months are ignored
        ("0 12 31 feb *", ["03-04 12:00:00", "03-05 12:00:00", "03-06 12:00:00"]),
    ],
)
def test_cron(expression, times):
    assert due(3, **cron(expression)) == times


def test_a_recurrence_begins_at_once_or_at_its_start():
    assert due(2, **every("Minute", 5)) == ["03-04 10:15:30", "03-04 10:20:30"]
    later = every("Hour", 2, startTime="2026-03-04T11:00:00")
    assert due(2, **later) == ["03-04 11:00:00", "03-04 13:00:00"]
    past = every("Hour", 2, startTime="2026-03-01T11:00:00")
    assert due(2, **past) == ["03-04 11:00:00", "03-04 13:00:00"]


@pytest.mark.parametrize(
    ("trigger", "times"),
    [
        (every("Day", 2), ["03-04 10:15:30", "03-06 10:15:30", "03-08 10:15:30"]),
        (
            every("Day", 1, schedule={"hours": [8, 18], "minutes": [0]}),
            ["03-04 18:00:00", "03-05 08:00:00", "03-05 18:00:00"],
        ),
        (
            every(
                "Week", 2, schedule={"hours": [6], "minutes": [5], "weekDays": ["Monday", "Friday"]}
            ),
            ["03-06 06:05:00", "03-16 06:05:00", "03-20 06:05:00"],
        ),
        (
            every("Month", 1, schedule={"hours": [1], "minutes": [0], "monthDays": [1, 31]}),
            ["03-31 01:00:00", "04-01 01:00:00", "05-01 01:00:00"],
        ),
    ],
)
def test_recurrences(trigger, times):
    assert due(3, **trigger) == times


def test_time_zones_start_and_end():
    berlin = cron("0 9 * * *", timeZone="W. Europe Standard Time")
    assert due(2, **berlin) == ["03-05 08:00:00", "03-06 08:00:00"]
    assert due(1, now=NOW.replace(month=7), **berlin) == ["07-05 07:00:00"]
    ends = cron("0 9 * * *", timeZone="Europe/Berlin", endTime="2026-03-05T12:00:00")
    assert due(5, **ends) == ["03-05 08:00:00"]
    starts = cron("0 9 * * *", startTime="2026-04-01T09:00:00")
    assert due(1, **starts) == ["04-01 09:00:00"]


@pytest.mark.parametrize(
    ("trigger", "field"),
    [
        (cron("* * *"), "expression"),
        (cron("61 * * * *"), "expression"),
        (cron("*/0 * * * *"), "expression"),
        (cron("0 0 * * someday"), "expression"),
        (cron("9" * 40 + " * * * *"), "expression"),
        (cron("0 0 * * *", timeZone="Moon"), "timeZone"),
        (cron("0 0 * * *", startTime="soon"), "startTime"),
        (every("Fortnight"), "frequency"),
        (every("Day", 0), "interval"),
        (every("Day", schedule={"hours": [24]}), "hours"),
        (every("Week", schedule={"weekDays": ["Caturday"]}), "weekDays"),
        ({"triggerType": "Moon"}, "triggerType"),
    ],
)
def test_an_invalid_trigger_names_the_field(trigger, field):
    with pytest.raises(BadRequest) as error:
        parse_trigger(trigger, NOW)
    assert (error.value.code, error.value.target) == ("UserError", field)


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT30M", 1800), ("P1DT2H", 93600), ("PT1.5S", 1.5), ("PT0S", 0)]
)
def test_durations(text, seconds):
    assert parse_duration(text, "timeout").total_seconds() == seconds


@pytest.mark.parametrize("value", ["", "P", "30", "-PT5S", "P1Y", "PT" + "9" * 30 + "H", 30, None])
def test_an_invalid_duration_names_the_field(value):
    with pytest.raises(BadRequest) as error:
        parse_duration(value, "timeout")
    assert error.value.target == "timeout"
