"""Files of rows scored by an MLflow model without code: rows in are rows out, for each file.

A header is recognised by the signature's column names, and values are read with the signature's
types. A line of the output is ``file row,prediction,file name``, as Azure ML's own script for
MLflow models writes it with ``append_row``.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from azureml_local.scoring.model import InvalidInput, ScoringModel

KINDS = (".csv", ".parquet")
SIMPLE = (int, float, bool)


class Tables:
    """Scores mini-batches of files."""

    def __init__(self, folder: Path) -> None:
        """Load the model that lies in ``folder`` or below."""
        self._model = ScoringModel(folder)

    def score(self, files: list[Path], part: Path | None) -> tuple[int, int]:
        """Score files, and write their lines to ``part``.

        Returns:
            Files that could be scored, and those that could not.
        """
        good = 0
        lines: list[str] = []
        for path in files:
            try:
                predictions = self._predictions(path)
            except (InvalidInput, ValueError) as error:
                print(f"{path.name}: {error}", flush=True)
                continue
            good += 1
            lines.append(_lines(path.name, predictions))
            count = len(predictions)
            print(f"{path.name}: {count} rows in, {count} predictions out", flush=True)
        if part is not None:
            part.write_text("".join(lines), encoding="utf-8", newline="")
        return good, len(files) - good

    def _predictions(self, path: Path) -> list[Any]:
        frame = self._model.enforced(_read(self._model, path))
        predictions = self._model.predict(frame) if len(frame) else []
        if len(predictions) != len(frame):
            raise InvalidInput(f"{len(frame)} rows in, {len(predictions)} predictions out")
        return predictions


def _read(model: ScoringModel, path: Path) -> Any:
    import pandas as pd

    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = next(csv.reader(file), None)
    if not first:
        raise InvalidInput("the file is empty")
    if not model.names:
        return pd.read_csv(path)
    if set(model.names) & set(first):
        return pd.read_csv(path)
    if len(first) != len(model.names):
        raise InvalidInput(
            f"no header with the model's columns, and {len(first)} values a row; "
            f"the model takes {len(model.names)}: {', '.join(model.names)}"
        )
    return pd.read_csv(path, header=None, names=model.names)


def _lines(name: str, predictions: list[Any]) -> str:
    """The lines of one file's predictions; most are numbers, which need no quotes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if all(type(value) in SIMPLE for value in predictions):
        writer.writerow([name])
        end = f",{out.getvalue()}"
        return "".join([f"{index},{value}{end}" for index, value in enumerate(predictions)])
    writer.writerows([index, _cell(value), name] for index, value in enumerate(predictions))
    return out.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value
