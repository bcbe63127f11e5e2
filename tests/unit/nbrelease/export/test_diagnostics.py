"""Every rule has its section in the docs, and says there what it is."""

from __future__ import annotations

import re
from pathlib import Path

from nbrelease.export.diagnostic import RULES

PAGE = Path(__file__).parents[4] / "docs" / "diagnostics.md"


def test_every_rule_has_its_section():
    found = re.findall(
        r"^## (NBR\d+)\n`([\w-]+)` · (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found == [(rule.code, rule.name, rule.level.value) for rule in RULES.values()]


def test_rules_are_in_the_order_of_their_codes_with_names_of_their_own():
    assert list(RULES) == sorted(RULES)
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
