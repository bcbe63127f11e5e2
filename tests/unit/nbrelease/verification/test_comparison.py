"""The check "comparison" finds values that contradict each other, for both directions of metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import task_packs

from nbrelease.pack import build_pack
from nbrelease.verification import verify


@pytest.fixture(scope="module")
def releases(tmp_path_factory) -> dict[str, Path]:
    """A release of a model of each task."""
    folder = tmp_path_factory.mktemp("tasks")
    built = {make.__name__: make(folder) for make in task_packs.ALL}
    for pack in built.values():
        build_pack(pack, card=False)
    return built


@pytest.mark.parametrize("task", [make.__name__ for make in task_packs.ALL])
def test_measured_releases_of_every_task_pass_every_check(releases, task):
    results = verify(releases[task]).results
    assert {name: result.problems for name, result in results.items() if result.problems} == {}
    assert results["comparison"].state == "passed"


def publish_changed(source: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A release with changed published values in the results of its runbooks, built again."""
    pack = target / source.name
    (pack / "notebooks").mkdir(parents=True)
    for name in ("record.json", "decisions.json", "outcome.json"):
        if (source / name).is_file():
            (pack / name).write_bytes((source / name).read_bytes())
    for path in (source / "notebooks").glob("*.ipynb"):
        notebook = json.loads(path.read_text())
        change(notebook["metadata"]["nbrelease"]["values"])
        (pack / "notebooks" / path.name).write_text(json.dumps(notebook))
    build_pack(pack, card=False)
    return pack


def set_value(*place: Any) -> Callable[[dict[str, Any]], None]:
    """Sets the value at a place, the last of ``place``, in the runbook that published it."""
    *path, last, value = place

    def change(values: dict[str, Any]) -> None:
        if path[0] in values:
            target: Any = values
            for key in path:
                target = target[key]
            target[last] = value

    return change


@pytest.mark.parametrize(
    ("task", "change", "code", "name"),
    [
        ("regression", set_value("comparison", "metrics", 0, "difference", 107.8), "NBV324", ""),
        ("regression", set_value("comparison", "metrics", 0, "champion", None), "NBV322", ""),
        (
            "regression",
            set_value("comparison", "metrics", 0, "challenger_interval", [700.0, 600.0]),
            "NBV321", "",
        ),
        ("regression", set_value("gate", "criteria", 1, "value", 600.0), "NBV331", "root_mean_squared_error"),
        ("regression", set_value("gate", "criteria", 2, "value", -90.0), "NBV331", "root_mean_squared_error"),
        ("regression", set_value("gate", "criteria", 2, "operator", "at least"), "NBV332", ""),
        ("regression", set_value("gate", "criteria", 4, "value", -1.0), "NBV331", "season"),
        ("regression", set_value("fairness", "differences", "mean_absolute_error", 1.0), "NBV331", "mean_absolute_error_difference"),
        ("multiclass", set_value("comparison", "metrics", 2, "challenger", 0.99), "NBV325", "accuracy"),
        ("multiclass", set_value("comparison", "classes", ["aspen", "fir"]), "NBV327", ""),
        ("multiclass", set_value("comparison", "curves", "champion", "confusion", 0, 0, 1), "NBV328", ""),
        ("text", set_value("comparison", "mcnemar", "challenger_only", 90), "NBV326", ""),
        ("text", set_value("comparison", "rows", 599), "NBV328", "599"),
        ("forecasting", set_value("comparison", "slices", 0, "rows", 601), "NBV329", "hours_ahead 1 to 4"),
        ("forecasting", set_value("comparison", "slices", 0, "low", 4), "NBV330", ""),
    ],
)  # fmt: skip
def test_a_contradiction_is_found(releases, tmp_path, task, change, code, name):
    results = verify(publish_changed(releases[task], tmp_path, change)).results
    problems = results["comparison"].problems
    assert code in [each.code for each in problems if name in each.message], problems


def test_without_a_comparison_there_is_nothing_to_check(releases, tmp_path):
    pack = publish_changed(
        releases["custom"], tmp_path, lambda values: values.pop("comparison", None)
    )
    assert verify(pack).results["comparison"].state == "not applicable"
