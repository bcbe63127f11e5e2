"""Findings that somebody decided to live with: ``# nbrelease: ignore[CODE] the reason``.

The reason is for the reviewer. A comment that ignores nothing any more is reported too, or it would
hide the next finding of its line.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from nbrelease.export.diagnostic import NO_REASON, RULES, UNUSED, Rule
from nbrelease.notebook import Cell

MARK = "nbrelease:"
IGNORE = re.compile(r"#\s*nbrelease:\s*ignore\[(?P<codes>[A-Z0-9, ]*)\](?P<reason>.*)$")
# What is wrong with the file, its tags or its syntax cannot be lived with: nothing right would be
# written. Neither can what is wrong with a written file, which has no such comments.
NEVER = ("NBR101", "NBR102", "NBR103", "NBR104", "NBR106", "NBR107", "NBR109", "NBR201", "NBR6")


@dataclass
class Ignores:
    """The comments of a notebook, and which of them were of use.

    Attributes:
        used: cell, line and code of each.
    """

    used: set[tuple[str, int, str]] = field(default_factory=set)

    def covers(self, rule: Rule, cell: Cell, node: ast.AST | int | None) -> bool:
        """Whether a finding is ignored: at its line, or at the last one of its expression."""
        if MARK not in cell.source or rule.code.startswith(NEVER):
            return False
        lines = cell.source.split("\n")
        for number in _lines(node):
            match = IGNORE.search(lines[number - 1]) if number <= len(lines) else None
            if match is not None and rule.code in codes(match):
                self.used.add((cell.id, number, rule.code))
                return True
        return False

    def problems(self, cell: Cell, *, complete: bool) -> list[tuple[Rule, int, str, str]]:
        """What is wrong with the comments of a cell: rule, line, message, mend.

        Args:
            cell: the cell.
            complete: whether everything was looked for; after an error it was not.
        """
        found = []
        for number, line in enumerate(cell.source.split("\n"), start=1):
            match = IGNORE.search(line)
            if match is None:
                continue
            if wrong := _wrong(match):
                found.append((NO_REASON, number, *wrong))
                continue
            idle = [code for code in codes(match) if (cell.id, number, code) not in self.used]
            if idle and complete:
                message = f"there is no {', '.join(idle)} here to ignore"
                found.append((UNUSED, number, message, "remove the comment"))
        return found


def _lines(node: ast.AST | int | None) -> list[int]:
    if isinstance(node, int):
        return [node]
    first = getattr(node, "lineno", 1)
    last = getattr(node, "end_lineno", None) or first
    # The end of a function is no place for what is said about its head.
    return [first, last] if isinstance(node, ast.expr | ast.Assign | ast.Expr) else [first]


def codes(match: re.Match[str]) -> list[str]:
    """The codes that a comment names."""
    return re.findall(r"[A-Z0-9]+", match["codes"])


def _wrong(match: re.Match[str]) -> tuple[str, str] | None:
    """What is wrong with a comment by itself: message and mend."""
    named = codes(match)
    if not named:
        return "no rule is named to be ignored", "write # nbrelease: ignore[CODE] because …"
    if unknown := [code for code in named if code not in RULES]:
        return f"there is no rule {unknown[0]}", "see nbrelease export --rules"
    if fixed := [code for code in named if code.startswith(NEVER)]:
        return f"{fixed[0]} cannot be ignored", "mend what it says, and remove the comment"
    if not match["reason"].strip(" :,-"):
        message = f"{', '.join(named)} is ignored without a reason"
        return message, "write why behind it: # nbrelease: ignore[CODE] because …"
    return None
