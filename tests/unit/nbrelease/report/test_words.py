"""The Japanese of the pages is complete: each text has its words, none is left over."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import packs

from nbrelease import records, report, secrets
from nbrelease.attestation import chain
from nbrelease.pack import build_pack
from nbrelease.records import published, verdict
from nbrelease.report import names, pages, templating, words
from nbrelease.report.japanese import JAPANESE
from nbrelease.runbook.masking import PARTS

SOURCE = Path(report.__file__).parent
PLACES = re.compile(r"%\(\w+\)s|%%")
STATES = (
    records.CellState, records.RunbookVerdict, records.StageResult, records.ReleaseVerdict,
)  # fmt: skip
TRANSLATORS = {"_", "_say"}


def of_templates() -> set[str]:
    made = templating.environment("en")
    found = set()
    for path in (SOURCE / "templates").glob("*.j2"):
        for _, _, text in made.extract_translations(path.read_text(encoding="utf-8")):
            found |= {text} if isinstance(text, str) else {each for each in text or () if each}
    return found


def of_code() -> set[str]:
    """The first argument of every call that translates."""
    found = set()
    for path in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in TRANSLATORS:
                    found.add(node.args[0].value)
    return found


def of_tables() -> set[str]:
    states = {word for kind in STATES for word in get_args(kind)}
    gate = set(get_args(published.Gate.model_fields["verdict"].annotation))
    steps = set(get_args(published.RolloutStep.model_fields["decision"].annotation))
    said = set(get_args(records.Decision.model_fields["decision"].annotation))
    later = set(chain.KINDS)
    kinds = set(get_args(records.Workspace.model_fields["kind"].annotation))
    tables = set(verdict.REASONS.values()) | set(pages.CONTENTS.values())
    masked = {*secrets.kinds(), *PARTS.values(), "parameters", "file"}
    return (
        masked | states | later | gate | steps | said | kinds | tables | set(names.METRICS.values())
    )


def test_no_text_is_without_its_japanese():
    missing = (of_templates() | of_code() | of_tables()) - JAPANESE.keys()
    assert not missing


def test_no_japanese_is_left_over():
    """Texts that a variable carries to where they are translated stand in the code as they are."""
    constants = {
        node.value
        for path in SOURCE.glob("*.py")
        if path.name != "japanese.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    left_over = JAPANESE.keys() - of_templates() - of_tables() - constants
    assert not left_over


def test_the_same_values_are_filled_in():
    for english, said in JAPANESE.items():
        assert sorted(PLACES.findall(said)) == sorted(PLACES.findall(english)), english


def test_nothing_is_asked_for_that_has_no_japanese(tmp_path, monkeypatch):
    """What no list of texts can tell: words that are put together while a page is made."""
    asked = set()

    class Words(dict):
        def get(self, text, default=None):
            if text not in self:
                asked.add(text)
            return super().get(text, default)

    monkeypatch.setitem(words.LANGUAGES, "ja", Words(JAPANESE))
    caches = (words.translator, templating.environment)
    for each in caches:
        each.cache_clear()
    try:
        for make in packs.ALL:
            build_pack(make(tmp_path, language="ja"))
    finally:
        for each in caches:
            each.cache_clear()
    assert not asked


def test_the_pages_say_their_language(english, japanese):
    assert {page.html.html["lang"] for page in english["full"].pages} == {"en"}
    assert {page.html.html["lang"] for page in japanese["full"].pages} == {"ja"}
    page = japanese["full"].page()
    assert page.verdict == "合格"
    assert "何が変わるか" in page.answers


def test_a_number_is_the_same_in_both_languages(english, japanese):
    def digits(page):
        return sorted(re.findall(r"\d[\d.,:]*\d|\d", page.html.body.get_text(" ")))

    assert digits(english["full"].page()) == digits(japanese["full"].page())
