"""Releases of models that are not the example: five tasks, and two models in one repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e import overlays
from tests.e2e.packs import check_pack, newest, read_record, read_values
from tests.e2e.projects import left_behind, nbrelease, rehearse
from tests.e2e.scripts import Scripts

pytestmark = pytest.mark.e2e

TRAFFIC = """
import json
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
print(json.dumps({each.name: each.traffic for each in client.online_endpoints.list()}))
"""
ASK_QUANTILES = """
import json
import time
import requests
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
endpoint = client.online_endpoints.get("quotes-online")
key = client.online_endpoints.get_keys("quotes-online").primary_key
rows = {"columns": ["distance_km", "weight_kg", "hour", "vehicle"], "index": [0],
        "data": [[4.4, 2.7, 20.0, "car"]]}
deadline = time.monotonic() + 90
def ask(quantile):
    answer = requests.post(
        endpoint.scoring_uri,
        json={"input_data": rows, "params": {"quantile": quantile}},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    if answer.status_code == 503 and time.monotonic() < deadline:  # the server has just started
        time.sleep(0.2)
        return ask(quantile)
    assert answer.status_code == 200, answer.text
    return answer.json()
print(json.dumps([ask(quantile) for quantile in (0.1, 0.5, 0.9)]))
"""
ADA = ["--approve", "prod=Ada:first", "--approve", "blue=Ada:all green"]
# As a new project: in prod, jobs and deployments have the packages of their conda files.
PROD = [*ADA, "--set", "isolation=auto"]
# model: its task, its main metric, a parameter with the values of a challenger that is as good as
# the champion, and of a model that does not meet the release criteria
MODELS = {
    "bike-rentals": ("regression", "root_mean_squared_error", "max_iter", "120", "1"),
    "parcels": ("multiclass", "f1_macro", "n_estimators", "60", "1"),
    "tickets": ("binary", "roc_auc", "longest_phrase", "2", ""),
    "sales": ("forecasting", "mean_absolute_error", "n_estimators", "40", ""),
    "quotes": ("custom", "pinball_loss", "n_neighbors", "80", ""),
}
# Where no parameter makes the model bad enough, the criteria ask for more.
STRICTER = {
    "tickets": ("at_least: 0.75", "at_least: 0.9999"),
    "sales": ("at_most: 45", "at_most: 0.1"),
    "quotes": ("at_most: 4", "at_most: 0.01"),
}


def check_release(project: Path, env: str, model: str, section: str = "") -> dict:
    """The newest pack of a release that passed; returns the values of 02_train."""
    pack = newest(project, env, section)
    record = read_record(pack)
    assert record["verdict"] == "passed", record["reason"]
    check_pack(project, pack)
    values = read_values(pack, "02_train")
    task, metric, parameter, *_ = MODELS[model]
    assert values["comparison"]["task"] == task
    assert values["comparison"]["metrics"][0]["name"] == metric
    assert parameter in values["job_parameters"]
    assert not {"estimator", "regularization_rate"} & set(values["job_parameters"])
    return values


def check_rejection(project: Path, model: str) -> None:
    """A release whose model does not meet the criteria registers nothing."""
    *_, parameter, _, worse = MODELS[model]
    words = ["--set", f"{parameter}={worse}"] if worse else []
    if not worse:
        criteria = project / "runbooks" / "criteria.yml"
        old, new = STRICTER[model]
        text = criteria.read_text()
        assert old in text
        criteria.write_text(text.replace(old, new, 1))
        overlays.commit(project, "Stricter criteria")
    done = rehearse(project, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    record = read_record(newest(project))
    assert record["verdict"] == "failed"
    last = record["runbooks"][-1]
    assert last["name"] == "03_register"
    states = {cell["id"]: cell["state"] for cell in last["cells"]}
    assert states["test-gate"] == "failed"
    assert states["register"] == "not run"


def test_a_regression_passes_dev(tmp_path):
    project = overlays.create(tmp_path / "bike-rentals", "bike-rentals", "regression")
    done = rehearse(project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    check_release(project, "dev", "bike-rentals")
    assert not left_behind(project)


@pytest.mark.drill
@pytest.mark.parametrize("model", MODELS)
def test_a_challenger_replaces_a_champion_in_prod(model, tmp_path):
    task, metric, parameter, better, _ = MODELS[model]
    project = overlays.create(tmp_path / model, model, task)
    for version in (1, 2):
        if version == 2:
            sections = overlays.read_sections(model)
            overlays.set_keys(
                project, {"DEFAULT": {}, "train": {**sections["train"], parameter: better}}
            )
            overlays.commit(project, "A challenger")
        for env, words in (("dev", []), ("prod", PROD)):
            done = rehearse(project, *words, pipeline=env)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr
            values = check_release(project, env, model)
            assert (values["comparison"]["champion"] is None) == (version == 1)
    main_metric = values["comparison"]["metrics"][0]
    assert (main_metric["name"], main_metric["champion"] is None) == (metric, False)
    assert str(values["job_parameters"][parameter]) == better
    if model == "quotes":
        check_request_parameters(project)
    check_rejection(project, model)
    assert not left_behind(project)


def check_request_parameters(project: Path) -> None:
    """The scoring script of the endpoint passes the parameters of a request to the model."""
    scripts = Scripts(project)
    [low], [median], [high] = json.loads(scripts.run(ASK_QUANTILES))
    scripts.end()
    assert low < median < high


@pytest.mark.drill
def test_two_models_of_one_repository_are_released_independently(tmp_path):
    project = overlays.create(tmp_path / "parcels", "parcels", "multiclass")
    overlays.add(project, "tickets", "binary")
    done = nbrelease(project, "settings")
    assert done.returncode == 0, done.stderr
    for model, section in (("tickets", "tickets"), ("parcels", "")):
        words = ["--model", section] if section else []
        for env, options in (("dev", []), ("prod", PROD)):
            done = rehearse(project, *words, *options, pipeline=env)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr
            check_release(project, env, model, section)
        traffic = read_traffic(project)
        if model == "tickets":
            first = traffic
    assert first == {"parcels-online-tickets": {"model-1": 100}}
    assert traffic == {**first, "parcels-online": {"model-1": 100}}
    names = [
        json.loads(path.read_text())["settings_model"]
        for path in sorted(project.glob("evidence/*/record.json"))
    ]
    assert sorted(names) == ["", "", "tickets", "tickets"]


def read_traffic(project: Path) -> dict[str, dict[str, int]]:
    scripts = Scripts(project)
    traffic = json.loads(scripts.run(TRAFFIC))
    scripts.end()
    return traffic
