"""Azure Pipelines YAML on this machine.

``run_pipeline`` expands a pipeline, refuses what it cannot do truthfully, and runs the rest: its
stages, jobs and steps with the conditions, variables, artifacts and results of Azure Pipelines.
"""

from pipelines_local.approvals import Approver, Decision, Given, Request, parse_flag
from pipelines_local.console import console_listener
from pipelines_local.engine import resume_pipeline, run_pipeline
from pipelines_local.errors import (
    EvaluationError,
    ExpressionError,
    ParseError,
    PipelinesError,
    Position,
    Refused,
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

__all__ = [
    "ApprovalRecord",
    "Approver",
    "Decision",
    "EvaluationError",
    "Event",
    "ExpressionError",
    "Given",
    "JobResult",
    "Listener",
    "ParseError",
    "PipelinesError",
    "Position",
    "Prompt",
    "Refused",
    "Request",
    "Result",
    "RunResult",
    "StageResult",
    "StepResult",
    "UsageError",
    "console_listener",
    "parse_flag",
    "resume_pipeline",
    "run_pipeline",
]
