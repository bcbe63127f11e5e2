"""A parameter that is declared secret: its default is ``env:NAME``, and so is any value for it.

The reference goes through the command line, the injected cell, papermill's metadata and the record;
the value stays in the environment of the process, and the cell that needs it asks for it with
:func:`secret`.
"""

from __future__ import annotations

import os
import re

PREFIX = "env:"
_REFERENCE = re.compile(r"^env:([A-Za-z_][A-Za-z0-9_]*)$")


def name_in(reference: object) -> str | None:
    """The variable that a reference names; None where it is no reference."""
    match = _REFERENCE.match(reference) if isinstance(reference, str) else None
    return match[1] if match else None


def secret(reference: str) -> str:
    """The value that a reference leads to, for the cell that needs it.

    Args:
        reference: ``env:NAME``.

    Raises:
        ValueError: it is no reference; a value by itself would stand in the evidence.
        LookupError: no such variable is set.
    """
    name = name_in(reference)
    if name is None:
        raise ValueError("not a reference to a secret; write env:NAME, and set the variable NAME")
    value = os.environ.get(name)
    if not value:
        raise LookupError(f"{reference}: no variable {name} is set here")
    return value
