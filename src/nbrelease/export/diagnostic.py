"""Diagnostics of the export and the rules that they belong to.

A rule's code never changes its meaning and is never reused. ``docs/diagnostics.md`` documents every
rule; a test compares that page with the table below.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DOCS_URL = "https://github.com/nbrelease/nbrelease/blob/main/docs/diagnostics.md"


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

    @property
    def url(self) -> str:
        """Address of its documentation."""
        return f"{DOCS_URL}#{self.code.lower()}"


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


def _rule(code: str, name: str, level: Level, summary: str) -> Rule:
    rule = Rule(code, name, level, summary)
    RULES[code] = rule
    return rule


ERROR, WARNING, NOTE = Level.ERROR, Level.WARNING, Level.NOTE

# 1: the notebook file and its tags
UNREADABLE = _rule("NBR101", "unreadable", ERROR, "The file is not a notebook of format 4.")
LANGUAGE = _rule("NBR102", "other-language", ERROR, "The notebook's kernel does not run Python.")
DUPLICATE_ID = _rule("NBR103", "duplicate-cell-id", ERROR, "Two cells have the same id.")
CONFLICT = _rule("NBR104", "conflicting-tags", ERROR, "The tags of a cell contradict each other.")
DIRECTIVE = _rule("NBR105", "unknown-directive", WARNING, "A directive is unknown or misplaced.")
SAME_MODULE = _rule("NBR106", "same-module", ERROR, "Two notebooks export to the same module.")
PARAMETERS = _rule("NBR107", "parameters", ERROR, "A parameter cannot become an option.")
NO_REASON = _rule("NBR108", "ignore-without-reason", WARNING, "An ignore comment is invalid.")
DIRECTIVE_VALUE = _rule("NBR109", "invalid-directive-value", ERROR, "A directive value is invalid.")
TAG = _rule("NBR110", "unknown-tag", WARNING, "A tag is misspelled or on a cell without code.")
UNUSED_IGNORE = _rule("NBR111", "unused-ignore", WARNING, "An ignore comment is unused.")
METRIC = _rule("NBR112", "metric", ERROR, "A function cannot be a metric.")

# 2: code that works in notebooks only
SYNTAX = _rule("NBR201", "syntax", ERROR, "A cell to export is not valid Python.")
MAGIC = _rule("NBR202", "magic", ERROR, "A cell to export contains IPython syntax.")
DISPLAY = _rule("NBR203", "display-call", ERROR, "display() exists in notebooks only.")
AWAIT = _rule("NBR204", "top-level-await", ERROR, "await outside an async function.")
NO_EFFECT = _rule("NBR205", "expression-without-effect", WARNING, "The last line shows a value.")
INPUT = _rule("NBR206", "interactive-input", ERROR, "input() waits for a user.")

# 3: names
NOT_EXPORTED = _rule("NBR301", "not-exported", ERROR, "Only an untagged cell defines a name.")
UNDEFINED = _rule("NBR302", "undefined", ERROR, "No cell of the notebook defines a name.")
TOO_EARLY = _rule("NBR303", "used-before-definition", ERROR, "A name is used before it is defined.")
HIDDEN_STATE = _rule("NBR304", "hidden-state", ERROR, "main() uses an untagged cell's variable.")
REASSIGNED = _rule("NBR305", "parameter-reassigned", WARNING, "A cell reassigns a parameter.")
DUPLICATE = _rule("NBR306", "duplicate-definition", WARNING, "Two cells define a name.")
IMPORT = _rule("NBR307", "import-not-exported", ERROR, "Only an untagged cell imports a name.")
MAIN_LOCAL = _rule("NBR308", "main-variable", ERROR, "A function uses a local variable of main().")
SHADOWED = _rule("NBR309", "shadowed-name", ERROR, "A main cell shadows an exported name.")
STAR = _rule("NBR310", "star-import", WARNING, "import * disables the check for undefined names.")
TEST_STATE = _rule("NBR311", "test-dependency", ERROR, "A test uses a name that it does not have.")
RESERVED = _rule("NBR312", "reserved-name", ERROR, "A cell defines a generated name.")
MODULE_NAME = _rule("NBR313", "module-name", ERROR, "A module shadows the standard library.")
FOLDER_IMPORT = _rule("NBR314", "export-folder-import", ERROR, "An import names the export folder.")
UNUSED_IMPORT = _rule("NBR315", "unused-import", WARNING, "No cell uses an import.")

# 4: security
SECRET = _rule("NBR401", "secret", ERROR, "A literal looks like a secret.")

# 5: tests
UNTESTED = _rule("NBR501", "untested-function", NOTE, "No test uses a public function.")
UNKNOWN_FUNCTION = _rule("NBR502", "unknown-function", WARNING, "A test uses an unknown function.")

# 6: exported files
STALE = _rule("NBR601", "stale-file", ERROR, "An exported file is out of date.")
EDITED = _rule("NBR602", "manual-edit", ERROR, "An exported block was edited by hand.")
CONFLICTING_EDITS = _rule("NBR603", "conflicting-edits", ERROR, "A block and its cell were edited.")
ORPHAN = _rule("NBR604", "orphaned-module", WARNING, "The notebook of a module is missing.")

# 7: packages
UNLISTED_PACKAGE = _rule(
    "NBR701", "unlisted-package", ERROR, "A job or a scoring script lacks a package that it needs."
)
OTHER_VERSION = _rule("NBR702", "other-version", ERROR, "Package lists differ in a version.")
PACKAGE_LIST = _rule("NBR703", "package-list", ERROR, "The list of packages cannot be read.")
UNKNOWN_PACKAGE = _rule("NBR704", "unknown-package", WARNING, "The package of a module is unknown.")
