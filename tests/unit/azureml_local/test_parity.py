"""A model without code answers as MLflow's own scoring server does: the same values and refusals."""

from __future__ import annotations

import json

import pytest

from azureml_local.online.nocode import NoCode
from azureml_local.scoring.frames import ScoringRequest

TYPES = (("double", "double"), ("long", "double"), ("double", "float"))
PAYLOADS = (
    (["a", "b"], [[1, 2.0], [3, -4.5]]),
    (["b", "a"], [[2.0, 1]]),
    (["a", "b", "c"], [[1, 2.0, "e"]]),
    (["a", "b"], [[1, None]]),
    (["a", "b"], [["1", 2.0]]),
    (["a", "b"], [["x", 2.0]]),
    (["a", "b"], [[True, 2.0]]),
    (["a", "b"], [[1.0, 2]]),
    (["a", "b"], [[10**30, 2]]),
    (["a", "b"], [[[1], 2]]),
    (["a", "b"], [[{"z": 1}, 2]]),
    (["a", "b"], [[1]]),
    (["a", "b"], [[1, 2, 3]]),
    (["a", "a"], [[1, 2]]),
    (["a"], [[1]]),
)


@pytest.fixture(scope="module", params=TYPES, ids="-".join)
def both(request, tmp_path_factory):
    """The same model served both ways: functions that give its answer, None where it is refused."""
    import mlflow
    import numpy as np
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.pyfunc.scoring_server import dataframe_from_parsed_json
    from mlflow.types import ColSpec, Schema
    from sklearn.linear_model import LogisticRegression

    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)) * 10, columns=["a", "b"])
    numbers = {"double": "float64", "long": "int64", "float": "float32"}
    rows = rows.astype(
        {name: numbers[kind] for name, kind in zip("ab", request.param, strict=True)}
    )
    folder = tmp_path_factory.mktemp("model") / "m"
    inputs = Schema([ColSpec(kind, name) for name, kind in zip("ab", request.param, strict=True)])
    mlflow.sklearn.save_model(
        LogisticRegression().fit(rows, rows["b"] > 0), str(folder),
        signature=ModelSignature(inputs, Schema([ColSpec("boolean")])),
        pip_requirements=["scikit-learn"], serialization_format="cloudpickle",
    )  # fmt: skip
    ours, theirs = NoCode(folder, "endpoint"), mlflow.pyfunc.load_model(str(folder))

    def here(columns, data):
        body = json.dumps({"input_data": {"columns": columns, "data": data}}).encode()
        answer = ours.answer(ScoringRequest(body))
        return json.loads(answer.body) if answer.status == 200 else None

    def there(columns, data):
        from mlflow.exceptions import MlflowException

        try:
            frame = dataframe_from_parsed_json({"columns": columns, "data": data}, "split", inputs)
            return np.asarray(theirs.predict(frame)).tolist()
        except (MlflowException, ValueError, TypeError):
            return None

    return here, there


@pytest.mark.parametrize(("columns", "data"), PAYLOADS)
def test_answers_and_refusals_are_mlflows(both, columns, data):
    here, there = both
    assert here(columns, data) == there(columns, data)


def test_some_are_answered_and_some_refused(both):
    here, _ = both
    answered = [here(*payload) is not None for payload in PAYLOADS]
    assert any(answered)
    assert not all(answered)
