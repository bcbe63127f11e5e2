"""What the export has to say about a notebook: rules with stable codes, and their findings.

A code never changes its meaning and is never used again; ``docs/diagnostics.md`` has a section for
each, which a test holds against this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is. An error keeps the notebook from being exported."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Rule:
    """What is looked for.

    Attributes:
        code: its stable name.
        name: its readable name, and its anchor in the docs.
        level: of its findings.
        summary: one sentence.
    """

    code: str
    name: str
    level: Level
    summary: str


@dataclass(frozen=True)
class Diagnostic:
    """One finding.

    Attributes:
        rule: what it is a case of.
        path: the notebook, or the written file.
        cell: the cell's id; empty when it is about the file.
        line: from 1 within the cell (within the file when there is no cell).
        column: from 1.
        message: what is wrong, in one line.
        mend: what to do about it, in one line.
    """

    rule: Rule
    path: str
    cell: str
    line: int
    column: int
    message: str
    mend: str

    @property
    def place(self) -> str:
        """``path:cell:line:column``."""
        return ":".join(
            part for part in (self.path, self.cell, str(self.line), str(self.column)) if part
        )


RULES: dict[str, Rule] = {}


def _rule(code: str, name: str, level: Level, summary: str) -> Rule:
    rule = Rule(code, name, level, summary)
    RULES[code] = rule
    return rule


ERROR, WARNING, NOTE = Level.ERROR, Level.WARNING, Level.NOTE

# 1: the file and its tags
UNREADABLE = _rule("NBR101", "unreadable", ERROR, "The file is no notebook of format 4.")
LANGUAGE = _rule("NBR102", "other-language", ERROR, "Cells to export are not Python.")
DUPLICATE_ID = _rule("NBR103", "duplicate-cell-id", ERROR, "Two cells have the same id.")
CONFLICT = _rule("NBR104", "conflicting-tags", ERROR, "A cell's tags contradict each other.")
DIRECTIVE = _rule("NBR105", "unknown-directive", WARNING, "A directive means nothing here.")
SAME_MODULE = _rule("NBR106", "same-module", ERROR, "Two notebooks are exported to one module.")
PARAMETERS = _rule("NBR107", "parameters", ERROR, "The parameters cell cannot become options.")
NO_REASON = _rule("NBR108", "ignore-without-reason", WARNING, "A rule is ignored without a reason.")
DIRECTIVE_VALUE = _rule("NBR109", "directive-value", ERROR, "A directive's value means nothing.")
TAG = _rule("NBR110", "tag-without-effect", WARNING, "A tag means nothing here.")
UNUSED = _rule("NBR111", "unused-ignore", WARNING, "Something is ignored that is not there.")

# 2: code that only a notebook understands
SYNTAX = _rule("NBR201", "syntax", ERROR, "A cell to export is no Python.")
MAGIC = _rule("NBR202", "magic", ERROR, "A magic or shell line in a cell to export.")
DISPLAY = _rule("NBR203", "display", ERROR, "display is there in notebooks only.")
AWAIT = _rule("NBR204", "top-level-await", ERROR, "await outside of an async function.")
SHOWN = _rule("NBR205", "shown", WARNING, "A last line shows a value, and does nothing else.")

# 3: names
NOT_EXPORTED = _rule(
    "NBR301", "not-exported", ERROR, "A name is defined only in a cell that is not exported."
)
UNDEFINED = _rule("NBR302", "undefined", ERROR, "A name is defined nowhere in the notebook.")
TOO_EARLY = _rule("NBR303", "used-before-definition", ERROR, "A name is used before it is defined.")
HIDDEN_STATE = _rule("NBR304", "hidden-state", ERROR, "A main cell relies on an exploration cell.")
REASSIGNED = _rule("NBR305", "parameter-reassigned", WARNING, "A parameter is given another value.")
DUPLICATE = _rule("NBR306", "duplicate-definition", WARNING, "Two cells define the same name.")
IMPORT = _rule("NBR307", "import-not-exported", ERROR, "An import is only in an untagged cell.")
MAIN_LOCAL = _rule("NBR308", "local-of-main", ERROR, "Exported code uses a variable of main().")
SHADOWED = _rule("NBR309", "shadowed", ERROR, "A main cell reuses the name of exported code.")
STAR = _rule("NBR310", "star-import", WARNING, "import * hides where names come from.")
TEST_STATE = _rule("NBR311", "test-state", ERROR, "A test relies on cells that a test run lacks.")
RESERVED = _rule(
    "NBR312", "reserved-name", ERROR, "Exported code defines a name that export writes."
)
MODULE_NAME = _rule(
    "NBR313", "module-name", ERROR, "A shared module is named like one of the standard library."
)
NOT_BESIDE = _rule("NBR314", "not-beside", ERROR, "A written module is imported by its folder.")

# 4: safety
SECRET = _rule("NBR401", "secret", ERROR, "A literal looks like a secret.")

# 5: tests
UNTESTED = _rule("NBR501", "untested", NOTE, "No test uses a public function.")
UNKNOWN_FUNCTION = _rule("NBR502", "unknown-function", WARNING, "A test uses what is gone.")

# 6: written files
STALE = _rule("NBR601", "stale", ERROR, "A written file is not what the notebook gives.")
EDITED = _rule("NBR602", "edited", ERROR, "A written block was edited by hand.")
BOTH_SIDES = _rule("NBR603", "edited-on-both-sides", ERROR, "A cell and its block were edited.")
ORPHAN = _rule("NBR604", "orphan", WARNING, "The notebook of a written module is gone.")
