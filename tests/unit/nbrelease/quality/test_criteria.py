"""The criteria file, the limits and the gate's verdict."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from nbrelease.errors import SettingsError
from nbrelease.quality.criteria import Criteria, Limit, Waiver, load
from nbrelease.quality.gate import Measurement, decide_gate, decide_verdict, evaluate_limits
from nbrelease.quality.tasks import TASKS

SHIPPED = Path(__file__).parents[4] / "runbooks" / "criteria.yml"


def test_the_shipped_file_is_valid():
    criteria = load(SHIPPED)
    assert [limit.metric for limit in criteria.metrics] == ["roc_auc", "accuracy"]
    assert criteria.waiver is None


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("smallest_sample:", "smalest_sample:", " smallest_sample?"),
        ("at_least: 0.80, ", "at_lest: 0.80, ", " at_least?"),
        ("{metric: accuracy, at_least: 0.70, margin: -0.01}", "{metric: accuracy}", "margin"),
        ("smallest_sample: 300", "smallest_sample: many", "smallest_sample"),
        ("smallest_sample: 300", "smallest_sample: [", "criteria.yml"),
        ("endpoint: {error_rate: 0, p95_ms: 1000}", "endpoint: {error_rate: 2, p95_ms: 1}", "endpoint.error_rate"),
    ],
)  # fmt: skip
def test_an_invalid_file_is_an_error_of_one_line(tmp_path, old, new, name):
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "criteria.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "criteria.yml")
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.yml"):
        load(tmp_path / "none.yml")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    text = "# Größe\n" + SHIPPED.read_text(encoding="utf-8")
    (tmp_path / "latin.yml").write_bytes(text.encode("cp1252", "replace"))
    with pytest.raises(SettingsError, match=r"latin\.yml: .*UTF-8"):
        load(tmp_path / "latin.yml")
    with pytest.raises(SettingsError, match=str(tmp_path)):
        load(tmp_path)
    (tmp_path / "mark.yml").write_text(text, encoding="utf-8-sig")
    assert load(tmp_path / "mark.yml") == load(SHIPPED)


@pytest.mark.parametrize(
    ("limit", "value", "difference", "passed"),
    [
        (Limit(metric="a", at_least=0.8), 0.8, None, [True]),
        (Limit(metric="a", at_least=0.8), 0.79, None, [False]),
        (Limit(metric="a", at_most=0.8), 0.81, None, [False]),
        (Limit(metric="a", at_least=0.5, at_most=0.8), 0.6, None, [True, True]),
        (Limit(metric="a", at_least=0.5), float("nan"), None, [False]),
        (Limit(metric="a", at_least=0.5), None, None, [False]),
        (Limit(metric="a", margin=-0.01), 0.5, None, []),  # no champion yet
        (Limit(metric="a", margin=-0.01), 0.5, (-0.005, 0.1), [True]),
        (Limit(metric="a", margin=0), 0.5, (-0.005, 0.1), [False]),
        (Limit(metric="a", loss=0.02), 0.5, None, []),
        (Limit(metric="a", loss=0.02), 0.5, (-0.1, -0.01), [True]),
        (Limit(metric="a", loss=0.02), 0.5, (-0.1, -0.03), [False]),
    ],
)  # fmt: skip
def test_limits(limit, value, difference, passed):
    results = evaluate_limits([limit], {"a": Measurement(value, difference)}, "Age 0 to 30")
    assert [each.passed for each in results] == passed
    assert [each.slice for each in results] == ["Age 0 to 30"] * len(passed)
    ends = {"low" if limit.margin is not None else "high"} if difference else {None}
    assert {each.interval_end for each in results} <= ends


@pytest.mark.parametrize(
    ("limit", "difference", "result"),
    [
        (Limit(metric="rmse", margin=0), (-2, -1), ("at most", 0, -1, "high", True)),
        (Limit(metric="rmse", margin=0), (-2, 1), ("at most", 0, 1, "high", False)),
        (Limit(metric="rmse", margin=-1.5), (-2, 1), ("at most", 1.5, 1, "high", True)),
        (Limit(metric="rmse", loss=0.5), (0.4, 3), ("at most", 0.5, 0.4, "low", True)),
        (Limit(metric="rmse", loss=0.5), (0.6, 3), ("at most", 0.5, 0.6, "low", False)),
        (Limit(metric="rmse", margin=0), None, ("at most", 0, None, "high", False)),
    ],
)
def test_limits_of_a_metric_that_is_better_when_it_is_lower(limit, difference, result):
    measured = {"rmse": Measurement(5.0, difference, "lower", compared=True)}
    [each] = evaluate_limits([limit], measured)
    assert (each.operator, each.threshold, each.value, each.interval_end, each.passed) == result
    assert (each.baseline, each.direction) == ("champion", "lower")


def test_a_rejection_names_metric_value_threshold_and_direction():
    limit = Limit(metric="rmse", at_most=4)
    [each] = evaluate_limits([limit], {"rmse": Measurement(5.25, direction="lower")})
    assert not each.passed
    assert {"rmse", "5.25", "4", "lower"} <= set(re.findall(r"[\w.]+", each.why))
    assert {"metric": "rmse", "value": 5.25, "threshold": 4, "direction": "lower"}.items() <= each.model_dump().items()  # fmt: skip


SECTIONS = ["metrics", "smallest_sample", "confidence", "slices", "fairness", "data", "endpoint", "rollout", "monitor"]  # fmt: skip


@pytest.mark.parametrize("section", [*SECTIONS, ("slices", "fairness"), tuple(SECTIONS)])
def test_every_section_is_optional(tmp_path, section):
    sections = (section,) if isinstance(section, str) else section
    content = YAML(typ="safe").load(SHIPPED.read_text(encoding="utf-8"))
    assert set(SECTIONS) == set(content)
    for name in sections:
        del content[name]
    if sections == ("slices",):
        del content["fairness"]
    with (tmp_path / "criteria.yml").open("w") as file:
        YAML().dump(content or None, file)
    criteria = load(tmp_path / "criteria.yml")
    defaults = Criteria()
    assert all(getattr(criteria, name) == getattr(defaults, name) for name in sections)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("metrics: [{metric: neg_log_loss, at_most: 1}]", r"metrics\.0.* log_loss"),
        ("slices: {column: a, edges: [0, 1], categories: [b]}", "edges.* categories"),
        ("slices: {column: a, edges: [1, 0]}", "edges"),
        ("slices: {column: a, categories: []}", r"slices\.categories"),
        ("slices: {column: a, category: [b]}", " categories"),
        ("fairness: [{metric: accuracy_difference, at_most: 1}]", "fairness.* slices"),
        ("endpoint: {drift: 0.5}", r"endpoint\.drift"),
    ],
)
def test_invalid_sections(tmp_path, text, hint):
    (tmp_path / "criteria.yml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=hint):
        load(tmp_path / "criteria.yml")


def test_the_documentation_has_every_key():
    text = (SHIPPED.parents[1] / "docs" / "criteria.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    schema = Criteria.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    assert set(documented) - set(TASKS) == {name for part in parts for name in part["properties"]}


def test_a_metric_that_is_not_measured_is_an_error():
    with pytest.raises(SettingsError, match=r"roc_acu .* did you mean roc_auc"):
        evaluate_limits([Limit(metric="roc_acu", at_least=0.5)], {"roc_auc": Measurement(0.9)})


WAIVER = Waiver(name="Ada", reason="known", until=date(2026, 3, 1))


def results_of(value: float):
    return evaluate_limits([Limit(metric="a", at_least=0.5)], {"a": Measurement(value)})


@pytest.mark.parametrize(
    ("value", "waiver", "today", "verdict"),
    [
        (0.9, None, date(2026, 1, 1), "passed"),
        (0.9, WAIVER, date(2026, 1, 1), "passed"),
        (0.1, None, date(2026, 1, 1), "failed"),
        (0.1, WAIVER, date(2026, 3, 1), "waived"),
        (0.1, WAIVER, date(2026, 3, 2), "failed"),
    ],
)
def test_verdicts(value, waiver, today, verdict):
    assert decide_verdict(results_of(value), waiver, today) == verdict


def test_without_criteria_the_verdict_is_failed():
    assert decide_verdict([], WAIVER, date(2026, 1, 1)) == "failed"


@pytest.mark.parametrize(("champion", "verdict"), [("stop", "failed"), ("report", "passed")])
def test_with_report_the_comparison_with_the_champion_does_not_count(champion, verdict):
    limit = Limit(metric="a", at_least=0.5, margin=0)
    results = evaluate_limits([limit], {"a": Measurement(0.6, (-0.2, 0.1))})
    gate = decide_gate(results, load(SHIPPED), "abc", champion=champion)
    assert gate.verdict == verdict
    assert [each.passed for each in gate.criteria] == [True, False]
    assert gate.criteria_commit == "abc"


@pytest.mark.parametrize("text", ["{name: '', reason: r, until: 2026-01-01}", "{name: Ada, until: 2026-01-01}", "{name: Ada, reason: r}"])  # fmt: skip
def test_a_waiver_needs_a_name_a_reason_and_an_end(tmp_path, text):
    shipped = SHIPPED.read_text(encoding="utf-8")
    (tmp_path / "criteria.yml").write_text(f"{shipped}waiver: {text}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="waiver"):
        load(tmp_path / "criteria.yml")


def test_an_expired_waiver_fails_the_gate_and_is_named():
    criteria = load(SHIPPED).model_copy(update={"waiver": WAIVER})
    gate = decide_gate(results_of(0.1), criteria, "abc")
    assert (gate.verdict, gate.waiver) == ("failed", None)
    assert gate.waiver_over.model_dump() == WAIVER.model_dump()
