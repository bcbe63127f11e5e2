"""How numbers, times and other values look on a page."""

# ruff: noqa: RUF001 - the typographic characters are those of the page

from __future__ import annotations

import json

import pytest

from nbrelease.report import formats

MINUS, SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (formats.metric, None, "–"),
        (formats.metric, 0.98261, "0.9826"),
        (formats.metric, 0, "0.0000"),
        (formats.metric, 1.0, "1.0000"),
        (formats.metric, 4500.0, "4500"),
        (formats.metric, 15000, "15,000"),
        (formats.metric, -0.0049, f"{MINUS}0.0049"),
        (formats.metric, -0.00001, f"{MINUS}1e-05"),
        (formats.metric, 1e-17, "0.0000"),
        (formats.metric, 812.412, "812.4"),
        (formats.metric, 12.3456, "12.35"),
        (formats.metric, 15203.4, "15,203"),
        (formats.metric, 0.000312, "0.000312"),
        (formats.metric, "a text", "a text"),
        (formats.compact, 0.0, "0"),
        (formats.compact, 122.4321, "122.4"),
        (formats.compact, -1e-9, f"{MINUS}1e-09"),
        (formats.count, 9999, "9999"),
        (formats.count, 10000, "10,000"),
        (formats.difference, 0.0624, "+0.0624"),
        (formats.difference, -0.0624, f"{MINUS}0.0624"),
        (formats.difference, 0.0, "0.0000"),
        (formats.difference, -0.00001, f"{MINUS}1e-05"),
        (formats.difference, -1e-17, "0.0000"),
        (formats.interval, (0.1, 0.2), "[0.1000, 0.2000]"),
        (formats.percent, 0.95, f"95{SPACE}%"),
        (formats.p_value, 3e-70, f"p{SPACE}<{SPACE}0.0001"),
        (formats.p_value, 0.0312, f"p{SPACE}={SPACE}0.0312"),
        (formats.milliseconds, 18.334, f"18.33{SPACE}ms"),
        (formats.milliseconds, None, "–"),
        (formats.duration, 2.18, f"2.2{SPACE}s"),
        (formats.duration, 125, f"2{SPACE}min{SPACE}5{SPACE}s"),
        (formats.duration, 3 * 3600 + 240, f"3{SPACE}h{SPACE}4{SPACE}min"),
        (formats.duration, 51 * 3600, f"2{SPACE}d{SPACE}3{SPACE}h"),
        (formats.duration, None, "–"),
        (formats.source_name, "html/02_train.html#record", "02_train · record"),
        (formats.source_name, "decisions.json", "decisions.json"),
        (formats.shorten, {"a": [1]}, '{"a": [1]}'),
    ],
)
def test_a_value_is_formatted(form, value, text):
    assert form(value) == text


def test_an_interval_of_differences_has_signs():
    assert formats.interval((-0.01, 0.0), signed=True) == f"[{MINUS}0.0100, 0.0000]"


def test_values_of_a_metric_have_the_same_decimals():
    assert formats.metric(812.0, like=812.4) == "812.0"
    assert formats.difference(-5.25, like=812.4) == f"{MINUS}5.2"
    assert formats.difference(1.0e-5, like=0.8) == "0.0000"
    assert formats.interval((-12.345, 3), signed=True, like=812.4) == f"[{MINUS}12.3, +3.0]"


def test_a_long_value_is_cut():
    assert formats.shorten("x" * 500, 10) == "xxxxxxxxxx …"


def test_a_long_value_has_an_outline():
    profile = {"rows": 15000, "columns": [{"name": f"column {n}"} for n in range(20)]}
    assert formats.outline(profile) == "rows, columns"
    assert json.loads(formats.indent_json(profile)) == profile
    assert formats.indent_json(profile).count("\n") > 20
    assert formats.outline(list(range(100)), 20).startswith("[0, 1, 2")
    assert formats.outline({"rows": 1}) == formats.outline("x" * 500) == formats.outline(7) == ""
