"""A release: its identity, which is written when it begins, and the whole record."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from nbrelease.errors import NotebookError
from nbrelease.records._model import Strict
from nbrelease.records.published import Published
from nbrelease.records.results import Masked, RunbookResult
from nbrelease.records.stages import Decision, Stage

SCHEMA_VERSION = "1.1"
IDENTITY = "record.json"

Kind = Literal["release", "monitor"]
ReleaseVerdict = Literal["open", "passed", "failed", "interrupted", "rejected", "rolled back"]
Language = Literal["en", "ja"]
ReasonCode = Literal[
    "rejected",
    "rolled back",
    "gave traffic back",
    "traffic left",
    "no traffic given",
    "gate",
    "runbook interrupted",
    "runbook failed",
    "stage cancelled",
    "stage failed",
    "stage rejected",
    "stage not approved",
    "killed",
    "killed before",
    "nothing run",
]


class Workspace(Strict):
    """The workspace of a release."""

    kind: Literal["local", "azure"]
    subscription_id: str
    resource_group: str
    workspace_name: str


class Source(Strict):
    """The commit of a release. ``commit`` and ``author`` are empty outside a repository."""

    commit: str
    branch: str
    dirty: bool
    author: str = ""


class ApprovalRules(Strict):
    """The approval settings when the release began.

    ``environments``: those that require an approval.
    """

    environments: list[str] = Field(default_factory=list)
    approver_is_not_author: bool = False


class Environment(Strict):
    """Python and packages of the machine that built the record."""

    python: str
    packages: dict[str, str]


class PackageChanges(Strict):
    """How the packages differ from those of the previous release into the same environment.

    ``of`` says whose packages are compared: the training job's, or the build machine's.
    ``parameters``: of the training job, those that changed, before and now; None is not set. None
    where the parameters of one of the jobs are unknown.
    """

    since: str
    of: Literal["job", "build"]
    added: dict[str, str] = Field(default_factory=dict)
    removed: dict[str, str] = Field(default_factory=dict)
    changed: dict[str, tuple[str, str]] = Field(default_factory=dict)
    parameters: dict[str, tuple[str | None, str | None]] | None = None


def release_prefix(env: str, model: str = "") -> str:
    """How release ids begin: the environment, and a further model of the project."""
    return f"{env}-{model}" if model else env


class Identity(Strict):
    """The identity, which is written when a release begins.

    ``environment`` and ``since_last`` are added when the pack is first built, and do not change
    when it is built again elsewhere. A release of kind ``monitor`` checks the live deployment.
    """

    schema_version: str = Field(default=SCHEMA_VERSION, description="version of this schema")
    release_id: str = Field(
        description="`<env>-<start>-<commit>`, or `<env>-<model>-<start>-<commit>`"
    )
    kind: Kind = Field(
        default="release", description="a release, or a monitor of the live deployment"
    )
    env: str = Field(description="environment, a section of settings.ini")
    settings_model: str = Field(
        default="",
        description="model of the release, a section [model:NAME] of settings.ini; empty: the "
        "model of [DEFAULT]",
    )
    started: datetime = Field(description="start of the release")
    actor: str = Field(
        description="user who started it: of the pipeline, else of git, else of the machine"
    )
    source: Source = Field(description="commit that was released")
    workspace: Workspace = Field(description="workspace of the environment")
    parameters: dict[str, Any] = Field(description="parameters of the runbooks from settings.ini")
    approval_rules: ApprovalRules = Field(
        default=ApprovalRules(), description="approval settings when the release began"
    )
    language: Language = Field(default="en", description="language of the pages")
    environment: Environment | None = Field(
        default=None, description="Python and packages of the machine that built the pack first"
    )
    since_last: PackageChanges | None = Field(
        default=None, description="changed packages since the previous release that passed"
    )
    masked: list[Masked] = Field(
        default_factory=list,
        description="masked secrets of the release, its code and its notebooks",
    )


class Tests(Strict):
    """The test cells of all runbooks; ``total`` includes those with the tag ``skip``."""

    __test__ = False  # not a test class of pytest

    total: int
    passed: int
    failed: int
    skipped: int = 0


class Because(Strict):
    """Why a release did not pass, as a code with names; ``reason`` has it as text."""

    code: ReasonCode
    about: dict[str, str] = Field(default_factory=dict)


class ReleaseRecord(Identity, Published):
    """The whole record of a release."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True
    )

    verdict: ReleaseVerdict = Field(
        description="the verdict, from decisions, rollout, runbooks and stages, in this order"
    )
    reason: str | None = Field(default=None, description="why it did not pass, as text")
    because: Because | None = Field(
        default=None, description="why it did not pass, as a code with names"
    )
    ended: datetime | None = Field(default=None, description="end of the last runbook")
    decisions: list[Decision] = Field(
        default_factory=list, description="decisions.json: approvals and rejections of the run"
    )
    decisions_unknown: str = Field(
        default="", description="outcome.json: why the decisions could not be read"
    )
    waiting_for: str = Field(
        default="", description="outcome.json: environment that needs an approval next"
    )
    tests: Tests = Field(description="number of test cells, over all runbooks")
    stages: list[Stage] = Field(
        description="outcome.json: stages of the pipeline with their runbooks"
    )
    runbooks: list[RunbookResult] = Field(description="results of the executed notebooks")
    sources: dict[str, str] = Field(
        default_factory=dict, description="page and cell of each published value"
    )
    code: dict[str, str] = Field(
        default_factory=dict, description="sha256 of each file under `code/`"
    )
    unreadable: list[str] = Field(
        default_factory=list, description="published values in another form than this schema's"
    )


def read_identity(folder: Path) -> Identity:
    """The identity of a release; a complete record has it too.

    Raises:
        NotebookError: record.json is not a release record.
    """
    path = folder / IDENTITY
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"{path}: not a release record: {error}") from None
    if not isinstance(content, dict):
        raise NotebookError(f"{path}: not a release record: not an object")
    known = {name: content[name] for name in Identity.model_fields if name in content}
    try:
        return Identity.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise NotebookError(f"{path}: not a release record: {where}: {first['msg']}") from None
