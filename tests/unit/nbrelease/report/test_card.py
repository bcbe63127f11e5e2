"""The model card says what the record says."""

from __future__ import annotations

import pytest
from html_page import words


def test_the_card_states_the_models_facts(english):
    card = (english["full"].folder / "model-card.md").read_text(encoding="utf-8")
    for heading in ("Model description", "Lineage", "Decisions", "Metrics", "By slice", "The gate"):
        assert f"\n# {heading}\n" in f"\n{card}"
    assert "diabetes-classifier:2" in card
    assert f"sha256: {'ab' * 32}" in card
    row = next(line for line in card.splitlines() if line.startswith("| ROC AUC"))
    cells = [each.strip() for each in row.strip("|").split("|")]
    assert cells == [
        "ROC AUC",
        "0.9826",
        "[0.9793, 0.9859]",
        "0.9202",
        "+0.0624 [+0.0608, +0.0641]",
    ]
    assert "Ada, prod: approved (better everywhere)" in card


def test_the_page_shows_the_same(english):
    built = english["full"]
    assert built.page().link("Model card") == "model-card.html"
    page = built.page("model-card.html")
    assert page.headline == "Model card: diabetes-classifier 2"
    assert "0.9826" in words(page.html.table)


@pytest.mark.parametrize("name", ["rejected", "interrupted", "empty", "checked"])
def test_without_a_registered_model_there_is_no_card(english, name):
    assert not (english[name].folder / "model-card.md").exists()
    assert "model-card" not in (english[name].folder / "index.html").read_text(encoding="utf-8")


def test_the_card_speaks_japanese(japanese):
    card = (japanese["full"].folder / "model-card.md").read_text(encoding="utf-8")
    assert "# モデルの説明" in card
