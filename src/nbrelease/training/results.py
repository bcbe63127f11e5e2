"""The results of a training job, read on the release agent without loading the model."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbrelease.errors import SettingsError
from nbrelease.quality.signature import Signature

if TYPE_CHECKING:
    import pandas as pd

    from nbrelease.quality.predictions import Evaluation


class TrainingResults:
    """The artifacts of a training job, in the folder that the SDK downloaded them to."""

    def __init__(self, downloaded: Path) -> None:
        """Find them.

        Raises:
            SettingsError: the job did not write an evaluation.
        """
        file = next(iter(sorted(downloaded.rglob("evaluation/evaluation.json"))), None)
        if file is None:
            raise SettingsError(
                "the job did not write evaluation/evaluation.json: it was not run by 02_train of "
                "this version; run 02_train again"
            )
        self.evaluation = file.parent
        self.model = file.parents[1] / "model"

    @cached_property
    def facts(self) -> Evaluation:
        """The content of ``evaluation.json``."""
        from nbrelease.quality.predictions import read_evaluation

        return read_evaluation(self.evaluation)

    @cached_property
    def signature(self) -> Signature:
        """What the model accepts."""
        return Signature.read(self.model)

    @cached_property
    def held_out(self) -> pd.DataFrame:
        """The held-out rows, with the label and all columns that the job stored."""
        from nbrelease.training.job.rows import read_held_out

        rows = read_held_out(self.evaluation, self.signature.text_columns)
        if rows is None:
            raise SettingsError("the job did not write evaluation/held_out.parquet or held_out.csv")
        return rows

    @property
    def features(self) -> pd.DataFrame:
        """The held-out rows with the columns of the model's signature; never the label."""
        rows = self.held_out.drop(columns=self.facts.label, errors="ignore")
        return self.signature.features(rows)

    @cached_property
    def answers(self) -> list[Any]:
        """What the model's endpoints have to answer for the held-out rows."""
        import pandas as pd

        table = pd.read_parquet(self.evaluation / "predictions.parquet")
        values: list[Any] = table["answer" if "answer" in table else "prediction"].tolist()
        return values
