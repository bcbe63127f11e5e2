"""The option ``--set NAME=VALUE`` of several commands."""

from __future__ import annotations

import os
from collections.abc import Iterable

from nbrelease.errors import UsageError


def parse_settings(pairs: Iterable[str]) -> dict[str, str]:
    """Parse NAME=VALUE; a relative path of training data is relative to the current folder."""
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair}: write --set NAME=VALUE")
        if key == "training_data" and "://" not in value and not value.startswith("azureml:"):
            value = os.path.abspath(value)  # noqa: PTH100 - resolve() would follow symbolic links
        values[key] = value
    return values
