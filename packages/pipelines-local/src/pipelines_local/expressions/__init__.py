"""Azure Pipelines expressions: read by :mod:`parser`, worked out by :mod:`evaluator`.

The rules of conversion are those of the public documentation and of the agent's own tests: the
right side of a comparison is converted to the type of the left one, names ignore case, and there
are neither operators nor grouping parentheses.
"""

from pipelines_local.expressions.evaluator import Context, Counter, Status, evaluate
from pipelines_local.expressions.parser import Expression, parse
from pipelines_local.expressions.slots import SLOTS, Slot
from pipelines_local.expressions.values import (
    Array,
    Object,
    Value,
    Version,
    is_true,
    of_python,
    to_python,
    to_text,
)

__all__ = [
    "SLOTS",
    "Array",
    "Context",
    "Counter",
    "Expression",
    "Object",
    "Slot",
    "Status",
    "Value",
    "Version",
    "evaluate",
    "is_true",
    "of_python",
    "parse",
    "to_python",
    "to_text",
]
