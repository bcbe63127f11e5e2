"""The record of a release, as typed models.

The result of a runbook is in the metadata of its executed notebook (``nbrelease``), so the
notebooks alone are the evidence. The record is derived from them and from the identity, which is
written when the release begins.
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
    release_prefix,
)
from nbrelease.records.results import (
    CellError,
    CellResult,
    CellState,
    CheckResult,
    Masked,
    RunbookResult,
    RunbookVerdict,
    in_order_of_execution,
    merge_values,
    read_results,
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
    "in_order_of_execution",
    "merge_values",
    "read_decisions",
    "read_identity",
    "read_outcome",
    "read_results",
    "release_prefix",
    "result_of",
]
