"""What the data collector stored, read as rows."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from nbrelease.quality.collected import add_labels, match_predictions, read_collected
from nbrelease.rollout.mirror import MirrorResult, compare_mirrored


def write(folder: Path, collection: str, *events: dict, end: str = "\n", name: str = "a") -> None:
    path = folder / collection / "2026" / "01" / "31" / "12" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("\n".join(json.dumps(each) for each in events) + end)


def event(correlation: str, data, time: str = "2026-01-31T12:00:00Z") -> dict:
    return {
        "specversion": "1.0",
        "id": "1",
        "time": time,
        "data": data,
        "correlationid": correlation,
    }


def test_inputs_and_outputs_of_a_request_are_joined(tmp_path):
    write(tmp_path, "model_inputs", event("b", [{"x": 3, "y": 1}], "2026-01-31T12:00:01.5Z"))
    write(tmp_path, "model_inputs", event("a", [{"x": 1}, {"x": 2}]), name="other-instance")
    write(tmp_path, "model_outputs", event("a", [{"label": 0}, {"label": 1}]))
    write(tmp_path, "request", event("z", {"anything": 1}))
    rows = read_collected(tmp_path)
    assert rows["key"].tolist() == ["a_0", "a_1", "b_0"]
    assert rows["x"].tolist() == [1, 2, 3]
    assert rows["prediction"].tolist()[:2] == [0, 1]
    assert math.isnan(rows["prediction"][2])
    assert math.isnan(rows["y"][0])
    assert str(rows["time"].dtype) == "datetime64[ns, UTC]" or rows["time"].dt.tz is not None


@pytest.mark.parametrize(
    "data",
    [
        [{"x": 1, "y": 2}, {"x": 3, "y": 4}],
        {"input_data": {"columns": ["x", "y"], "index": [0, 1], "data": [[1, 2], [3, 4]]}},
        {"columns": ["x", "y"], "data": [[1, 2], [3, 4]]},
        {"x": [1, 3], "y": [2, 4]},
        json.dumps([{"x": 1, "y": 2}, {"x": 3, "y": 4}]),
    ],
)
def test_every_form_of_the_data_gives_the_same_rows(tmp_path, data):
    write(tmp_path, "model_inputs", event("a", data))
    write(tmp_path, "model_outputs", event("a", [1, 0]))
    rows = read_collected(tmp_path)
    assert rows[["x", "y", "prediction"]].to_numpy().tolist() == [[1, 2, 1], [3, 4, 0]]


def test_an_incomplete_line_is_ignored(tmp_path):
    write(tmp_path, "model_inputs", event("a", [{"x": 1}]))
    write(tmp_path, "model_inputs", event("b", [{"x": 2}]), end="")
    assert read_collected(tmp_path)["key"].tolist() == ["a_0"]


def test_an_empty_folder_gives_no_rows(tmp_path):
    rows = read_collected(tmp_path)
    assert rows.empty
    assert {"key", "time", "prediction"} <= set(rows)


def test_labels_are_joined_to_their_rows(tmp_path):
    write(tmp_path, "model_inputs", event("a", [{"x": 1}, {"x": 2}]), event("b", [{"x": 3}]))
    rows = read_collected(tmp_path)
    by_key = add_labels(
        rows, pd.DataFrame({"key": ["a_1", "none"], "Diabetic": [1, 0]}), "Diabetic"
    )
    assert by_key["label"].isna().tolist() == [True, False, True]
    single = add_labels(rows, pd.DataFrame({"correlationid": ["b"], "Diabetic": [0]}), "Diabetic")
    assert single["label"].tolist()[2] == 0
    assert len(single) == 3
    with pytest.raises(ValueError, match=r"\bkey\b.*Diabetic"):
        add_labels(rows, pd.DataFrame({"id": [1]}), "Diabetic")


def test_predictions_for_the_same_values_are_joined(tmp_path):
    old, new = tmp_path / "model-1", tmp_path / "model-2"
    write(old, "model_inputs", event("a", [{"x": 1}, {"x": 2}]), event("b", [{"x": 3}]))
    write(old, "model_outputs", event("a", [0, 1]), event("b", [1]))
    write(new, "model_inputs", event("c", [{"x": 2}, {"x": 9}], "2026-01-31T12:30:00Z"))
    write(new, "model_outputs", event("c", [0, 0]))
    both = match_predictions(read_collected(old), read_collected(new))
    assert both.to_numpy().tolist() == [[1, 0]]
    since = datetime(2026, 1, 31, 12, 15, tzinfo=UTC)
    assert match_predictions(
        read_collected(old, since=since), read_collected(new, since=since)
    ).empty
    assert len(read_collected(new, since=since)) == 2


def test_predictions_are_joined_whatever_the_types_and_missing_values(tmp_path):
    old, new = tmp_path / "model-1", tmp_path / "model-2"
    rows = [{"x": 1, "name": "NA"}, {"x": None, "name": None}]
    write(old, "model_inputs", event("a", rows))
    write(old, "model_outputs", event("a", [1.5, 2.5]))
    write(new, "model_inputs", event("b", [{"x": 1.0, "name": "NA"}]), event("c", rows[1:]))
    write(new, "model_outputs", event("b", [1.5]), event("c", [2.5 + 1e-12]))
    live, collected = read_collected(old), read_collected(new)
    assert match_predictions(live, collected)["before"].tolist() == [1.5, 2.5]
    result = compare_mirrored(MirrorResult(percent=20), live, collected, "regression")
    assert (result.rows, result.differ) == (2, 0)
    assert result.drift == 0


@pytest.mark.parametrize(
    "outputs",
    [[event("d", [0]), event("e", [1])], [event("d", [0]), event("e", [1]), event("f", [None])]],
)
def test_a_missing_prediction_does_not_make_the_others_differ(tmp_path, outputs):
    old, new = tmp_path / "model-1", tmp_path / "model-2"
    rows = [{"x": 1}, {"x": 2}, {"x": 3}]
    write(old, "model_inputs", event("a", rows))
    write(old, "model_outputs", event("a", [0, 1, 1]))
    write(new, "model_inputs", *(event(name, [row]) for name, row in zip("def", rows, strict=True)))
    write(new, "model_outputs", *outputs)
    live, collected = read_collected(old), read_collected(new)
    assert collected["prediction"].isna().tolist() == [False, False, True]
    result = compare_mirrored(MirrorResult(percent=20), live, collected, "binary")
    assert (result.rows, result.differ) == (2, 0)


def test_the_column_named_prediction_is_the_prediction(tmp_path):
    write(tmp_path, "model_inputs", event("a", [{"x": 1}]))
    write(tmp_path, "model_outputs", event("a", [{"low": 1, "prediction": 2, "high": 3}]))
    assert read_collected(tmp_path)["prediction"].tolist() == [2]
