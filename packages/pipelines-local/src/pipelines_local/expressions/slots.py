"""Where an expression stands decides which names and functions it may use.

A step's condition knows no ``dependencies``, a variable no ``succeeded()``, a template neither:
Azure refuses such an expression when it reads it, and so does :func:`parse` with a slot.
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
    """A kind of place for an expression.

    Attributes:
        name: as in the JSON documents.
        names: the named values that can be used, in lower case.
        functions: the functions that can be used, in lower case.
        status_arguments: whether status functions take the names of jobs or stages.
    """

    name: str
    names: frozenset[str]
    functions: frozenset[str]
    status_arguments: bool = False

    def with_names(self, *names: str) -> Slot:
        """The same place inside of loops over these names."""
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
# Worked out by the agent, which knows nothing of the run around its job.
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
