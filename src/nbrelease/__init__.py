"""Release models from notebooks to Azure ML, with the executed notebooks as evidence.

Runbooks import :func:`record`, which publishes values to later runbooks and to the release record,
and :func:`secret`, which returns the value of a secret parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbrelease.published_values import record
    from nbrelease.secrets.reference import secret

__all__ = ["record", "secret"]


def __getattr__(name: str) -> Any:
    """Import the two functions on first use: every command imports this package."""
    if name == "record":
        from nbrelease.published_values import record

        return record
    if name == "secret":
        from nbrelease.secrets.reference import secret

        return secret
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
