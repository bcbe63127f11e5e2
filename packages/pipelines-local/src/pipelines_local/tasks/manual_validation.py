"""ManualValidation@0 and @1: a decision that was made before the server job started."""

from __future__ import annotations

from pipelines_local.tasks.context import TaskContext, TaskFailed


def validate_manually(context: TaskContext) -> None:
    """Succeed if the validation was approved, fail if it was rejected.

    Raises:
        TaskFailed: it was rejected.
    """
    decision = context.validation
    if decision is None or decision.verdict == "reject":
        by = f" by {decision.name}" if decision and decision.name else ""
        comment = f": {decision.comment}" if decision and decision.comment else ""
        raise TaskFailed("rejected-validation", f"Manual validation was rejected{by}{comment}")
    comment = f": {decision.comment}" if decision.comment else ""
    context.log(f"Manual validation was approved by {decision.name or 'default'}{comment}")
