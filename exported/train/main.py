"""Train a diabetes classifier.

Trains a classifier of diabetes on eight measurements of a patient, evaluates it on held-out rows,
and logs parameters, metrics, pictures and the model to MLflow.

`nbrelease export` writes the tagged cells of this notebook to `exported/train/main.py`, which runs
as a job in Azure ML. You can also run the notebook itself. Without a tracking server, MLflow stores
the run in the notebook's folder.

Written from notebooks/train.ipynb by nbrelease export; edit that, or this and run nbrelease sync.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NoReturn

import mlflow
import numpy as np
import pandas as pd
import sklearn
import skops
from matplotlib.figure import Figure
from mlflow.models import infer_signature
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibrationDisplay
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay, accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

__all__ = [
    "CATEGORICAL",
    "FEATURES",
    "NUMERIC",
    "draw",
    "evaluate",
    "log_model",
    "main",
    "make_estimator",
    "prep",
    "split",
    "train",
]


# %% notebooks/train.ipynb #features
NUMERIC = [
    "Pregnancies",
    "PlasmaGlucose",
    "DiastolicBloodPressure",
    "TricepsThickness",
    "SerumInsulin",
    "BMI",
    "DiabetesPedigree",
]
CATEGORICAL = ["Age"]
FEATURES = NUMERIC + CATEGORICAL


# %% notebooks/train.ipynb #prep
def prep(input_data: str | Path, label_column: str) -> tuple[pd.DataFrame, pd.Series]:
    """Read the features as floats and the label as integers.

    With integers, the model's signature would not accept a file with a missing value.
    """
    path = Path(input_data)
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise FileNotFoundError(f"{input_data}: no CSV file; check input_data")
    rows = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    missing = [name for name in [*FEATURES, label_column] if name not in rows.columns]
    if missing:
        raise ValueError(
            f"{path.name} has no column {', '.join(missing)}; it has {', '.join(rows.columns)}"
        )
    return rows[FEATURES].astype(float), rows[label_column].astype(int)


# %% notebooks/train.ipynb #split
def split(
    input_data: str | Path, label_column: str, test_size: float, random_state: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The training rows and the held-out rows, each with the label.

    The job stores what this returns: the challenger and the champion are compared on these rows.
    """
    features, label = prep(input_data, label_column)
    rows = features.assign(**{label_column: label})
    train_rows, held_out = train_test_split(rows, test_size=test_size, random_state=random_state)
    return train_rows, held_out


# %% notebooks/train.ipynb #train
def make_estimator(name: str, regularization_rate: float, random_state: int) -> BaseEstimator:
    """Create the classifier of a parameter's value."""
    # With the default tolerance, the last digits depend on the processor.
    logistic = LogisticRegression(C=1 / regularization_rate, solver="liblinear", tol=1e-6)
    if name == "logistic":
        return logistic
    classifiers = {
        "pipeline": logistic,
        "random_forest": RandomForestClassifier(n_estimators=100, random_state=random_state),
    }
    if name not in classifiers:
        raise ValueError(f"estimator {name!r}: must be logistic, pipeline or random_forest")
    preparation = ColumnTransformer(
        [
            ("scaled", StandardScaler(), NUMERIC),
            ("encoded", OneHotEncoder(handle_unknown="ignore"), CATEGORICAL),
        ]
    )
    return Pipeline([("preparation", preparation), ("classifier", classifiers[name])])


def train(model: BaseEstimator, features: pd.DataFrame, label: pd.Series) -> BaseEstimator:
    """Fit the model to the rows."""
    if label.nunique() < 2:
        raise ValueError(f"the label {label.name} has only one value")
    return model.fit(features, label)


# %% notebooks/train.ipynb #evaluate
def evaluate(
    model: BaseEstimator, features: pd.DataFrame, label: pd.Series
) -> tuple[dict[str, float], np.ndarray]:
    """Metrics on held-out rows, and the probability of diabetes for each row."""
    probability = model.predict_proba(features)[:, 1]
    metrics = {
        "accuracy": float(accuracy_score(label, model.predict(features))),
        "roc_auc": float(roc_auc_score(label, probability)),
        "test_rows": float(len(label)),
        "positive_share": float(label.mean()),
    }
    return metrics, probability


def draw(label: pd.Series, probability: np.ndarray) -> dict[str, Figure]:
    """ROC curve, confusion matrix and calibration curve."""
    figures = {name: Figure(figsize=(5, 4)) for name in ("roc", "confusion", "calibration")}
    axes = {name: figure.subplots() for name, figure in figures.items()}
    RocCurveDisplay.from_predictions(label, probability, ax=axes["roc"], plot_chance_level=True)
    ConfusionMatrixDisplay.from_predictions(
        label, probability > 0.5, ax=axes["confusion"], cmap="Blues", colorbar=False
    )
    CalibrationDisplay.from_predictions(label, probability, n_bins=10, ax=axes["calibration"])
    for name, title in {
        "roc": "ROC",
        "confusion": "Confusion matrix",
        "calibration": "Calibration",
    }.items():
        axes[name].set_title(title)
        figures[name].set_layout_engine("tight")
    return figures


# %% notebooks/train.ipynb #log
def log_model(model: BaseEstimator, example: pd.DataFrame) -> None:
    """Log the model's files as the run's artifact ``model``, with signature and input example."""
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(
            model,
            f"{folder}/model",
            signature=infer_signature(example, model.predict(example)),
            input_example=example,
            # Without this list, MLflow starts a process to infer the requirements.
            pip_requirements=[
                f"mlflow=={mlflow.__version__}",
                f"scikit-learn=={sklearn.__version__}",
                f"pandas=={pd.__version__}",
                f"numpy=={np.__version__}",
                f"skops=={skops.__version__}",
                # What Azure's server for models without code imports.
                "azureml-inference-server-http==1.5.1",
                "azureml-ai-monitoring==1.0.0",
            ],
            # skops instead of pickle: loading the model cannot run code. It has to trust the trees.
            serialization_format="skops",
            skops_trusted_types=["sklearn.tree._tree.Tree"],
        )
        mlflow.log_artifacts(f"{folder}/model", artifact_path="model")


# %% main
def main(
    *,
    input_data: str = "../data/diabetes-sample.csv",
    label_column: str = "Diabetic",
    test_size: float = 0.3,
    estimator: Literal["logistic", "pipeline", "random_forest"] = "logistic",
    regularization_rate: float = 0.01,
    random_state: int = 0,
) -> None:
    """Run the cells tagged main, in the notebook's order.

    Args:
        input_data: CSV file, or folder of CSV files.
        label_column: the column to predict: 0 or 1.
        test_size: share of the rows held out for the evaluation.
        estimator: the classifier.
        regularization_rate: 1/C of the logistic regression.
        random_state: seed of the split and of the forest.
    """
    # %% notebooks/train.ipynb #read
    train_rows, held_out = split(input_data, label_column, test_size, random_state)
    print(f"{len(train_rows)} training rows, {len(held_out)} held-out rows")

    # %% notebooks/train.ipynb #fit
    model = train(
        make_estimator(estimator, regularization_rate, random_state),
        train_rows[FEATURES],
        train_rows[label_column],
    )

    # %% notebooks/train.ipynb #measure
    metrics, probability = evaluate(model, held_out[FEATURES], held_out[label_column])
    figures = draw(held_out[label_column], probability)
    for name, value in metrics.items():
        print(f"{name:16} {value:.4f}")

    # %% notebooks/train.ipynb #log-run
    with mlflow.start_run():
        mlflow.log_params(
            {
                "estimator": estimator,
                "test_size": test_size,
                "regularization_rate": regularization_rate,
                "random_state": random_state,
            }
        )
        mlflow.log_metrics({**metrics, "train_rows": float(len(train_rows))})
        for name, figure in figures.items():
            mlflow.log_figure(figure, f"pictures/{name}.png")
        log_model(model, train_rows[FEATURES].head(5))


# %% command line
class _Parser(argparse.ArgumentParser):
    """Prints an error on one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        if message.endswith("expected one argument"):
            message += "; a value that begins with - is written --name=value"
        self.exit(2, f"{self.prog}: error: {message}\n")


def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; each option is an argument of main()."""
    parser = _Parser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    group = parser.add_argument_group("Data")
    group.add_argument(
        "--input_data",
        metavar="TEXT",
        default="../data/diabetes-sample.csv",
        help="CSV file, or folder of CSV files",
    )
    group.add_argument(
        "--label_column",
        metavar="TEXT",
        default="Diabetic",
        help="the column to predict: 0 or 1",
    )
    group.add_argument(
        "--test_size",
        type=float,
        metavar="FLOAT",
        default=0.3,
        help="share of the rows held out for the evaluation",
    )
    group = parser.add_argument_group("Model")
    group.add_argument(
        "--estimator",
        choices=["logistic", "pipeline", "random_forest"],
        default="logistic",
        help="the classifier",
    )
    group.add_argument(
        "--regularization_rate",
        type=float,
        metavar="FLOAT",
        default=0.01,
        help="1/C of the logistic regression",
    )
    group.add_argument(
        "--random_state",
        type=int,
        metavar="INT",
        default=0,
        help="seed of the split and of the forest",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(**vars(_arguments()))
