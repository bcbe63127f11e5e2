"""ISO 8601 durations, the form of timeouts in Azure ML's API."""

from __future__ import annotations

from datetime import timedelta

import isodate

from azureml_local.errors import BadRequest


def parse_duration(value: object, field: str) -> timedelta:
    """The duration of a text such as ``PT30M``.

    Raises:
        BadRequest: ``value`` of ``field`` is not such a text, is negative, or has months or years.
    """
    try:
        duration = isodate.parse_duration(value)
    except (TypeError, ValueError, OverflowError):
        duration = None
    if not isinstance(duration, timedelta) or duration < timedelta():
        raise BadRequest(
            f"{field}: {value!r} is not a duration such as PT30M", "UserError", target=field
        )
    return duration
