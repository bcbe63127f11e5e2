"""The Japanese catalogue is complete: every message has a translation, none is stale."""

from __future__ import annotations

import re
from typing import get_args

import packs
import pytest
from babel.messages.extract import extract_from_dir

from nbrelease import records, secrets
from nbrelease.attestation import chain
from nbrelease.pack import build_pack
from nbrelease.records import published
from nbrelease.records.verdict import REASONS
from nbrelease.report import labels, templating, translations
from nbrelease.runbook.masking import PARTS

REPORT = translations.CATALOGUES.parent
METHODS = [("**.py", "python"), ("templates/**.j2", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "fact": (2,)}
# Messages of other packages that the report shows.
OTHERS = {*REASONS.values(), *secrets.kinds(), *PARTS.values(), "parameters", "file"}
PLACEHOLDERS = re.compile(r"%\(\w+\)s|%%")


@pytest.fixture(scope="module")
def japanese_messages():
    return translations.read_catalogue("ja")


def extracted_messages() -> set[str]:
    return {
        message
        for _, _, message, _, _ in extract_from_dir(REPORT, METHODS, keywords=KEYWORDS)
        if isinstance(message, str)
    }


def test_every_message_is_translated(japanese_messages):
    messages = extracted_messages()
    assert len(messages) > 200
    assert (messages | OTHERS) - japanese_messages.keys() == set()
    assert [id for id, text in japanese_messages.items() if not text.strip()] == []


def test_no_translation_is_stale(japanese_messages):
    assert japanese_messages.keys() - extracted_messages() - OTHERS == set()


def test_a_translation_has_the_placeholders_of_its_message(japanese_messages):
    for english, text in japanese_messages.items():
        assert sorted(PLACEHOLDERS.findall(text)) == sorted(PLACEHOLDERS.findall(english)), english


def test_every_code_has_a_label():
    codes = {
        *get_args(records.CellState),
        *get_args(records.RunbookVerdict),
        *get_args(records.StageResult),
        *get_args(records.ReleaseVerdict),
        *get_args(published.Gate.model_fields["verdict"].annotation),
        *get_args(published.RolloutStep.model_fields["decision"].annotation),
        *get_args(records.Decision.model_fields["decision"].annotation),
        *get_args(records.Workspace.model_fields["kind"].annotation),
        *chain.KINDS,
    }
    assert codes - labels.STATES.keys() == set()


def test_no_message_is_built_while_a_page_is_rendered(tmp_path, monkeypatch):
    """A message that is put together at run time is in no list of messages."""
    missing = set()

    class Catalogue(dict):
        def get(self, message, default=None):
            if message not in self:
                missing.add(message)
            return super().get(message, default)

    catalogue = Catalogue(translations.read_catalogue("ja"))
    monkeypatch.setattr(translations, "read_catalogue", lambda language: catalogue)
    caches = (translations.translator, templating.environment)
    for each in caches:
        each.cache_clear()
    try:
        for make in packs.ALL:
            build_pack(make(tmp_path, language="ja"))
    finally:
        for each in caches:
            each.cache_clear()
    assert missing == set()


def test_the_pages_have_the_language_of_the_record(english, japanese):
    assert {page.html.html["lang"] for page in english["full"].pages} == {"en"}
    assert {page.html.html["lang"] for page in japanese["full"].pages} == {"ja"}
    labels = [each.get_text() for each in japanese["full"].page().html.select("#overview h2")]
    assert labels == ["変更内容", "品質", "テスト", "承認", "ロールバック", "保持期間"]


@pytest.mark.parametrize("name", [make.__name__ for make in packs.ALL])
def test_both_languages_state_the_same_facts(english, japanese, name):
    def facts(page):
        return [(id, box.code, list(box.details)) for id, box in page.overview.items()]

    def numbers(page):
        return sorted(re.findall(r"\d[\d.,:]*\d|\d", page.html.body.get_text(" ")))

    assert facts(english[name].page()) == facts(japanese[name].page())
    assert numbers(english[name].page()) == numbers(japanese[name].page())
