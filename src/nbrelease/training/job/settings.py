"""The settings of the job: ``evaluation_settings.json`` beside ``main.py``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

SETTINGS = "evaluation_settings.json"
CLASSIFICATION = ("binary", "multiclass")


class EvaluationError(Exception):
    """The training notebook or the settings have to change; the message is one line."""


@dataclass(frozen=True)
class Settings:
    """The values of ``evaluation_settings.json``.

    ``metric``: the main metric, a scorer name of scikit-learn without ``neg_`` or a function of
    ``main.py``. ``own_metrics``: the direction, ``higher`` or ``lower``, of each such function.
    """

    task: str
    label_column: str
    positive_class: str = ""
    metric: str = ""
    own_metrics: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Settings:
        """Read them from the job's code folder."""
        return cls(**json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
