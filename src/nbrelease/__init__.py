"""From notebook to released model, with the executed notebooks as the evidence.

What a runbook imports from here: :func:`record`, which publishes values to later runbooks and into
the release record, and :func:`secret`, which gives the value that a parameter refers to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbrelease.published_values import record
    from nbrelease.secrets.reference import secret

__all__ = ["record", "secret"]


def __getattr__(name: str) -> Any:
    """The two are imported when they are asked for: every command line comes through here."""
    if name == "record":
        from nbrelease.published_values import record

        return record
    if name == "secret":
        from nbrelease.secrets.reference import secret

        return secret
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
