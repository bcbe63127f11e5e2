"""Requests and files for a model's endpoints, made from its signature and its held-out rows.

A project with another form of request or answer, as its own scoring script may have, defines
functions in ``runbooks/assets/payload.py``: ``request(rows, parameters)``, ``answer(body)`` and
``invalid(rows)``.
"""

from __future__ import annotations

import base64
import csv
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nbrelease.errors import SettingsError
from nbrelease.quality.signature import INTEGERS, NUMBERS, Column, Signature

if TYPE_CHECKING:
    import pandas as pd

HOOKS = "payload.py"
MODULE = "nbrelease_project_payload"
"""The name of the module: ``payload`` may be a package of the project."""
ANSWER_KEYS = ("predictions", "prediction", "result", "results", "output", "outputs")
FEW = 20


@dataclass(frozen=True)
class BatchFile:
    """A file to score; ``rows`` are the positions of its rows among the held-out rows.

    ``changed``: the positions in the file whose prediction may differ from the job's.
    """

    text: str
    rows: Sequence[int]
    changed: frozenset[int] = frozenset()


class Payload:
    """Makes requests to a model's deployments, and reads the predictions in their answers."""

    def __init__(self, signature: Signature, hooks: ModuleType | None = None) -> None:
        self.signature = signature
        self._hooks = hooks

    @classmethod
    def load(cls, model_folder: Path, assets: Path) -> Payload:
        """Read the signature of a model, and ``payload.py`` of the runbooks' assets if it exists.

        Raises:
            SettingsError: no signature, or ``payload.py`` has none of the functions.
        """
        signature = Signature.read(model_folder)
        file = assets / HOOKS
        if not file.is_file():
            return cls(signature)
        spec = importlib.util.spec_from_file_location(MODULE, file)
        if spec is None or spec.loader is None:
            raise SettingsError(f"{file}: not a Python file")
        hooks = importlib.util.module_from_spec(spec)
        sys.modules[MODULE] = hooks  # dataclasses and pickle look up a class's module by its name
        spec.loader.exec_module(hooks)
        if not any(hasattr(hooks, name) for name in ("request", "answer", "invalid")):
            raise SettingsError(
                f"{file}: define request(rows, parameters), answer(body) or invalid(rows)"
            )
        return cls(signature, hooks)

    def request(self, rows: pd.DataFrame) -> Any:
        """The JSON body of a request for rows; without a hook as Azure's MLflow server takes it."""
        if request := getattr(self._hooks, "request", None):
            return request(rows, dict(self.signature.parameters))
        if not self.signature.columns:
            return {"input_data": _json_rows(rows)["data"]}
        return {"input_data": _json_rows(self.signature.features(rows))}

    def answer(self, body: Any) -> list[Any]:
        """The predictions in the JSON body of an answer, one for each row.

        Raises:
            ValueError: the body has no list that could be the predictions.
        """
        if answer := getattr(self._hooks, "answer", None):
            return list(answer(body))
        if isinstance(body, str):  # a scoring script that returns json.dumps(...)
            body = json.loads(body)
        if isinstance(body, dict):
            lists = {key: value for key, value in body.items() if isinstance(value, list)}
            keys = [key for key in ANSWER_KEYS if key in lists] or list(lists)
            if len(keys) != 1 and not (keys and keys[0] in ANSWER_KEYS):
                raise ValueError(
                    f"the answer has the keys {', '.join(body)}: define answer(body) in "
                    f"runbooks/assets/{HOOKS}"
                )
            body = lists[keys[0]]
        if not isinstance(body, list):
            raise ValueError(  # noqa: TRY004 -- the content is wrong, as with other keys
                f"the answer is no list: define answer(body) in runbooks/assets/{HOOKS}"
            )
        return [_read_record(each) for each in body]

    def invalid_requests(self, rows: pd.DataFrame) -> dict[str, Any]:
        """Bodies that a deployment has to reject, by what is wrong with them.

        They were checked with Azure's server. It accepts 7 or a list for text, any value for a
        boolean and unknown parameters, so that none of these is here. Bytes are sent as they are.
        """
        if invalid := getattr(self._hooks, "invalid", None):
            return dict(invalid(rows))
        bodies: dict[str, Any] = {"not JSON": b'{"input_data": '}
        if hasattr(self._hooks, "request"):
            return {**bodies, "an empty object": {}}
        bodies["no input_data"] = {"rows": []}
        return bodies | (
            self._invalid_tables(rows) if self.signature.columns else self._invalid_tensors(rows)
        )

    def _invalid_tables(self, rows: pd.DataFrame) -> dict[str, Any]:
        features = self.signature.features(rows)
        wide = _json_rows(features.head(1))
        wide["data"][0].append(1)
        bodies = {"a value too many": {"input_data": wide}}
        required = [each for each in self.signature.columns if each.required]
        if required:
            short = features.drop(columns=required[0].name)
            bodies["a column missing"] = {"input_data": _json_rows(short)}
        for each in self.signature.columns:
            for name, value in _wrong_values(each):
                if name not in bodies and each.name in features:
                    body = _json_rows(features.head(1))
                    body["data"][0][list(features.columns).index(each.name)] = value
                    bodies[name] = {"input_data": body}
        numbers = (k for k, v in self.signature.parameters.items() if type(v) in (int, float))
        if (number := next(numbers, None)) is not None:
            table = _json_rows(features.head(1))
            bodies["text for a parameter"] = {"input_data": table, "params": {number: "many"}}
        return bodies

    def _invalid_tensors(self, rows: pd.DataFrame) -> dict[str, Any]:
        [row] = _json_rows(rows.head(1))["data"]
        return {
            "another shape": {"input_data": [[*row, row[-1]]]},
            "text for a number": {"input_data": [["many" for _ in row]]},
        }

    def valid_files(self, rows: pd.DataFrame) -> dict[str, BatchFile]:
        """CSV files that a batch deployment has to score: the rows, and other forms of some."""
        files = {
            "rows.csv": _batch_file(rows, range(len(rows))),
            "one-row.csv": _batch_file(rows, range(1)),
        }
        if self.signature.columns:
            few = range(min(FEW, len(rows)))
            files["reordered.csv"] = _batch_file(rows[rows.columns[::-1]], few)
            files["extra-column.csv"] = _batch_file(rows.assign(Remark="x"), few)
        return files

    def invalid_files(self, rows: pd.DataFrame) -> dict[str, BatchFile]:
        """CSV files that a batch deployment has to score correctly, or to fail on with an error."""
        features = self.signature.features(rows)
        few = range(min(FEW, len(features)))
        files = {"empty.csv": BatchFile("", ())}
        numbers = [each for each in self.signature.columns if each.type in NUMBERS]
        if self.signature.columns:
            files["no-header.csv"] = _batch_file(features, few, header=False)
        if numbers and len(few) > 1:
            row = min(3, len(few) - 1)
            missing = features.convert_dtypes()  # integers stay integers beside a missing value
            missing.iloc[row, list(features.columns).index(numbers[0].name)] = None
            files["missing-value.csv"] = _batch_file(missing, few, changed={row})
        return files


def read_batch_output(folder: Path, like: Sequence[Any]) -> dict[str, list[Any]]:
    """The predictions of a batch job, by the name of the file that they are for.

    Args:
        folder: of the downloaded output, with ``predictions.csv`` (row, prediction, file).
        like: predictions of the type to read: text in a CSV file has no type.
    """
    file = next(iter(sorted(folder.rglob("predictions.csv"))))
    parse = _reader(like)
    answers: dict[str, list[tuple[int, Any]]] = {}
    with file.open(newline="", encoding="utf-8") as stream:
        for row, prediction, name in csv.reader(stream):
            answers.setdefault(Path(name).name, []).append((int(row), parse(prediction)))
    return {
        name: [prediction for _, prediction in sorted(rows, key=lambda pair: pair[0])]
        for name, rows in answers.items()
    }


def _reader(like: Sequence[Any]) -> Callable[[str], Any]:
    """Reads a text as the type of the given predictions."""
    first = like[0] if like else ""
    if isinstance(first, bool):
        return lambda text: {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(first, int | float):
        kind = type(first)

        def read(text: str) -> Any:
            try:
                return kind(text)
            except ValueError:
                return text

        return read
    return str if isinstance(first, str) else json.loads


def _wrong_values(column: Column) -> Iterator[tuple[str, Any]]:
    """Values that are not of the column's type, and what they are."""
    from nbrelease.quality.columns import KINDS

    if column.type in NUMBERS:
        yield "text for a number", KINDS["numeric"].invalid_value
    if column.type in INTEGERS:
        yield "no value for a whole number", None
    if column.type == "datetime":
        yield "text for a date", KINDS["date"].invalid_value


def _read_record(value: Any) -> Any:
    """A row of an answer that is a table: its column ``prediction``, or its only column."""
    if not isinstance(value, dict):
        return value
    if "prediction" in value:
        return value["prediction"]
    if len(value) == 1:
        return next(iter(value.values()))
    raise ValueError(
        f"a row of the answer has the columns {', '.join(value)}: name one of them prediction, or "
        f"define answer(body) in runbooks/assets/{HOOKS}"
    )


def _json_rows(rows: pd.DataFrame) -> dict[str, Any]:
    """Rows in pandas' split form, with values that JSON has."""
    values = rows.astype(object).where(rows.notna(), None)
    return {
        "columns": [str(name) for name in rows.columns],
        "index": list(range(len(rows))),
        "data": [[_json_value(value) for value in row] for row in values.to_numpy().tolist()],
    }


def _json_value(value: Any) -> Any:
    if hasattr(value, "isoformat") or isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.tolist() if hasattr(value, "tolist") else value


def _batch_file(
    rows: pd.DataFrame, positions: range, *, header: bool = True, changed: set[int] | None = None
) -> BatchFile:
    text = rows.iloc[list(positions)].to_csv(index=False, header=header)
    return BatchFile(text, positions, frozenset(changed or ()))
