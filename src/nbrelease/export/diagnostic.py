"""Diagnostics of the export and the rules that they belong to.

A rule's code never changes its meaning and is never reused. ``docs/diagnostics.md`` documents every
rule; a test compares that page with the table below.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Severity of a diagnostic. An error prevents the export of the notebook."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Rule:
    """One check.

    Attributes:
        code: stable identifier.
        name: readable identifier.
        level: severity of its diagnostics.
        summary: one sentence.
    """

    code: str
    name: str
    level: Level
    summary: str


@dataclass(frozen=True)
class Diagnostic:
    """One problem in a notebook or in an exported file.

    Attributes:
        rule: the rule that reports it.
        path: the notebook or the exported file, relative to the project.
        cell: id of the cell; empty when the problem concerns the whole file.
        line: 1-based line within the cell, or within the file if ``cell`` is empty.
        column: 1-based column.
        message: what is wrong, on one line.
        fix: what to do about it, on one line.
    """

    rule: Rule
    path: str
    cell: str
    line: int
    column: int
    message: str
    fix: str

    @property
    def location(self) -> str:
        """``path:cell:line:column``."""
        return ":".join(
            part for part in (self.path, self.cell, str(self.line), str(self.column)) if part
        )


RULES: dict[str, Rule] = {}


def _define_rule(code: str, name: str, level: Level, summary: str) -> Rule:
    rule = Rule(code, name, level, summary)
    RULES[code] = rule
    return rule


ERROR, WARNING, NOTE = Level.ERROR, Level.WARNING, Level.NOTE

# 1: the notebook file and its tags
UNREADABLE = _define_rule("NBR101", "unreadable", ERROR, "The file is not a notebook of format 4.")
LANGUAGE = _define_rule(
    "NBR102", "other-language", ERROR, "The notebook's kernel does not run Python."
)
DUPLICATE_ID = _define_rule("NBR103", "duplicate-cell-id", ERROR, "Two cells have the same id.")
CONFLICT = _define_rule(
    "NBR104", "conflicting-tags", ERROR, "The tags of a cell contradict each other."
)
DIRECTIVE = _define_rule(
    "NBR105", "unknown-directive", WARNING, "A directive is unknown or in the wrong place."
)
SAME_MODULE = _define_rule(
    "NBR106", "same-module", ERROR, "Two notebooks are exported to the same module."
)
PARAMETERS = _define_rule(
    "NBR107", "parameters", ERROR, "The parameters cell cannot become command-line options."
)
NO_REASON = _define_rule(
    "NBR108", "ignore-without-reason", WARNING, "An ignore comment is invalid or gives no reason."
)
DIRECTIVE_VALUE = _define_rule(
    "NBR109", "invalid-directive-value", ERROR, "A directive has an invalid value."
)
TAG = _define_rule(
    "NBR110", "unknown-tag", WARNING, "A tag is misspelled or on a cell without code."
)
UNUSED_IGNORE = _define_rule(
    "NBR111", "unused-ignore", WARNING, "An ignore comment matches no diagnostic."
)

# 2: code that works in notebooks only
SYNTAX = _define_rule("NBR201", "syntax", ERROR, "A cell to export is not valid Python.")
MAGIC = _define_rule("NBR202", "magic", ERROR, "A cell to export contains IPython syntax.")
DISPLAY = _define_rule("NBR203", "display-call", ERROR, "display() exists in notebooks only.")
AWAIT = _define_rule("NBR204", "top-level-await", ERROR, "await outside an async function.")
NO_EFFECT = _define_rule(
    "NBR205", "expression-without-effect", WARNING, "The last line of a cell only shows a value."
)
INPUT = _define_rule("NBR206", "interactive-input", ERROR, "input() waits for a user.")

# 3: names
NOT_EXPORTED = _define_rule(
    "NBR301", "not-exported", ERROR, "A name is defined only in a cell that is not exported."
)
UNDEFINED = _define_rule("NBR302", "undefined", ERROR, "No cell of the notebook defines a name.")
TOO_EARLY = _define_rule(
    "NBR303", "used-before-definition", ERROR, "A name is used before it is defined."
)
HIDDEN_STATE = _define_rule(
    "NBR304", "hidden-state", ERROR, "A main cell uses a variable of an untagged cell."
)
REASSIGNED = _define_rule(
    "NBR305", "parameter-reassigned", WARNING, "A cell assigns a new value to a parameter."
)
DUPLICATE = _define_rule(
    "NBR306", "duplicate-definition", WARNING, "Two exported cells define the same name."
)
IMPORT = _define_rule(
    "NBR307", "import-not-exported", ERROR, "A name is imported only in an untagged cell."
)
MAIN_LOCAL = _define_rule(
    "NBR308", "main-variable", ERROR, "An export cell uses a parameter or a variable of main()."
)
SHADOWED = _define_rule(
    "NBR309", "shadowed-name", ERROR, "A main cell assigns to a name that an export cell defines."
)
STAR = _define_rule(
    "NBR310", "star-import", WARNING, "import * disables the check for undefined names."
)
TEST_STATE = _define_rule(
    "NBR311", "test-dependency", ERROR, "A test uses a name that exists in the notebook only."
)
RESERVED = _define_rule(
    "NBR312", "reserved-name", ERROR, "An export cell defines a name that the export generates."
)
MODULE_NAME = _define_rule(
    "NBR313", "module-name", ERROR, "A shared module has the name of a standard library module."
)
FOLDER_IMPORT = _define_rule(
    "NBR314", "import-from-export-folder", ERROR, "An import names the folder of exported modules."
)
UNUSED_IMPORT = _define_rule("NBR315", "unused-import", WARNING, "No cell uses an import.")

# 4: security
SECRET = _define_rule("NBR401", "secret", ERROR, "A literal looks like a secret.")

# 5: tests
UNTESTED = _define_rule("NBR501", "untested-function", NOTE, "No test uses a public function.")
UNKNOWN_FUNCTION = _define_rule(
    "NBR502", "unknown-function", WARNING, "A test uses a function that no longer exists."
)

# 6: exported files
STALE = _define_rule("NBR601", "stale-file", ERROR, "An exported file is out of date.")
EDITED = _define_rule("NBR602", "manual-edit", ERROR, "An exported block was edited by hand.")
CONFLICTING_EDITS = _define_rule(
    "NBR603", "conflicting-edits", ERROR, "A block and its cell were both edited."
)
ORPHAN = _define_rule(
    "NBR604", "orphaned-module", WARNING, "The notebook of an exported module no longer exists."
)
