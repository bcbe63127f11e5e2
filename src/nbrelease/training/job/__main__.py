"""Train a model in a job, or take an existing one, and predict the held-out rows with it.

``02_train`` copies this package into the code of its jobs, beside the exported ``main.py``. It
needs mlflow, pandas, numpy and pyarrow; scikit-learn for the feature importance.

``python -m nbrelease_job train [--champion MODEL] -- ...``
    Run ``main.py`` with the arguments after ``--``. Then the model that it logged predicts the
    held-out rows, and so does the champion, if it has the same environment.
``python -m nbrelease_job predict --model MODEL --rows FOLDER``
    Let a model predict the held-out rows of another job.
``python -m nbrelease_job promote --model MODEL --source NAME [--champion MODEL] -- ...``
    Log a model unchanged, and let it predict the rows that ``split`` of ``main.py`` holds out.

Each logs ``evaluation/predictions.parquet`` and ``evaluation/evaluation.json`` as artifacts of
the job's MLflow run. ``train`` logs those of the champion in ``evaluation/champion``.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import inspect
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from .evaluation import evaluate_model
from .importance import measure_importance
from .model import EvaluatedModel, find_model
from .rows import HELD_OUT, Split, count_overlap, is_split, read_held_out, write_held_out
from .settings import EvaluationError, Settings

MODEL = "model"
FOLDER = "evaluation"


def train(settings: Settings, arguments: Sequence[str], champion: Path | None) -> None:
    """Run the training notebook's export, and evaluate the model that it logged."""
    training = importlib.import_module("main")
    recorded = _record_split(training)
    training.main(**vars(training._arguments(arguments)))
    run_id = _find_run()
    client = mlflow.MlflowClient()
    with tempfile.TemporaryDirectory() as temporary:
        folder, output = Path(temporary), Path(temporary, "output")
        logged = _download(client, run_id, MODEL, folder)
        if logged is None:
            raise EvaluationError(
                f"main.py logged no artifact {MODEL}: save the model with "
                "mlflow.<flavor>.save_model and log it with "
                f'mlflow.log_artifacts(path, artifact_path="{MODEL}")'
            )
        model = EvaluatedModel(find_model(logged), settings.task)
        stored = _download(client, run_id, FOLDER, folder)
        held_out = read_held_out(stored, model.text_columns) if stored else None
        if held_out is None:
            if not recorded:
                raise EvaluationError(
                    f"main.py logged no {FOLDER}/{HELD_OUT}.parquet, and no function split returned"
                    " two DataFrames: log the held-out rows with their label, or export a function "
                    "split that returns the training rows and the held-out rows"
                )
            held_out = recorded[-1].held_out
            write_held_out(held_out, output)
        _evaluate(settings, model, held_out, recorded, training, output)
        _evaluate_champion(settings, champion, held_out, output)
        client.log_artifacts(run_id, str(output), FOLDER)


def promote(
    settings: Settings,
    arguments: Sequence[str],
    model_folder: Path,
    source: str,
    champion: Path | None,
) -> None:
    """Log a model unchanged, and let it predict the rows that ``split`` holds out."""
    training = importlib.import_module("main")
    split = getattr(training, "split", None)
    needed = (
        "promotion = model needs a function split in the training notebook: it returns the "
        "training rows and the held-out rows"
    )
    if not callable(split):
        raise EvaluationError(needed)
    values = vars(training._arguments(arguments))
    used = {name: values[name] for name in inspect.signature(split).parameters if name in values}
    result = split(**used)
    if not is_split(result):
        raise EvaluationError(f"{needed}, two DataFrames with the label")
    rows = Split(*result)
    model = EvaluatedModel(model_folder, settings.task)
    with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
        mlflow.log_params({"promoted": source, **used})
        write_held_out(rows.held_out, Path(folder))
        _evaluate(settings, model, rows.held_out, [rows], training, Path(folder))
        _evaluate_champion(settings, champion, rows.held_out, Path(folder))
        mlflow.log_artifacts(folder, FOLDER)
        mlflow.log_artifacts(str(model_folder), MODEL)


def predict(settings: Settings, model_folder: Path, rows: Path) -> None:
    """Let a model predict the held-out rows of another job."""
    model = EvaluatedModel(model_folder, settings.task)
    held_out = read_held_out(rows, model.text_columns)
    if held_out is None:
        raise EvaluationError(f"the input rows have no {HELD_OUT}.parquet or {HELD_OUT}.csv")
    with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
        evaluate_model(model, held_out, settings).write(Path(folder))
        mlflow.log_artifacts(folder, FOLDER)
    sys.stdout.write(f"{len(held_out)} held-out rows predicted\n")


def _evaluate(
    settings: Settings,
    model: EvaluatedModel,
    held_out: pd.DataFrame,
    recorded: Sequence[Split],
    training: Any,
    output: Path,
) -> None:
    evaluation = evaluate_model(model, held_out, settings)
    evaluation.facts.update(_measure_split(recorded, model, settings))
    evaluation.facts.update(_measure_importance(model, held_out, settings, training))
    evaluation.write(output)
    sys.stdout.write(f"{len(held_out)} held-out rows predicted\n")


def _evaluate_champion(
    settings: Settings, champion: Path | None, held_out: pd.DataFrame, output: Path
) -> None:
    if champion is not None:
        model = EvaluatedModel(champion, settings.task)
        evaluate_model(model, held_out, settings).write(output / "champion")
        sys.stdout.write("the champion predicted the same rows\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line; an :class:`EvaluationError` ends the job with one line."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # the log is evidence
    # A model also needs packages of the server that will serve it: no fault of the job.
    logging.getLogger("mlflow.utils.requirements_utils").setLevel(logging.ERROR)
    argv = list(sys.argv[1:] if argv is None else argv)
    argv, arguments = _split_arguments(argv)
    parser = argparse.ArgumentParser(
        prog="nbrelease_job", description=(__doc__ or "").partition("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("train", "predict", "promote"):
        command = commands.add_parser(name)
        if name != "train":
            command.add_argument("--model", type=Path, required=True)
        if name == "promote":
            command.add_argument("--source", required=True)
        if name == "predict":
            command.add_argument("--rows", type=Path, required=True)
        else:
            command.add_argument("--champion", type=Path)
    options = parser.parse_args(argv)
    settings = Settings.load(Path.cwd())
    try:
        if options.command == "predict":
            predict(settings, find_model(options.model), options.rows)
            return
        champion = find_model(options.champion) if options.champion else None
        if options.command == "train":
            train(settings, arguments, champion)
        else:
            model = find_model(options.model)
            promote(settings, arguments, model, options.source, champion)
    except EvaluationError as error:
        sys.exit(f"nbrelease_job: error: {error}")


def _measure_importance(
    model: EvaluatedModel, held_out: pd.DataFrame, settings: Settings, training: Any
) -> dict[str, Any]:
    """Importance, or why it could not be measured."""
    if not settings.metric:
        return {"importance": None, "importance_reason": "criteria.yml has no metrics"}
    own = getattr(training, settings.metric) if settings.metric in settings.own_metrics else None
    try:
        importance = measure_importance(model, held_out, settings, own)
    except (ImportError, ValueError, TypeError, AttributeError) as error:
        # No scikit-learn; a metric that does not fit the label, the types of the predictions or a
        # model without probabilities. The trained model is not lost: the page shows the reason.
        return {"importance": None, "importance_reason": f"{type(error).__name__}: {error}"}
    return {"importance": importance, "importance_metric": settings.metric}


def _measure_split(
    recorded: Sequence[Split], model: EvaluatedModel, settings: Settings
) -> dict[str, Any]:
    if not recorded:
        return {"train_rows": None, "overlap": None}
    split = recorded[-1]
    columns = model.columns or split.held_out.columns.difference([settings.label_column]).tolist()
    return {"train_rows": len(split.training), "overlap": count_overlap(split, columns)}


def _record_split(training: Any) -> list[Split]:
    """Let ``split`` of ``main.py`` record what it returns: the rows are not read twice.

    ``split`` may also be a name for something else, or return four parts as scikit-learn does;
    nothing is recorded then, and the notebook has to log the held-out rows.
    """
    recorded: list[Split] = []
    split = getattr(training, "split", None)
    if callable(split):

        @functools.wraps(split)
        def record(*args: Any, **kwargs: Any) -> Any:
            result = split(*args, **kwargs)
            if is_split(result):
                recorded.append(Split(*result))
            return result

        training.split = record
    return recorded


def _find_run() -> str:
    """The id of the run that ``main.py`` logged to: in a job that of the job."""
    if run_id := os.environ.get("MLFLOW_RUN_ID"):
        return run_id
    run = mlflow.last_active_run()
    if run is None:
        raise EvaluationError("main.py logged no MLflow run: use mlflow.start_run()")
    return str(run.info.run_id)


def _download(client: mlflow.MlflowClient, run_id: str, name: str, folder: Path) -> Path | None:
    if name not in {each.path for each in client.list_artifacts(run_id)}:
        return None
    return Path(client.download_artifacts(run_id, name, str(folder)))


def _split_arguments(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments of this script, and those after ``--`` for ``main.py``."""
    if "--" not in argv:
        return list(argv), []
    position = list(argv).index("--")
    return list(argv[:position]), list(argv[position + 1 :])


if __name__ == "__main__":
    main()
