"""The codes of problems: documented, used, and each only once."""

from __future__ import annotations

import re
from pathlib import Path

from nbrelease.attestation.problem import CODES, Problem
from nbrelease.verification import CHECKS

ROOT = Path(__file__).parents[4]
ROW = re.compile(r"^\| `(NBV\d{3})` \| (\w+) \| (.+) \|$", re.MULTILINE)


def test_the_page_lists_every_code_with_its_check():
    rows = ROW.findall((ROOT / "docs" / "verification.md").read_text(encoding="utf-8"))
    assert {code: text for code, _, text in rows} == CODES
    assert {check for _, check, _ in rows} == {*CHECKS, "any"}


def test_every_code_is_reported_somewhere_and_no_other():
    used = set()
    for package in ("attestation", "verification"):
        for path in (ROOT / "src" / "nbrelease" / package).glob("*.py"):
            used |= set(re.findall(r'Problem\(\s*"(NBV\d{3})"', path.read_text(encoding="utf-8")))
    assert used == set(CODES)


def test_a_problem_gets_a_place():
    problem = Problem("NBV205", "cell a was not executed").at("notebooks/x.ipynb")
    assert (problem.code, str(problem)) == ("NBV205", "notebooks/x.ipynb: cell a was not executed")
