"""Slots: the places of expressions, each with its available names and functions.

For example, ``dependencies`` is not available in the condition of a step, and ``succeeded()`` is
not available in a variable. Azure Pipelines reports that when it reads the expression.
"""

from __future__ import annotations

from dataclasses import dataclass

_FUNCTIONS = """
    and coalesce contains containsValue convertToJson endsWith eq format ge gt iif in join le
    length lower lt ne not notIn or replace split startsWith trim upper xor
"""
GENERAL = frozenset(_FUNCTIONS.lower().split())
STATUS = frozenset({"always", "canceled", "failed", "succeeded", "succeededorfailed"})
COUNTER = frozenset({"counter"})


@dataclass(frozen=True)
class Slot:
    """One kind of place.

    Attributes:
        name: as in ``pipelines-local eval --slot``.
        names: the available names, in lower case.
        functions: the available functions, in lower case.
        status_arguments: whether status functions take names of jobs or stages.
    """

    name: str
    names: frozenset[str]
    functions: frozenset[str]
    status_arguments: bool = False

    def with_names(self, *names: str) -> Slot:
        """Return the same slot with loop variables."""
        return Slot(
            self.name,
            self.names | {name.lower() for name in names},
            self.functions,
            self.status_arguments,
        )


def _slot(name: str, names: str, functions: frozenset[str], arguments: bool = False) -> Slot:
    return Slot(name, frozenset(names.lower().split()), functions, arguments)


COMPILE = _slot("compile", "parameters variables", GENERAL)
ROOT_VARIABLE = _slot("root-var", "variables pipeline resources", GENERAL | COUNTER)
RUNTIME_VARIABLE = _slot(
    "runtime-var", "variables pipeline resources dependencies stageDependencies", GENERAL | COUNTER
)
# Evaluated by the agent, which knows only its own job.
STEP_CONDITION = _slot("step-condition", "variables", GENERAL | STATUS)
JOB_CONDITION = _slot(
    "job-condition",
    "variables pipeline dependencies stageDependencies",
    GENERAL | STATUS,
    True,
)
STAGE_CONDITION = _slot(
    "stage-condition", "variables pipeline dependencies", GENERAL | STATUS, True
)
SLOTS = {
    slot.name: slot
    for slot in (
        COMPILE,
        ROOT_VARIABLE,
        RUNTIME_VARIABLE,
        STEP_CONDITION,
        JOB_CONDITION,
        STAGE_CONDITION,
    )
}
