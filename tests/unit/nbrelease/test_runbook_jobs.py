"""Which jobs the runbooks start, and which one they take."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from runbook_cells import RUNBOOKS, run_cell


def test_the_predict_job_of_the_champion_is_in_an_experiment_of_its_own(tmp_path):
    submitted: dict[str, Any] = {}

    def load_job(asset: str, params_override: list[dict[str, Any]]) -> SimpleNamespace:
        assert (RUNBOOKS / asset).is_file()
        for each in params_override:
            submitted.update(each)
        return SimpleNamespace(name="predict-1")

    def download(name: str, download_path: Path) -> None:
        (download_path / "evaluation").mkdir(parents=True)
        (download_path / "evaluation" / "evaluation.json").write_text("{}")

    jobs = SimpleNamespace(
        create_or_update=lambda job: job, stream=lambda name: None, download=download
    )
    names = run_cell(
        "02_train", "champion-predictions",
        ml_client=SimpleNamespace(jobs=jobs), load_job=load_job, folder=tmp_path,
        champion=SimpleNamespace(name="m", version="7", tags={"environment": "train:2"}),
        same_environment=False, environment="train:3", compute="cpu", release_id="dev-1",
        experiment_name="rentals-train", job_settings=None, write_job_code=lambda settings: "code",
        results=SimpleNamespace(evaluation=tmp_path),
        TrainingResults=lambda folder: SimpleNamespace(evaluation=folder / "evaluation"),
    )  # fmt: skip
    assert submitted["experiment_name"] != "rentals-train"
    assert submitted["environment"] == "azureml:train:2"
    assert submitted["inputs.model.path"] == "azureml:m:7"
    assert names["champion_folder"] == tmp_path / "champion" / "evaluation"


def test_a_job_without_measurements_is_one_line(tmp_path):
    job = SimpleNamespace(
        name="job-1",
        experiment_name="rentals-train",
        status="Completed",
        creation_context=SimpleNamespace(created_at=1),
    )
    jobs = SimpleNamespace(list=lambda: [job], download=lambda name, download_path: None)
    with pytest.raises(ValueError, match=r"job-1 .*measured\.json.*-p job_name=NAME"):
        run_cell(
            "03_register", "gate",
            ml_client=SimpleNamespace(jobs=jobs), job_name="", experiment_name="rentals-train",
            comparison={}, fairness=None, data_profile={},
        )  # fmt: skip
