"""Comments that suppress a diagnostic: ``# nbrelease: ignore[CODE] the reason``.

The reason is for the reviewer. A comment that no longer matches a diagnostic is reported, because
it would hide the next problem of its line.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from nbrelease.export.diagnostic import NO_REASON, RULES, UNUSED_IGNORE, Rule
from nbrelease.notebook import Cell

MARK = "nbrelease:"
IGNORE = re.compile(r"#\s*nbrelease:\s*ignore\[(?P<codes>[A-Z0-9, ]*)\](?P<reason>.*)$")
# An invalid file, tag or syntax cannot be suppressed: the exported module would be wrong. Exported
# files (NBR6) and package lists hold no such comments.
NOT_SUPPRESSIBLE = (
    "NBR101", "NBR102", "NBR103", "NBR104", "NBR106", "NBR107", "NBR109", "NBR201", "NBR6",
    "NBR702", "NBR703",
)  # fmt: skip
PACKAGE_RULES = "NBR7"
"""Rules that a check of the exported files reports, not one of the notebook."""
_EXAMPLE = "write `# nbrelease: ignore[CODE] reason`"


@dataclass
class Suppressions:
    """The suppressing comments of a notebook.

    Attributes:
        used: cell id, line and code of each comment that matched a diagnostic.
    """

    used: set[tuple[str, int, str]] = field(default_factory=set)

    def covers(self, rule: Rule, cell: Cell, node: ast.AST | int | None) -> bool:
        """Whether a comment suppresses a rule on a line, or at the start or end of a node."""
        if MARK not in cell.source or rule.code.startswith(NOT_SUPPRESSIBLE):
            return False
        lines = cell.source.split("\n")
        for number in _comment_lines(node):
            match = IGNORE.search(lines[number - 1]) if number <= len(lines) else None
            if match is not None and rule.code in codes(match):
                self.used.add((cell.id, number, rule.code))
                return True
        return False

    def problems(self, cell: Cell, *, complete: bool) -> list[tuple[Rule, int, str, str]]:
        """The problems of the comments of a cell: rule, line, message and fix.

        Args:
            cell: the cell.
            complete: whether every check has run; after an error some have not.
        """
        problems = []
        for number, line in enumerate(cell.source.split("\n"), start=1):
            match = IGNORE.search(line)
            if match is None:
                continue
            if invalid := _validate(match):
                problems.append((NO_REASON, number, *invalid))
                continue
            unused = [
                code
                for code in codes(match)
                if (cell.id, number, code) not in self.used and not code.startswith(PACKAGE_RULES)
            ]
            if unused and complete:
                message = f"no {', '.join(unused)} on this line"
                problems.append((UNUSED_IGNORE, number, message, "remove the ignore comment"))
        return problems


def is_ignored(rule: Rule, line: str) -> bool:
    """Whether a line has a comment that suppresses a rule."""
    match = IGNORE.search(line)
    return match is not None and rule.code in codes(match)


def _comment_lines(node: ast.AST | int | None) -> list[int]:
    if isinstance(node, int):
        return [node]
    first = getattr(node, "lineno", 1)
    last = getattr(node, "end_lineno", None) or first
    # A comment for the head of a function stands on its first line only.
    return [first, last] if isinstance(node, ast.expr | ast.Assign | ast.Expr) else [first]


def codes(match: re.Match[str]) -> list[str]:
    """The codes in a comment."""
    return re.findall(r"[A-Z0-9]+", match["codes"])


def _validate(match: re.Match[str]) -> tuple[str, str] | None:
    """Message and fix for an invalid comment; None for a valid one."""
    rules = codes(match)
    if not rules:
        return "the ignore comment names no rule", _EXAMPLE
    if unknown := [code for code in rules if code not in RULES]:
        return f"unknown rule {unknown[0]}", "run `nbrelease export --rules` for the list of rules"
    if fixed := [code for code in rules if code.startswith(NOT_SUPPRESSIBLE)]:
        return f"{fixed[0]} cannot be ignored", "fix the problem and remove the comment"
    if not match["reason"].strip(" :,-"):
        return f"the ignore comment for {', '.join(rules)} gives no reason", _EXAMPLE
    return None
