"""Folders of scikit-learn models as MLflow saves them, made without importing MLflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cloudpickle


def save_model(
    folder: Path,
    estimator: Any,
    *columns: tuple[Any, str],
    example: dict[str, Any] | None = None,
    optional: tuple[str, ...] = (),
) -> Path:
    """Write a model whose signature has these columns (name, type); none: without a signature."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(estimator))
    inputs = [
        {"name": name, "type": kind, "required": name not in optional} for name, kind in columns
    ]
    description: dict[str, Any] = {
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.sklearn",
                "model_path": "model.pkl",
                "predict_fn": "predict",
            },
            "sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"},
        },
        "mlflow_version": "3.0.0",
    }
    if columns:
        description["signature"] = {"inputs": json.dumps(inputs), "outputs": None, "params": None}
    if example is not None:
        (folder / "input_example.json").write_text(json.dumps(example))
        description["saved_input_example_info"] = {
            "artifact_path": "input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        }
    (folder / "MLmodel").write_text(json.dumps(description))  # JSON is YAML
    return folder
