"""Values between runbooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from nbrelease import record
from nbrelease.published_values import MEDIA_TYPE, read_outputs


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_what_is_recorded_is_published(shell):
    with capture_output() as captured:
        record(version="3", metrics={"roc_auc": 0.85}, rows=12)
    outputs = [{"data": output.data} for output in captured.outputs]
    assert read_outputs(outputs) == {"version": "3", "metrics": {"roc_auc": 0.85}, "rows": 12}
    assert outputs[0]["data"]["text/plain"] == 'version = "3"'


def test_the_last_of_a_name_counts_and_other_outputs_do_not():
    scrap = {"name": "n", "encoder": "json", "version": 1}
    outputs = [{"data": {MEDIA_TYPE: scrap | {"data": n}}} for n in (1, 2)]
    assert read_outputs([{"text": "n = 9"}, *outputs]) == {"n": 2}


@pytest.mark.parametrize("value", [float("nan"), {"a": [1, {2}]}, {1: "a"}, b"x"])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(TypeError, match=r"record\(value="):
        record(value=value)


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("gate", {"verdict": "open", "criteria": []}, "gate.verdict"),
        ("data_rows", "many", "data_rows"),
        ("traffic", {"blue": "all"}, "traffic.blue"),
    ],
)
def test_a_value_in_another_form_is_published_with_a_warning(shell, name, value, place):
    with capture_output() as captured, pytest.warns(UserWarning, match=f"{place}: "):
        record(**{name: value})
    assert read_outputs([{"data": output.data} for output in captured.outputs]) == {name: value}


def test_a_value_that_is_not_declared_has_any_form(shell, recwarn):
    with capture_output():
        record(my_value=[{"a": None}], traffic={"blue": 100}, gate=None)
    # Others, such as ResourceWarning, may come from objects of earlier tests.
    assert [each.message for each in recwarn if issubclass(each.category, UserWarning)] == []
