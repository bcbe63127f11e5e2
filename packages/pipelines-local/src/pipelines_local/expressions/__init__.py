"""Azure Pipelines expressions: parsed by :mod:`parser`, evaluated by :mod:`evaluator`.

The conversion rules are those of the public documentation and of the tests of the agent: the right
side of a comparison is converted to the type of the left side, names ignore case, and there are
neither operators nor grouping parentheses.
"""

from pipelines_local.expressions.evaluator import Context, Counter, Status, evaluate
from pipelines_local.expressions.parser import Expression, parse
from pipelines_local.expressions.slots import SLOTS, Slot
from pipelines_local.expressions.values import (
    Array,
    Object,
    Value,
    Version,
    describe,
    from_python,
    is_true,
    to_python,
    to_text,
    to_text_or_empty,
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
    "describe",
    "evaluate",
    "from_python",
    "is_true",
    "parse",
    "to_python",
    "to_text",
    "to_text_or_empty",
]
