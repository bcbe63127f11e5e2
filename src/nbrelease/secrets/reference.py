"""References to secrets: the default and every value of a secret parameter is ``env:NAME``.

The reference is in the command line, the injected cell, papermill's metadata and the record. The
value stays in the environment variable; a cell reads it with :func:`secret`.
"""

from __future__ import annotations

import os
import re

PREFIX = "env:"
_REFERENCE = re.compile(r"^env:([A-Za-z_][A-Za-z0-9_]*)$")


def variable_name(reference: object) -> str | None:
    """The name of the variable; None if the value is not a reference."""
    match = _REFERENCE.match(reference) if isinstance(reference, str) else None
    return match[1] if match else None


def secret(reference: str) -> str:
    """The value of a secret parameter.

    Args:
        reference: ``env:NAME``.

    Raises:
        ValueError: the text is not a reference; a value would be in the evidence.
        LookupError: the variable is not set.
    """
    name = variable_name(reference)
    if name is None:
        raise ValueError("not a reference to a secret: write env:NAME and set the variable NAME")
    value = os.environ.get(name)
    if not value:
        raise LookupError(f"{reference}: variable {name} is not set")
    return value
