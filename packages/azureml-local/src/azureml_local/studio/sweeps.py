"""The data of the page of a sweep job: its objective, and its trials with the best one."""

from __future__ import annotations

from dataclasses import dataclass

from azureml_local.documents.jobs import JobResource
from azureml_local.jobs.sweep.runs import BEST_TRIAL
from azureml_local.jobs.sweep.sampling import Parameters
from azureml_local.jobs.sweep.trials import trial_number


@dataclass(frozen=True)
class Trial:
    """A trial with the values of its hyperparameters and its metric (None: not logged)."""

    job: JobResource
    parameters: Parameters
    metric: float | None
    is_best: bool


@dataclass(frozen=True)
class Sweep:
    """A sweep: its objective, the names of its hyperparameters, and its trials by number."""

    metric: str
    goal: str
    parameters: list[str]
    trials: list[Trial]
    tags: dict[str, str]
    """The tags without those of the trials."""


def sweep_of(job: JobResource, children: list[JobResource]) -> Sweep | None:
    """The sweep of a job; None for other jobs."""
    properties = job.body["properties"]
    if properties["jobType"] != "Sweep":
        return None
    best = (properties.get("properties") or {}).get(BEST_TRIAL)
    trials = [
        Trial(
            child, child.body["trial"]["parameters"], child.body["trial"].get("metric"),
            child.name == best,
        )
        for child in children
    ]  # fmt: skip
    objective, tags = properties["objective"], properties.get("tags") or {}
    return Sweep(
        objective["primaryMetric"],
        objective["goal"].lower(),
        list(properties["searchSpace"]),
        sorted(trials, key=lambda trial: trial_number(trial.job.name)),
        {key: value for key, value in tags.items() if not key.startswith(f"{job.name}_")},
    )
