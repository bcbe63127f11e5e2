"""The pipeline as it is run: stages, jobs and steps, typed, checked, in the order of the file."""

from pipelines_local.model.reader import read
from pipelines_local.model.types import (
    Condition,
    Job,
    Phase,
    Pipeline,
    PipelineResource,
    Stage,
    Step,
    Variable,
)

__all__ = [
    "Condition",
    "Job",
    "Phase",
    "Pipeline",
    "PipelineResource",
    "Stage",
    "Step",
    "Variable",
    "read",
]
