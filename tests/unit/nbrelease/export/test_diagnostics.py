"""docs/diagnostics.md documents every rule."""

from __future__ import annotations

import re
from pathlib import Path

from nbrelease.export.diagnostic import RULES

PAGE = Path(__file__).parents[4] / "docs" / "diagnostics.md"


def test_every_rule_is_documented():
    found = re.findall(
        r"^## (NBR\d+)\n`([\w-]+)` · (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found == [(rule.code, rule.name, rule.level.value) for rule in RULES.values()]


def test_rules_are_sorted_and_have_unique_names():
    assert list(RULES) == sorted(RULES)
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
