"""Scoring script.

Azure ML calls `init` once and `run` for each request of an online deployment. `nbrelease export`
writes `exported/score/main.py`, and `scoring_notebook = score` in `settings.ini` makes it the
scoring script. If `scoring_notebook` is empty, Azure ML serves the MLflow model with a script of
its own.

The data collector stores the rows and the predictions. The monitor and the comparison of mirrored
requests read them.

Written from notebooks/score.ipynb by nbrelease export; edit that, or this and run nbrelease sync.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import mlflow
import numpy as np
import pandas as pd
from mlflow.types import ColSpec, DataType, Schema

__all__ = [
    "COLLECTIONS",
    "NUMBERS",
    "STATE",
    "InvalidRequest",
    "convert",
    "init",
    "load_model",
    "main",
    "predict",
    "read_dates",
    "read_rows",
    "read_values",
    "run",
    "to_json",
    "to_table",
]


# %% notebooks/score.ipynb #init
NUMBERS = (DataType.integer, DataType.long, DataType.float, DataType.double)
COLLECTIONS = ("model_inputs", "model_outputs")
STATE: dict[str, Any] = {}


class InvalidRequest(Exception):
    """The request does not match the model's signature."""


def load_model(folder: str) -> Any:
    """Load the MLflow model in a folder or below it."""
    files = Path(folder).rglob("MLmodel")
    return mlflow.pyfunc.load_model(str(min(files, key=lambda path: len(path.parts)).parent))


def init() -> None:
    """Load the model, and prepare to collect rows and predictions."""
    from azureml.ai.monitoring import Collector  # only the deployment's environment has it

    STATE["model"] = load_model(os.environ["AZUREML_MODEL_DIR"])
    for name in COLLECTIONS:
        # An error of the data collector is in the deployment's log; the request is answered.
        STATE[name] = Collector(name=name, on_error=print)


# %% notebooks/score.ipynb #read
def read_rows(body: dict[str, Any]) -> pd.DataFrame:
    """The rows of a request as they were sent.

    Args:
        body: has ``input_data``: ``columns``, ``data`` and maybe ``index``; for a tensor a list.
    """
    table = body["input_data"]
    if isinstance(table, list):
        return pd.DataFrame({"value": table})
    rows = pd.DataFrame(table["data"], columns=table["columns"])
    return rows.set_axis(table["index"]) if "index" in table else rows


def convert(rows: pd.DataFrame, schema: Schema | None) -> Any:
    """Rows with the types of the model's signature: a data frame, or an array for a tensor."""
    if schema is None:
        return rows
    if schema.is_tensor_spec():
        table = rows["value"] if list(rows) == ["value"] else rows
        return np.asarray(table.to_numpy().tolist(), dtype=schema.inputs[0].type)
    columns = [column for column in schema.inputs if column.name in rows]
    numbers = {each.name: each.type.to_pandas() for each in columns if each.type in NUMBERS}
    others = {each.name: read_values(rows[each.name], each) for each in columns}
    return rows.assign(**others).astype(numbers)


def read_values(values: pd.Series, column: ColSpec) -> pd.Series:
    """Dates, strings and booleans as the model gets them; other values are unchanged.

    Raises:
        InvalidRequest: a boolean column has other values.
    """
    if column.type is DataType.datetime:
        return read_dates(values)
    if column.type is DataType.string:  # numbers stay numbers, as without a scoring script
        return values.astype(object).where(values.notna(), np.nan)
    if column.type is DataType.boolean:
        kind = pd.api.types.infer_dtype(values, skipna=not column.required)
        if kind not in ("boolean", "empty"):
            raise InvalidRequest(f"column {column.name}: must be true or false")
    return values


def read_dates(values: pd.Series) -> pd.Series:
    """Dates in ISO 8601; those without a time zone are UTC."""
    texts = values.astype("string")  # a number would be nanoseconds since 1970
    return pd.to_datetime(texts, format="ISO8601", utc=True).dt.tz_localize(None)


# %% notebooks/score.ipynb #predict
def predict(model: Any, body: dict[str, Any]) -> tuple[pd.DataFrame, Any]:
    """The rows of a request, and the model's predictions.

    Args:
        model: loaded by ``mlflow.pyfunc``.
        body: has ``input_data``, and maybe ``params`` for the model: ``{"quantile": 0.9}``.

    Raises:
        InvalidRequest: the body does not match the model's signature.
    """
    try:
        rows = read_rows(body)
        data = convert(rows, model.metadata.get_input_schema())
        params = body.get("params")
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InvalidRequest(f"{type(error).__name__}: {error}") from error
    try:
        return rows, model.predict(data, params=params)
    except mlflow.MlflowException as error:
        if error.error_code not in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE"):
            raise
        raise InvalidRequest(error.message) from error


def to_json(predictions: Any) -> Any:
    """Predictions as JSON values: a list, or a record for each row of a data frame."""
    if isinstance(predictions, pd.DataFrame | pd.Series):
        return pd.DataFrame(predictions).to_dict(orient="records")
    return predictions.tolist() if isinstance(predictions, np.ndarray) else predictions


def to_table(predictions: Any) -> pd.DataFrame:
    """Predictions as they are collected: the model's data frame, or the column ``prediction``."""
    if isinstance(predictions, pd.DataFrame | dict):
        return pd.DataFrame(predictions)
    return pd.DataFrame({"prediction": list(predictions)})


def run(raw_data: str, request_headers: dict[str, str]) -> Any:
    """Answer a request with the predictions; an invalid request gets the status 400."""
    from azureml.ai.monitoring.context import BasicCorrelationContext
    from azureml_inference_server_http.api.aml_response import AMLResponse

    try:
        rows, predictions = predict(STATE["model"], json.loads(raw_data))
    except (InvalidRequest, json.JSONDecodeError) as error:
        return AMLResponse({"message": str(error)}, 400, json_str=True)
    # Labels that arrive later have this id, which the caller gets as a header of the answer.
    names = ("X-Ms-Request-Id", "X-Ms-Client-Request-Id", "X-Request-Id")
    request_id = next(filter(None, map(request_headers.get, names)), None)
    context = BasicCorrelationContext(id=request_id)
    for name, table in zip(COLLECTIONS, (rows, to_table(predictions)), strict=True):
        STATE[name].collect(table, context)
    return to_json(predictions)


# %% main
def main(
    *,
    model_folder: str = "",
) -> None:
    """Run the cells tagged main, in the notebook's order.

    Args:
        model_folder: folder with an MLflow model, to try the script in this notebook.
    """
    # %% notebooks/score.ipynb #try-it
    if model_folder:
        print(load_model(model_folder).metadata.signature)


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
    parser.add_argument(
        "--model_folder",
        metavar="TEXT",
        default="",
        help="folder with an MLflow model, to try the script in this notebook",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(**vars(_arguments()))
