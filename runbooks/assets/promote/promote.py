"""Measure the model of another environment on this environment's data and log it unchanged.

Runs in one folder with main.py of exported/train, whose functions it calls.
"""

from __future__ import annotations

import argparse

import main as training
import mlflow
from sklearn.model_selection import train_test_split


def promote(options: argparse.Namespace) -> None:
    """Measure the model on the rows that a training job would hold out, and log both."""
    model = mlflow.sklearn.load_model(options.model)
    features, label = training.prep(options.input_data, options.label_column)
    train_features, features, _, label = train_test_split(
        features, label, test_size=options.test_size, random_state=options.random_state
    )
    metrics, probability = training.evaluate(model, features, label)
    overlap = training.overlap(train_features, features)
    with mlflow.start_run():
        mlflow.log_param("promoted", options.promoted)
        mlflow.log_metrics({**metrics, "overlap_rows": float(overlap)})
        for name, figure in training.draw(label, probability).items():
            mlflow.log_figure(figure, f"pictures/{name}.png")
        held_out = features.assign(**{options.label_column: label})
        mlflow.log_text(held_out.to_csv(index=False), "evaluation/held_out.csv")
        mlflow.log_artifacts(options.model, artifact_path="model")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--model", "--promoted", "--input_data", "--label_column"):
        parser.add_argument(name, required=True)
    parser.add_argument("--test_size", type=float, required=True)
    parser.add_argument("--random_state", type=int, required=True)
    promote(parser.parse_args())
