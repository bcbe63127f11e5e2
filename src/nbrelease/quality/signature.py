"""The signature of an MLflow model, read without importing MLflow, which takes seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbrelease.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

INTEGERS = ("integer", "long")
NUMBERS = (*INTEGERS, "float", "double")


@dataclass(frozen=True)
class Column:
    """A column of a signature; ``type`` is MLflow's name: ``double``, ``string``, ``boolean``..."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True)
class Signature:
    """What a model accepts. A model of tensors has no columns."""

    columns: tuple[Column, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Signature:
        """Read it from the ``MLmodel`` in a folder or below; no model is loaded.

        Raises:
            SettingsError: there is no model, or it has no signature.
        """
        from ruamel.yaml import YAML

        file = next(iter(sorted(folder.rglob("MLmodel"))), None)
        if file is None:
            raise SettingsError(
                f"no file MLmodel in {folder}: log the model with mlflow as the artifact `model`"
            )
        signature = YAML(typ="safe").load(file.read_text(encoding="utf-8")).get("signature")
        if not signature or not signature.get("inputs"):
            raise SettingsError("the model has no signature: save it with signature=...")
        inputs = json.loads(signature["inputs"])
        columns = tuple(
            Column(str(each["name"]), str(each["type"]), bool(each.get("required", True)))
            for each in inputs
            if "name" in each
        )
        parameters = json.loads(signature.get("params") or "[]")
        return cls(columns, {str(each["name"]): each.get("default") for each in parameters})

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]

    @property
    def text_columns(self) -> set[str]:
        """The columns whose values are text, as codes with leading zeros are."""
        return {column.name for column in self.columns if column.type == "string"}

    def features(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The model's columns of held-out rows; optional ones may be missing."""
        if not self.columns:
            return rows
        return rows[[each.name for each in self.columns if each.required or each.name in rows]]
