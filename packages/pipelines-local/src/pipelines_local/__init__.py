"""Run Azure Pipelines YAML on this machine.

``run_pipeline`` expands a pipeline, reports what is wrong or not supported, and runs its stages,
jobs and steps with the conditions, variables, artifacts and results of Azure Pipelines.
"""

from pipelines_local.approvals import (
    ApprovalRequest,
    Approver,
    Decision,
    PresetApprovals,
    parse_flag,
)
from pipelines_local.console import console_listener
from pipelines_local.engine import resume_pipeline, run_pipeline
from pipelines_local.errors import (
    Diagnostic,
    EvaluationError,
    ExpressionError,
    InvalidPipeline,
    ParseError,
    PipelinesError,
    Position,
    UsageError,
)
from pipelines_local.events import Event, Listener
from pipelines_local.prompt import Prompt
from pipelines_local.results import (
    ApprovalRecord,
    JobResult,
    Result,
    RunResult,
    StageResult,
    StepResult,
)
from pipelines_local.run.folders import list_ended_runs

__all__ = [
    "ApprovalRecord",
    "ApprovalRequest",
    "Approver",
    "Decision",
    "Diagnostic",
    "EvaluationError",
    "Event",
    "ExpressionError",
    "InvalidPipeline",
    "JobResult",
    "Listener",
    "ParseError",
    "PipelinesError",
    "Position",
    "PresetApprovals",
    "Prompt",
    "Result",
    "RunResult",
    "StageResult",
    "StepResult",
    "UsageError",
    "console_listener",
    "list_ended_runs",
    "parse_flag",
    "resume_pipeline",
    "run_pipeline",
]
