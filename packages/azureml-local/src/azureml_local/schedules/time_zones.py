"""Time zones by the names that Azure accepts: Windows names and IANA names."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from azureml_local.errors import BadRequest


def time_zone(name: str) -> ZoneInfo:
    """The time zone with a Windows or IANA name.

    Raises:
        BadRequest: the name is unknown.
    """
    from tzlocal.windows_tz import win_tz

    try:
        return ZoneInfo(win_tz.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadRequest(
            f"timeZone: {name!r} is unknown; use a Windows name or an IANA name such as "
            "Europe/Berlin",
            "UserError",
            target="timeZone",
        ) from None
