"""The values of a runbook's parameters.

A value comes from the command line, else from an earlier runbook of the release that published it,
else from the release's identity, else from settings.ini. A parameter without a value keeps the
notebook's default. So does one that was published as None, which says that it was not measured,
unless the parameter accepts None. Each value is converted to the declared type or rejected.
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
    arguments: Mapping[str, str],
    published: Mapping[str, Any],
    identity: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """The values to inject, by name, of the declared type.

    Args:
        runbook: the notebook with the declarations.
        arguments: values from the command line, as text.
        published: values that earlier runbooks of the release published.
        identity: values of the release's identity.
        settings: values of settings.ini.

    Raises:
        UsageError: an argument is not a parameter of the runbook, or a value has the wrong type.
    """
    declared = {parameter.name: parameter for parameter in runbook.parameters}
    for name in arguments:
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean {close[0]}?" if close else f"use one of {', '.join(declared)}"
            raise UsageError(f"{runbook.path}: unknown parameter {name}; {hint}")
    published = {
        name: value
        for name, value in published.items()
        if value is not None or (name in declared and declared[name].optional)
    }
    values = {}
    for name, parameter in declared.items():
        for source in (arguments, published, identity, settings):
            if name in source:
                values[name] = parameter.convert(source[name])
                break
    return values
