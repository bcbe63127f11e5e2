"""What a model's signature makes of rows."""

from __future__ import annotations

import cloudpickle
import pytest
import yaml

from azureml_local.scoring.model import InvalidInput, ScoringModel


class Doubles:
    """A model that gives back its first column, doubled."""

    def predict(self, frame):
        return frame.iloc[:, 0] * 2


@pytest.fixture
def model(tmp_path):
    def make(*columns: tuple[str, str]) -> ScoringModel:
        inputs = ", ".join(
            f'{{"name": "{name}", "type": "{kind}", "required": true}}' for name, kind in columns
        )
        flavors = {"sklearn": {"pickled_model": "m.pkl", "serialization_format": "cloudpickle"}}
        (tmp_path / "MLmodel").write_text(
            yaml.safe_dump({"flavors": flavors, "signature": {"inputs": f"[{inputs}]"}})
        )
        (tmp_path / "m.pkl").write_bytes(cloudpickle.dumps(Doubles()))
        return ScoringModel(tmp_path)

    return make


def test_rows_by_name_are_put_in_the_signatures_order(model):
    found = model(("a", "double"), ("b", "double"))
    assert found.predict(found.frame(["b", "x", "a"], [[1, "y", 2], [3, "z", 4]])) == [4.0, 8.0]


def test_a_blank_is_a_number_for_floats_and_refused_for_integers(model):
    assert model(("a", "double")).frame(["a"], [[None]])["a"].isna().all()
    with pytest.raises(InvalidInput, match="column a holds values that are no long"):
        model(("a", "long")).frame(["a"], [[None], [1]])


def test_integers_must_be_whole(model):
    assert model(("a", "long")).frame(["a"], [[2.0]])["a"].tolist() == [2]
    with pytest.raises(InvalidInput, match="no long"):
        model(("a", "long")).frame(["a"], [[2.5]])


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no MLmodel"):
        ScoringModel(tmp_path)


@pytest.mark.parametrize("kind", ["plain", "pipeline"])
def test_rows_are_predicted_as_the_estimator_itself_does(tmp_path, kind):
    import numpy as np
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    draw = np.random.default_rng(0)
    rows = pd.DataFrame(draw.normal(size=(50, 2)), columns=["a", "b"])
    estimator = LogisticRegression()
    if kind == "pipeline":  # by the columns' names, so that it needs a data frame
        estimator = make_pipeline(ColumnTransformer([("kept", "passthrough", ["b"])]), estimator)
    estimator.fit(rows, rows["b"] > 0.2)
    flavors = {"sklearn": {"pickled_model": "m.pkl", "serialization_format": "cloudpickle"}}
    inputs = ", ".join(f'{{"name": "{name}", "type": "double"}}' for name in rows.columns)
    (tmp_path / "MLmodel").write_text(
        yaml.safe_dump({"flavors": flavors, "signature": {"inputs": f"[{inputs}]"}})
    )
    (tmp_path / "m.pkl").write_bytes(cloudpickle.dumps(estimator))
    expected = estimator.predict(rows).tolist()
    found = ScoringModel(tmp_path)
    assert found.predict_rows(None, rows.to_numpy().tolist()) == expected
    turned = rows[["b", "a"]].assign(c="extra")
    assert found.predict_rows(["b", "a"], rows[["b", "a"]].to_numpy().tolist()) == expected
    assert found.predict_rows(["b", "a", "c"], turned.to_numpy().tolist()) == expected
    assert found.predict(found.enforced(turned)) == expected
    with pytest.raises(InvalidInput, match="takes 2: a, b"):
        found.predict_rows(None, [[1.0]])
