"""The model card contains the facts of the record."""

from __future__ import annotations

import pytest
from html_page import words


def test_the_card_has_the_facts_of_the_model(english):
    card = (english["full"].folder / "model-card.md").read_text(encoding="utf-8")
    headings = [line.removeprefix("# ") for line in card.splitlines() if line.startswith("# ")]
    assert headings == [
        "Model description", "Intended use", "Lineage", "Training parameters", "Approvals",
        "Metrics", "Slices", "Release criteria", "Feature importance", "Fairness by Age", "Data",
        "Limitations",
    ]  # fmt: skip
    assert "diabetes-classifier:2" in card
    assert f"sha256: {'ab' * 32}" in card
    row = next(line for line in card.splitlines() if line.startswith("| ROC AUC"))
    cells = [each.strip() for each in row.strip("|").split("|")]
    assert cells == [
        "ROC AUC",
        "\N{UPWARDS ARROW}\N{NO-BREAK SPACE}higher is better",
        "0.9826",
        "[0.9793, 0.9859]",
        "0.9202",
        "+0.0624 [+0.0608, +0.0641]",
    ]
    approval = next(line for line in card.splitlines() if "Ada" in line)
    assert "prod" in approval
    assert "better everywhere" in approval


def test_the_page_has_the_same_facts(english):
    built = english["full"]
    assert built.page().html.find("a", href="model-card.html")
    page = built.page("model-card.html")
    assert page.headline.endswith("diabetes-classifier 2")
    assert "0.9826" in words(page.html.table)


@pytest.mark.parametrize("name", ["rejected", "interrupted", "empty", "checked"])
def test_without_a_registered_model_there_is_no_card(english, name):
    assert not (english[name].folder / "model-card.md").exists()
    assert "model-card" not in (english[name].folder / "index.html").read_text(encoding="utf-8")


def test_the_card_is_in_the_language_of_the_record(japanese):
    card = (japanese["full"].folder / "model-card.md").read_text(encoding="utf-8")
    assert "# モデルの説明" in card
