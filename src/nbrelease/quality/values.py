"""Values of columns, labels and predictions as text."""

from __future__ import annotations

from typing import Any

import numpy as np


def format_value(value: Any) -> str:
    """A value as text, the same whatever type a file, a request or a model gave it.

    >>> format_value(1.0), format_value(1), format_value(True), format_value("1")
    ('1', '1', 'True', '1')
    """
    if isinstance(value, np.generic):
        value = value.item()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
