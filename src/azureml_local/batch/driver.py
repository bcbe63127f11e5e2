"""Scores files: ``python -m azureml_local.batch.driver SPEC``, run as a job's process.

Rows in are rows out, for each file: a header is recognised by the signature's column names, values
are read with the signature's types, and a file that cannot be scored counts against
``error_threshold``. A row of the output is ``file row,prediction,file name``, as Azure ML's driver
writes it for MLflow models with ``append_row``.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from azureml_local.scoring.model import ScoringModel, WrongInput

KINDS = (".csv", ".parquet")


def main(argv: list[str]) -> int:
    """Score what the specification names; gives the exit code."""
    spec = json.loads(Path(argv[1]).read_text(encoding="utf-8"))
    source, target = Path(spec["input"]), Path(spec["output"])
    files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    files = [path for path in files if path.suffix.lower() in KINDS]
    if not files:
        print(f"nothing to score: no {' or '.join(KINDS)} file in the input")
        return 1
    model = ScoringModel(Path(spec["model"]))
    failed = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    with beside.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        for path in files:
            try:
                rows, predictions = _score(model, path)
            except (WrongInput, ValueError) as error:
                failed += 1
                print(f"{path.name}: {error}")
                continue
            name = path.name
            writer.writerows([index, _cell(value), name] for index, value in enumerate(predictions))
            print(f"{path.name}: {rows} rows in, {len(predictions)} predictions out")
    threshold = int(spec["error_threshold"])
    if threshold >= 0 and failed > threshold:
        beside.unlink()
        print(f"{failed} of {len(files)} files failed; error_threshold is {threshold}")
        return 1
    beside.replace(target)
    return 0


def _score(model: ScoringModel, path: Path) -> tuple[int, list[Any]]:
    frame = model.enforced(_read(model, path))
    predictions = model.predict(frame) if len(frame) else []
    if len(predictions) != len(frame):
        raise WrongInput(f"{len(frame)} rows in, {len(predictions)} predictions out")
    return len(frame), predictions


def _read(model: ScoringModel, path: Path) -> Any:
    import pandas as pd

    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = next(csv.reader(file), None)
    if not first:
        raise WrongInput("the file is empty")
    if not model.names:
        return pd.read_csv(path)
    if set(model.names) & set(first):
        return pd.read_csv(path)
    if len(first) != len(model.names):
        raise WrongInput(
            f"no header with the model's columns, and {len(first)} values a row; "
            f"the model takes {len(model.names)}: {', '.join(model.names)}"
        )
    return pd.read_csv(path, header=None, names=model.names)


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


if __name__ == "__main__":
    sys.exit(main(sys.argv))
