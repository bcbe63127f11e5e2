"""The user of this machine."""

from __future__ import annotations

import getpass


def name() -> str:
    """The user's name; empty for one without an entry in the list of users, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # before and since Python 3.13
        return ""
