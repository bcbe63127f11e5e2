"""Typed model of an expanded pipeline: stages, jobs and steps in the order of the file."""

from pipelines_local.model.reader import read_pipeline
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
    "read_pipeline",
]
