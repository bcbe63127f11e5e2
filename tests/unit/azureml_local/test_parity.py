"""The fast path for scikit-learn models gives the answers of MLflow's own path: any other fails.

Requests are generated: plain ones, which the fast path serves, and all kinds of odd ones.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor
from tests.unit.azureml_local.models import save_model

from azureml_local.online.nocode import ArrayParameterType, load_model_server
from azureml_local.scoring.frames import ScoringRequest

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)) * 10, columns=["a", "b"])
LABEL = (ROWS["b"] > 0).astype(int)
BY_NAME = make_pipeline(ColumnTransformer([("second", "passthrough", ["b"])]), LogisticRegression())
DOUBLES = (("a", "double"), ("b", "double"))
MODELS = {
    "linear": (LinearRegression().fit(ROWS, ROWS["a"]), DOUBLES),
    "logistic": (LogisticRegression().fit(ROWS, LABEL), DOUBLES),
    "tree": (DecisionTreeRegressor(random_state=0).fit(ROWS, ROWS["b"]), DOUBLES),
    "forest": (RandomForestClassifier(5, random_state=0).fit(ROWS, LABEL), DOUBLES),
    "by name": (BY_NAME.fit(ROWS, LABEL), DOUBLES),
    "long": (LinearRegression().fit(ROWS, LABEL), (("a", "long"), ("b", "double"))),
    "float": (LinearRegression().fit(ROWS, LABEL), (("a", "float"), ("b", "integer"))),
    "boolean": (LinearRegression().fit(ROWS, LABEL), (("a", "boolean"), ("b", "double"))),
    "dates": (
        LinearRegression().fit(ROWS.set_axis(["date", "b"], axis=1), LABEL),
        (("date", "double"), ("b", "double")),
    ),
    "no signature": (LinearRegression().fit(ROWS.to_numpy(), LABEL), ()),
}
NUMBERS = st.one_of(
    st.integers(-1000, 1000), st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-100, 100),
)  # fmt: skip
ODD = st.one_of(
    NUMBERS, st.integers(), st.none(), st.booleans(), st.text(max_size=3), st.just(float("nan")),
    st.sampled_from(["1", "2.5", "NA", "2022-06-07", 10**30, [1], {"z": 1}, 1654560000000]),
)  # fmt: skip
INDEXES = st.one_of(st.integers(-5, 5), st.text(max_size=2), st.none())


@st.composite
def requests(draw, names):
    """Bodies for a model with these columns; half of them are plain."""
    cells = draw(st.sampled_from([NUMBERS, ODD]))
    columns = draw(
        st.one_of(
            st.just(list(names)),
            st.permutations(names),
            st.lists(st.sampled_from([*names, "c", "0", 0, "2020-01-01"]), max_size=4),
        )
    )
    width = draw(st.sampled_from([len(columns)] * 8 + [len(columns) + 1]))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=3))
    split = {"columns": columns, "data": rows}
    if draw(st.booleans()):
        size = draw(st.sampled_from([len(rows)] * 8 + [len(rows) + 1]))
        plain = list(range(size))
        split["index"] = draw(st.just(plain) | st.lists(INDEXES, min_size=size, max_size=size))
    input_data = draw(
        st.sampled_from(
            [split] * 12
            + [rows, [dict(zip(map(str, columns), row, strict=False)) for row in rows]]
            + [{**split, "more": 1}, rows[0] if rows else 1, json.dumps(split), None]
        )
    )
    body = {"input_data": input_data}
    return draw(st.sampled_from([body] * 8 + [{**body, "params": {"p": 1}}]))


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Each model served twice: as deployments are, and with MLflow."""
    deployments = {}
    for name, (estimator, columns) in MODELS.items():
        folder = save_model(tmp_path_factory.mktemp("model") / "m", estimator, *columns)
        deployments[name] = (
            load_model_server(folder, "fast"),
            load_model_server(folder, "mlflow", with_mlflow=True),
        )
    return deployments


def answer(server, body):
    headers = [["content-type", "application/json"]]
    response = server.answer(ScoringRequest(json.dumps(body).encode(), headers=headers))
    return response.status, json.loads(response.body) if response.status == 200 else None


@pytest.mark.parametrize("name", MODELS)
@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_the_fast_path_answers_as_mlflow_does(servers, name, data):
    fast, slow = servers[name]
    body = data.draw(requests([column for column, _ in MODELS[name][1]] or ["a", "b"]))
    (status, result), (expected_status, expected) = answer(fast, body), answer(slow, body)
    assert status == expected_status
    if expected is not None:
        assert result == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


def test_the_fast_path_is_used_for_plain_requests_only(monkeypatch, servers):
    """Otherwise the test above would compare MLflow with itself."""
    arrays = []
    plain_array = ArrayParameterType._plain_array

    def spy(self, value):
        array = plain_array(self, value)
        arrays.append(array is not None)
        return array

    monkeypatch.setattr(ArrayParameterType, "_plain_array", spy)
    split = {"columns": ["b", "a"], "index": [7], "data": [[1, 2.5]]}
    odd = ({"index": ["x"]}, {"data": [["1", 2]]}, {"columns": ["a", "a"]}, {"more": 1})
    for name in ("linear", "dates", "by name"):
        for change in ({}, *odd):
            answer(servers[name][0], {"input_data": split | change})
    assert arrays == [True, False, False, False, False]
