"""Scores CSV and Parquet files with an MLflow model without code: one prediction for each row.

A header is recognized by the signature's column names, and values are read with the signature's
types. A line of the output is ``file row,prediction,file name``, as Azure ML's own script for
MLflow models writes it with ``append_row``.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from azureml_local.scoring.model import (
    PANDAS_TYPES,
    Column,
    Description,
    InvalidInput,
    sklearn_predict,
    to_json_value,
)

SUFFIXES = (".csv", ".parquet")
SIMPLE = (int, float, bool)
NULLABLE = {"long": "Int64", "integer": "Int32", "boolean": "boolean"}
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""Missing values in columns that are not text; in text columns only an empty field is."""


class Tables:
    """Scores mini-batches of files."""

    def __init__(self, folder: Path) -> None:
        """Load the model that is in ``folder`` or below."""
        csv.field_size_limit(2**31 - 1)
        description = Description.read(folder)
        self._columns = description.columns
        if description.is_plain_sklearn:
            self._predict = sklearn_predict(self._columns, description.load_estimator())
        else:
            self._predict = description.load_pyfunc()

    def score(self, content: list[str], part: Path | None) -> tuple[int, int]:
        """Score files, and write their lines to ``part``.

        Returns:
            The counts of scored and failed files.
        """
        scored = 0
        lines: list[str] = []
        for path in map(Path, content):
            try:
                predictions = self._predictions(path)
            except (InvalidInput, ValueError) as error:
                print(f"{path.name}: {error}", flush=True)
                continue
            scored += 1
            lines.append(_lines(path.name, predictions))
            count = len(predictions)
            print(f"{path.name}: {count} rows in, {count} predictions out", flush=True)
        if part is not None:
            part.write_text("".join(lines), encoding="utf-8", newline="")
        return scored, len(content) - scored

    def _predictions(self, path: Path) -> list[Any]:
        frame = enforce_types(self._columns, read_table(self._columns, path))
        rows = len(frame)
        if not rows:
            return []
        predictions = to_json_value(self._predict(frame))
        if not isinstance(predictions, list) or len(predictions) != rows:
            count = len(predictions) if hasattr(predictions, "__len__") else 1
            raise InvalidInput(f"{rows} rows in, {count} predictions out")
        return predictions


def read_table(columns: list[Column], path: Path) -> Any:
    """A file as a data frame; text columns are read as text.

    Args:
        columns: of the signature; empty: pandas' own rules.
        path: a Parquet file, or a CSV file with or without a header.

    Raises:
        InvalidInput: the file is empty, its rows differ in length, or it does not fit the columns.
    """
    import pandas as pd

    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path)
    first = _check_rows(path)
    if not columns:
        return pd.read_csv(path, encoding="utf-8-sig", index_col=False)
    names = [str(column.name) for column in columns]
    types = {str(column.name): column.type for column in columns}
    if _is_header(names, first):
        repeated = {name for name in names if first.count(name) > 1}
        if repeated:
            raise InvalidInput(f"repeated columns: {', '.join(sorted(repeated))}")
        header: int | None = 0
    elif len(first) == len(names):
        header = None
    else:
        raise InvalidInput(
            f"no header with the model's columns, and {len(first)} values a row; "
            f"the model has {len(names)} columns: {', '.join(names)}"
        )
    text = [name for name, kind in types.items() if kind in ("string", "binary", "datetime")]
    frame = pd.read_csv(
        path,
        encoding="utf-8-sig",
        header=header,
        names=names if header is None else None,
        index_col=False,
        dtype=dict.fromkeys(text, str),
        keep_default_na=False,
        na_values={name: [""] if name in text else list(MISSING) for name in types},
    )
    return frame.rename(columns={str(column.name): column.name for column in columns})


def _check_rows(path: Path) -> list[str]:
    """The first row of a CSV file whose rows are all of its length.

    Raises:
        InvalidInput: a row is shorter or longer, or there are no rows.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        first = next((row for row in reader if row), None)
        if first is None:
            raise InvalidInput("the file is empty")
        for row in reader:
            if row and len(row) != len(first):
                raise InvalidInput(
                    f"line {reader.line_num} has {len(row)} values, the first row {len(first)}"
                )
    return first


def _is_header(names: list[str], first: list[str]) -> bool:
    """Whether a row is a header: it has a column's name; all names if they look like numbers."""
    if any(name.replace(".", "", 1).isdigit() for name in names):
        return set(names) <= set(first)
    return bool(set(names) & set(first))


def enforce_types(columns: list[Column], frame: Any) -> Any:
    """A data frame with the signature's columns, in its order and of its types.

    Raises:
        InvalidInput: a required column is missing, or a value is not of its type.
    """
    import pandas as pd

    if not columns:
        return frame
    missing = [c.name for c in columns if c.required and c.name not in frame.columns]
    if missing:
        raise InvalidInput(f"missing columns: {', '.join(map(str, missing))}")
    present = [column for column in columns if column.name in frame.columns]
    result = frame[[column.name for column in present]].copy()
    for column in present:
        values, target = result[column.name], PANDAS_TYPES[column.type]
        if target == "object":
            continue
        try:
            if column.type == "datetime":
                result[column.name] = pd.to_datetime(values).astype(target)
                continue
            if column.type in NULLABLE:  # a fraction or a missing value is an error
                values = values.astype(NULLABLE[column.type])
            result[column.name] = values.astype(target)
        except (ValueError, TypeError, OverflowError):
            raise InvalidInput(
                f"column {column.name} has values that are not of type {column.type}"
            ) from None
    return result


def _lines(name: str, predictions: list[Any]) -> str:
    """The output lines of one file; most predictions are numbers, which need no quotes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if all(type(value) in SIMPLE for value in predictions):
        writer.writerow([name])
        end = f",{out.getvalue()}"
        return "".join([f"{index},{value}{end}" for index, value in enumerate(predictions)])
    writer.writerows([index, _cell(value), name] for index, value in enumerate(predictions))
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))  # a data frame with one column
    return json.dumps(value) if isinstance(value, (list, dict)) else value
