"""What is known of a release, as typed models.

A runbook's result stands in the executed notebook's own metadata (``nbrelease``), so that the
notebooks alone are the evidence; the record is made from them and from the identity that was
written when the release began.
"""

from __future__ import annotations

from nbrelease.records.published import BatchEndpoint, Data, Endpoints, Model, OnlineEndpoint
from nbrelease.records.release import (
    IDENTITY,
    SCHEMA_VERSION,
    ApprovalRules,
    Because,
    Environment,
    Identity,
    Kind,
    Language,
    PackageChanges,
    ReasonCode,
    ReleaseRecord,
    ReleaseVerdict,
    Source,
    Tests,
    Workspace,
    read_identity,
)
from nbrelease.records.results import (
    CellError,
    CellResult,
    CellState,
    CheckResult,
    Masked,
    RunbookResult,
    RunbookVerdict,
    executed,
    in_order_of_execution,
    merge_values,
    result_of,
)
from nbrelease.records.stages import (
    DECISIONS,
    OUTCOME,
    Decision,
    Outcome,
    Stage,
    StageOutcome,
    StageResult,
    read_decisions,
    read_outcome,
)

__all__ = [
    "DECISIONS",
    "IDENTITY",
    "OUTCOME",
    "SCHEMA_VERSION",
    "ApprovalRules",
    "BatchEndpoint",
    "Because",
    "CellError",
    "CellResult",
    "CellState",
    "CheckResult",
    "Data",
    "Decision",
    "Endpoints",
    "Environment",
    "Identity",
    "Kind",
    "Language",
    "Masked",
    "Model",
    "OnlineEndpoint",
    "Outcome",
    "PackageChanges",
    "ReasonCode",
    "ReleaseRecord",
    "ReleaseVerdict",
    "RunbookResult",
    "RunbookVerdict",
    "Source",
    "Stage",
    "StageOutcome",
    "StageResult",
    "Tests",
    "Workspace",
    "executed",
    "in_order_of_execution",
    "merge_values",
    "read_decisions",
    "read_identity",
    "read_outcome",
    "result_of",
]
