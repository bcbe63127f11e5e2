"""docs/diagnostics.md documents every rule: cause, example and fix."""

from __future__ import annotations

import re
from pathlib import Path

from nbrelease.export.diagnostic import RULES

PAGE = Path(__file__).parents[4] / "docs" / "diagnostics.md"
SECTION = re.compile(
    r"^### (NBR\d+)\n`([\w-]+)` · (\w+)\n\n(.+)\n\n"
    r"\*\*Cause\.\*\* \S[\s\S]+?\n\n\*\*Example\.\*\*\n\n```\w*\n[\s\S]+?\n```\n\n\*\*Fix\.\*\* \S",
    re.MULTILINE,
)


def test_every_rule_is_documented():
    sections = [match.groups() for match in SECTION.finditer(PAGE.read_text(encoding="utf-8"))]
    assert sections == [
        (rule.code, rule.name, rule.level.value, rule.summary) for rule in RULES.values()
    ]


def test_rules_are_sorted_and_have_unique_names():
    assert list(RULES) == sorted(RULES)
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
