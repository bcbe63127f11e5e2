"""The page, the model card and the summary of models of each task."""

# ruff: noqa: RUF001 - the typographic characters are those of the page

from __future__ import annotations

import re
from pathlib import Path

import pytest
import task_packs
from built_packs import Built, build
from html_page import words
from sklearn.metrics import get_scorer_names

from nbrelease.pack import build_pack
from nbrelease.report import labels, metric_labels
from nbrelease.report.translations import translator

TASKS = [make.__name__ for make in task_packs.ALL]
# For each task: the charts of its page, in order.
CHARTS = {
    "regression": ["predicted_actual", "predicted_actual", "intervals", "intervals", "residuals", "residuals"],
    "multiclass": ["calibration", "intervals", "intervals"],
    "text": ["roc", "precision_recall", "calibration", "intervals", "intervals"],
    "forecasting": [
        "predicted_actual", "predicted_actual", "intervals", "intervals", "residuals", "residuals",
        "horizon",
    ],
    "custom": ["intervals"],
}  # fmt: skip
# For each task: metrics in the order of the page, each with its direction.
METRICS = {
    "regression": [
        ("root_mean_squared_error", "lower"), ("r2", "higher"), ("mean_absolute_error", "lower"),
    ],
    "multiclass": [
        ("f1_macro", "higher"), ("log_loss", "lower"), ("accuracy", "higher"),
        ("roc_auc_ovr", "higher"),
    ],
    "text": [
        ("average_precision", "higher"), ("brier_score", "lower"), ("roc_auc", "higher"),
        ("accuracy", "higher"),
    ],
    "forecasting": [
        ("mean_absolute_error", "lower"), ("root_mean_squared_error", "lower"), ("r2", "higher"),
    ],
    "custom": [("mean_cost", "lower")],
}  # fmt: skip
# Words that only a page of the example may have.
EXAMPLE = re.compile(r"diabet|patient|\bestimator|regulari[sz]ation", re.IGNORECASE)


def build_all(folder: Path, language: str) -> dict[str, Built]:
    built = {}
    for make in task_packs.ALL:
        pack = make(folder / make.__name__, language=language)  # each without earlier releases
        built[make.__name__] = build(pack)
    return built


@pytest.fixture(scope="module")
def of_tasks(tmp_path_factory) -> dict[str, Built]:
    return build_all(tmp_path_factory.mktemp("tasks"), "en")


@pytest.fixture(scope="module")
def of_tasks_in_japanese(tmp_path_factory) -> dict[str, Built]:
    return build_all(tmp_path_factory.mktemp("tasks-ja"), "ja")


def cells_of(page, metric: str) -> list[str]:
    return [words(each) for each in page.html.select_one(f'#quality tr[data-metric="{metric}"]').find_all("td")]  # fmt: skip


def columns_of(page) -> dict[str, str]:
    rows = page.html.select("#data tr[data-column]")
    return {row["data-column"]: row["data-kind"] for row in rows}


@pytest.mark.parametrize("task", TASKS)
def test_metrics_come_with_their_direction_and_the_main_one_first(of_tasks, task):
    page = of_tasks[task].page()
    rows = page.html.select("#quality tr[data-direction]")
    assert [(row["data-metric"], row["data-direction"]) for row in rows] == METRICS[task]
    for row in rows:
        assert f"{row['data-direction']} is better" in words(row.th)
    main = metric_labels.metric_name(METRICS[task][0][0], translator("en"))
    assert main in page.overview["quality"].text


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_its_charts_and_no_others(of_tasks, task):
    page = of_tasks[task].page()
    figures = page.html.select("#quality [data-chart]")
    assert [each["data-chart"] for each in figures] == CHARTS[task]
    for figure in figures:
        assert figure.svg["role"] == "img"
        assert figure.svg["aria-label"]


@pytest.mark.parametrize("task", TASKS)
def test_pages_have_valid_links_and_no_words_of_the_example(of_tasks, task):
    built = of_tasks[task]
    assert built.record.unreadable == []
    for page in built.pages:
        assert page.broken_links() == []
        ids = [each["id"] for each in page.html.find_all(id=True)]
        assert len(ids) == len(set(ids))
    for name in ("index.html", "model-card.html", "model-card.md", "summary.md"):
        path = built.folder / name
        if path.is_file():
            assert EXAMPLE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("task", TASKS)
def test_every_published_value_is_on_the_page(of_tasks, task):
    built = of_tasks[task]
    shown = {each["href"] for each in built.page().html.select("a.n")}
    assert {value for value, source in built.record.sources.items() if source not in shown} == set()


@pytest.mark.parametrize("task", TASKS)
def test_both_languages_state_the_same_facts(of_tasks, of_tasks_in_japanese, task):
    pages = [each[task].page() for each in (of_tasks, of_tasks_in_japanese)]
    facts = [[(id, b.code, list(b.details)) for id, b in page.overview.items()] for page in pages]
    assert facts[0] == facts[1]
    numbers = [sorted(re.findall(r"\d[\d.,]*\d|\d", page.section("quality"))) for page in pages]
    assert numbers[0] == numbers[1]
    tones = [[e["class"] for e in page.html.select("#quality td.good, #quality td.bad")] for page in pages]  # fmt: skip
    assert tones[0] == tones[1]


def test_a_lower_error_is_better(of_tasks):
    page = of_tasks["regression"].page()
    lead = page.overview["quality"]
    assert lead.code == "better"
    assert re.fullmatch(r"Better: RMSE −\d{2,3}\.\d", lead.text)
    challenger, interval, _champion, _, difference, bounds = cells_of(
        page, "root_mean_squared_error"
    )
    assert re.fullmatch(r"\d{3}\.\d", challenger)  # no percentage, no needless decimals
    assert re.fullmatch(r"\[\d{3}\.\d, \d{3}\.\d\]", interval)
    assert (difference[0], bounds.count("−")) == ("−", 2)
    row = page.html.select_one('tr[data-metric="root_mean_squared_error"]')
    assert row.select_one("td.good")


def test_a_higher_error_is_worse_and_fails_the_gate(of_tasks):
    built = of_tasks["forecasting"]
    page = built.page()
    assert (page.verdict, page.overview["quality"].code) == ("failed", "worse")
    row = page.html.select_one('tr[data-metric="mean_absolute_error"]')
    assert row.select_one("td.bad")
    assert row.select_one("td.good") is None
    reason = words(page.html.select_one("#verdict .reason"))
    assert reason.startswith("MAE, difference from the champion (upper bound): +")
    assert not (built.folder / "model-card.md").exists()


@pytest.mark.parametrize(
    ("bounds", "direction", "tone"),
    [
        ((0.1, 0.2), "higher", "good"),
        ((0.1, 0.2), "lower", "bad"),
        ((-0.2, -0.1), "higher", "bad"),
        ((-0.2, -0.1), "lower", "good"),
        ((-0.1, 0.1), "lower", "wait"),
        (None, "lower", ""),
    ],
)
def test_the_tone_of_a_difference_follows_the_direction(bounds, direction, tone):
    assert labels.tone_of_interval(bounds, direction) == tone


def test_a_confusion_matrix_of_several_classes_has_their_names_and_rates(of_tasks):
    built = of_tasks["multiclass"]
    challenger, champion = built.page().html.select("table.confusion")
    classes = ["aspen", "fir", "pine", "spruce", "willow"]
    heads = [words(each) for each in challenger.thead.find_all("th")]
    assert heads == [*classes, "Recall"]
    rows = [words(each.th) for each in champion.tbody.find_all("tr")]
    assert rows == [*classes, "Precision"]
    counts = built.record.comparison.curves.challenger.confusion
    cells = [words(each) for each in challenger.tbody.find("tr").find_all("td")]
    assert cells == [*map(str, counts[0]), f"{counts[0][0] / sum(counts[0]):.4f}"]
    limits = words(built.page().html.find(id="limitations"))
    assert "willow" in limits  # fewer than a hundred rows
    assert "pine" not in limits


def test_positive_and_negative_class_have_their_own_names(of_tasks):
    page = of_tasks["text"].page()
    assert "positive class spam" in words(page.html.select_one("[data-task=binary]"))
    heads = [words(each) for each in page.html.select_one("table.confusion").find_all("th")]
    assert heads == ["ham", "spam", "ham", "spam"]


def test_what_was_not_measured_says_why(of_tasks):
    page = of_tasks["text"].page()
    assert "the model has one column" in words(page.html.select_one("#quality [data-code=not-measured]"))  # fmt: skip
    assert "Feature importance: not measured: the model has one column" in page.section(
        "limitations"
    )
    assert page.html.select_one("#quality [data-chart=importance]") is None


def test_slices_and_groups_are_named_by_column_and_category(of_tasks):
    page = of_tasks["regression"].page()
    rows = [words(row.th) for row in page.html.select("tr[data-slice]")]
    assert sorted(rows) == [f"season = {each}" for each in ("autumn", "spring", "summer", "winter")]
    assert page.html.find("h3", string="Fairness by season")
    bands = [words(row.th) for row in of_tasks["forecasting"].page().html.select("tr[data-slice]")]
    assert bands == ["hours_ahead 1 to 4", "hours_ahead 4 to 8", "hours_ahead 8 to 13"]


def test_errors_by_horizon_are_a_table_too(of_tasks):
    page = of_tasks["forecasting"].page()
    [caption] = [each for each in page.html.find_all("caption") if "steps ahead" in words(each)]
    steps = [words(row.th) for row in caption.find_parent("table").tbody.find_all("tr")]
    assert steps == [str(number) for number in range(1, 13)]


def test_importance_names_its_metric(of_tasks):
    figure = of_tasks["regression"].page().html.select_one("figure[data-metric=root_mean_squared_error]")  # fmt: skip
    assert "how much worse RMSE gets" in words(figure.figcaption)


def test_a_metric_of_the_project_has_its_description(of_tasks):
    page = of_tasks["custom"].page()
    row = page.html.select_one("tr[data-metric=mean_cost]")
    assert words(row.select_one(".help")) == "Cost of unsold and missing units per day."


def test_columns_have_their_kind(of_tasks):
    assert columns_of(of_tasks["regression"].page()) == {
        "temp": "numeric", "rentals": "numeric", "season": "categorical", "holiday": "boolean",
        "day": "date",
    }  # fmt: skip
    assert columns_of(of_tasks["text"].page()) == {"message": "text", "kind": "categorical"}


def test_parameters_are_those_that_the_job_used(tmp_path):
    settings = {"learning_rate": 0.1, "max_iter": 400, "training_data": "rentals.parquet"}
    pack = task_packs.regression(tmp_path, parameters=settings)
    page = build(pack).page()
    rows = page.html.select("tr[data-parameter]")
    used = {row["data-parameter"]: words(row.td) for row in rows}
    assert used == {"learning_rate": "0.05", "max_iter": "400", "max_leaf_nodes": "15"}
    # The settings have another learning rate: that is shown, and named as a limitation.
    different = {row["data-parameter"]: words(row.select_one("td.bad")) for row in rows}
    assert different == {"learning_rate": "0.1", "max_iter": "", "max_leaf_nodes": ""}
    assert "learning_rate: 0.1 in the settings" in page.section("limitations")
    card = (pack / "model-card.md").read_text(encoding="utf-8")
    parameters = card.partition("# Training parameters")[2].partition("\n# ")[0].split("\n- ")[1:]
    assert [each.strip() for each in parameters] == [
        "learning_rate 0.05", "max_iter 400", "max_leaf_nodes 15",
    ]  # fmt: skip


def test_parameters_are_compared_with_the_release_before(tmp_path):
    build_pack(task_packs.regression(tmp_path, hour=0), card=False)
    pack = task_packs.regression(tmp_path, hour=1)
    notebook = pack / "notebooks" / "02_train.ipynb"
    text = notebook.read_text(encoding="utf-8")
    notebook.write_text(text.replace('"max_iter": "400"', '"max_iter": "900"'))
    page = build(pack, card=False).page()
    assert page.overview["changes"].details["changed-parameters"].endswith("max_iter 400 → 900")
    again = task_packs.regression(tmp_path, hour=2)
    again_notebook = again / "notebooks" / "02_train.ipynb"
    again_notebook.write_text(again_notebook.read_text().replace('"max_iter": "400"', '"max_iter": "900"'))  # fmt: skip
    page = build(again, card=False).page()
    assert "same-parameters" in page.overview["changes"].details


def test_the_card_names_task_use_and_kinds(of_tasks):
    card = (of_tasks["multiclass"].folder / "model-card.md").read_text(encoding="utf-8")
    assert "Task: Multiclass classification, label cover, 5 classes" in card
    assert "Classes: aspen, fir, pine, spruce, willow" in card
    assert "Columns of the data: elevation, soil" in card
    rows = [[cell.strip() for cell in line.split("|")] for line in card.splitlines()]
    assert "↓\N{NO-BREAK SPACE}lower is better" in next(row for row in rows if "Log loss" in row)
    assert ["", "soil", "string", "categorical", "3", ""] in rows


@pytest.mark.parametrize("name", get_scorer_names())
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_scorer_has_a_label(name, language):
    translate = translator(language)
    label = metric_labels.metric_name(name.removeprefix("neg_"), translate)
    assert label not in ("", name)
    assert "_" not in label
    assert metric_labels.metric_name(name, translate) == label
