"""Values between runbooks."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from nbrelease import record
from nbrelease.published_values import MEDIA_TYPE, read_outputs


def test_what_is_recorded_is_published():
    InteractiveShell.instance()
    with capture_output() as captured:
        record(version="3", metrics={"roc_auc": 0.85}, rows=12)
    outputs = [{"data": output.data} for output in captured.outputs]
    assert read_outputs(outputs) == {"version": "3", "metrics": {"roc_auc": 0.85}, "rows": 12}
    assert outputs[0]["data"]["text/plain"] == 'version = "3"'
    InteractiveShell.clear_instance()


def test_the_last_of_a_name_counts_and_other_outputs_do_not():
    scrap = {"name": "n", "encoder": "json", "version": 1}
    outputs = [{"data": {MEDIA_TYPE: scrap | {"data": n}}} for n in (1, 2)]
    assert read_outputs([{"text": "n = 9"}, *outputs]) == {"n": 2}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "nan is no JSON number"),
        ({"a": [1, {2}]}, "set is not JSON"),
        ({1: "a"}, "the key 1 is not a str"),
        (b"x", "bytes is not JSON"),
    ],
)
def test_what_json_cannot_hold_is_refused(value, said):
    with pytest.raises(TypeError, match=said):
        record(value=value)
