"""MLflow models served without code, as Azure ML's own scoring script for them does it.

``{"input_data": …}`` with rows, or with columns and data, in; a JSON list of predictions out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from azureml_local.online.swagger import Schemas, render_document
from azureml_local.scoring.frames import ScoringRequest, ScoringResponse
from azureml_local.scoring.model import InvalidInput, ScoringModel

TYPES = {
    "double": {"type": "number", "format": "double"},
    "float": {"type": "number", "format": "float"},
    "long": {"type": "integer", "format": "int64"},
    "integer": {"type": "integer", "format": "int32"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
}


class NoCode:
    """An MLflow model that answers requests."""

    def __init__(self, folder: Path, name: str) -> None:
        """Load the model.

        Args:
            folder: what was registered; MLmodel lies in it or below.
            name: of the endpoint, for the swagger document.
        """
        self._model = ScoringModel(folder)
        self._name = name
        names = ", ".join(self._model.names) or "what it is given"
        print(f"model loaded; it takes {names}", flush=True)

    def answer(self, asked: ScoringRequest) -> ScoringResponse:
        """Predictions for the rows of a request, or why there are none."""
        if asked.path == "/swagger.json":
            return render_document(self._name, self._shapes(), asked.query)
        if asked.method != "POST":
            return ScoringResponse.json({"message": "Method not allowed"}, 405)
        try:
            columns, rows = rows_of(json.loads(asked.body))
            return ScoringResponse.json(self._model.predict_rows(columns, rows) if rows else [])
        except (InvalidInput, ValueError) as error:
            return _refused(400, error)
        except Exception as error:  # noqa: BLE001 - whatever a model raises is its answer
            import traceback

            traceback.print_exc()
            return _refused(500, error)

    def _shapes(self) -> Schemas:
        columns = {column.name: TYPES.get(column.type, {}) for column in self._model.columns}
        row: dict[str, Any] = {"type": "object", "properties": columns}
        data = {
            "columns": {"type": "array", "items": {"type": "string"}, "example": list(columns)},
            "index": {"type": "array", "items": {"type": "integer"}},
            "data": {"type": "array", "items": {"type": "array", "items": {}}},
        }
        split = {"type": "object", "required": ["columns", "data"], "properties": data}
        asked = {"type": "object", "required": ["input_data"], "properties": {"input_data": split}}
        if columns:
            asked["x-row"] = row
        return Schemas(asked, {"type": "array", "items": {}})


def rows_of(body: Any) -> tuple[list[str] | None, list[list[Any]]]:
    """The columns, where they are given, and the rows of a payload.

    Raises:
        InvalidInput: it is not in one of the two forms.
    """
    if not isinstance(body, dict) or "input_data" not in body:
        raise InvalidInput('the payload has no "input_data"')
    given = body["input_data"]
    columns = None
    if isinstance(given, dict):
        columns, given = given.get("columns"), given.get("data")
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise InvalidInput('"input_data" has no list "columns" of names')
    if not isinstance(given, list) or not all(isinstance(row, list) for row in given):
        raise InvalidInput('"input_data" holds no list of rows')
    return columns, given


def _refused(status: int, error: Exception) -> ScoringResponse:
    message = " ".join(str(error).split())
    print(f"{status}: {message}", flush=True)
    code = "BadRequest" if status == 400 else "ModelError"
    return ScoringResponse.json({"error": {"code": code, "message": message}}, status)
