"""Whether the tests run against a service."""

from __future__ import annotations


def is_live() -> bool:
    return True


def is_live_and_not_recording() -> bool:
    """False, as when Microsoft records: then the hashes of code and components are the real ones."""
    return False
