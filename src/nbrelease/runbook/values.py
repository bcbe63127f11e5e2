"""Where each parameter of a runbook gets its value from.

In this order: given on the command line, published by an earlier runbook of the release, the
release's own identity, settings.ini; a parameter with none of these keeps the notebook's default.
Every value is converted to the type that the parameters cell declares, or refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from nbrelease.errors import UsageError
from nbrelease.notebook import Notebook


def resolve(
    runbook: Notebook,
    *,
    given: Mapping[str, str],
    published: Mapping[str, Any],
    identity: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """The values to inject, by name, of the declared type.

    Raises:
        UsageError: a given name is no parameter of the runbook, or a value has the wrong type.
    """
    declared = {parameter.name: parameter for parameter in runbook.parameters}
    for name in given:
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            mend = f"did you mean {close[0]}?" if close else f"it has {', '.join(declared)}"
            raise UsageError(f"{runbook.path}: no parameter {name}; {mend}")
    values = {}
    for name, parameter in declared.items():
        for source in (given, published, identity, settings):
            if name in source:
                values[name] = parameter.convert(source[name])
                break
    return values
