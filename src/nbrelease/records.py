"""What is known of a release, as typed models.

A runbook's result stands in the executed notebook's own metadata (``nbrelease``), so that the
notebooks alone are the evidence; the record is made from them and from the identity that was
written when the release began.
"""

from __future__ import annotations

import json
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nbrelease.errors import NotebookError
from nbrelease.published import Published

SCHEMA_VERSION = "1.0"
IDENTITY = "record.json"
DECISIONS = "decisions.json"
OUTCOME = "outcome.json"

CellState = Literal["passed", "failed", "skipped", "not run", "check failed"]
RunbookVerdict = Literal["passed", "failed", "check failed", "not run"]
# Azure Pipelines' own words; Rejected is pipelines-local's for a stage that an approver refused.
StageResult = Literal[
    "Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Rejected"
]
ReleaseVerdict = Literal["open", "passed", "failed", "interrupted", "rejected", "rolled back"]
Language = Literal["en", "ja"]
ReasonCode = Literal[
    "rejected",
    "rolled back",
    "gave traffic back",
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


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class CellError(_Model):
    """What a cell raised."""

    ename: str
    evalue: str

    @property
    def line(self) -> str:
        """The error in one line. The Azure SDK's job errors carry a JSON document: its message."""
        start = self.evalue.find("{")
        if start >= 0:
            try:
                message = json.loads(self.evalue[start:])["error"]["message"]
            except (ValueError, KeyError, TypeError):
                pass  # braces of another kind: shown as they are
            else:
                return f"{self.ename}: {_line(message)}"
        return f"{self.ename}: {_line(self.evalue)}"


class CheckResult(_Model):
    """A cell's output held against its reference; the texts are there where they differ."""

    passed: bool
    expected: str | None = None
    found: str | None = None


class CellResult(_Model):
    """One code cell of an executed runbook. ``seconds`` is None where it did not run."""

    id: str
    index: int
    tags: list[str] = Field(default_factory=list)
    state: CellState
    seconds: float | None = None
    error: CellError | None = None
    check: CheckResult | None = None

    @property
    def is_test(self) -> bool:
        """Whether the cell can say no on its own: a test, or a compared output."""
        return "test" in self.tags or self.check is not None


class Masked(_Model):
    """Secrets that were hidden before a file of the pack was written.

    ``part`` says which text of the file or the cell held them, ``what`` what they looked like.
    """

    file: str
    cell: str = ""
    part: str
    what: str
    times: int


class RunbookResult(_Model):
    """One execution of a runbook. ``ended`` is None while it runs, and for ever when it is killed.

    ``reason`` tells what ended it from outside: a dead kernel, a timeout.
    """

    name: str
    source: str
    source_sha256: str
    env: str
    release_id: str
    parameters: dict[str, Any]
    started: datetime
    ended: datetime | None = None
    seconds: float | None = None
    verdict: RunbookVerdict = "not run"
    reason: str | None = None
    stage: str = ""
    job: str = ""
    cells: list[CellResult] = Field(default_factory=list)
    values: dict[str, Any] = Field(default_factory=dict)
    masked: list[Masked] = Field(default_factory=list)

    @property
    def why(self) -> str:
        """One line that says why the runbook is not green; empty where it is."""
        if self.reason:
            return self.reason
        for cell in self.cells:
            if cell.state == "failed" and cell.error is not None:
                return f"cell {cell.id}: {cell.error.line}"
            if cell.check is not None and not cell.check.passed:
                expected, found = (_line(cell.check.expected), _line(cell.check.found))
                return f"cell {cell.id}: expected «{expected}», found «{found}»"
            if cell.state == "not run":
                return f"cell {cell.id} was not run"
        return "" if self.verdict == "passed" else "no cell was run"


def _line(text: str | None) -> str:
    """A text of any length in one line that can be read."""
    return textwrap.shorten(text or "", 300, placeholder=" …")


class Workspace(_Model):
    """Where a release went."""

    kind: Literal["local", "azure"]
    subscription_id: str
    resource_group: str
    workspace_name: str


class Source(_Model):
    """What was released from. ``commit`` is empty outside a repository, as is its ``author``."""

    commit: str
    branch: str
    dirty: bool
    author: str = ""


class ApprovalRules(_Model):
    """What the settings asked of approvals when the release began.

    ``environments``: those that nothing goes to without somebody's yes.
    """

    environments: list[str] = Field(default_factory=list)
    approver_is_not_author: bool = False


class Environment(_Model):
    """What the release was run with, on the machine that built the record."""

    python: str
    packages: dict[str, str]


class PackageChanges(_Model):
    """How the packages differ from those of the last release into the same environment.

    ``of`` says whose packages are compared: the training job's, or the build machine's.
    """

    since: str
    of: Literal["job", "build"]
    added: dict[str, str] = Field(default_factory=dict)
    removed: dict[str, str] = Field(default_factory=dict)
    changed: dict[str, tuple[str, str]] = Field(default_factory=dict)


Kind = Literal["release", "monitor"]


class Identity(_Model):
    """What is known when a release begins.

    ``environment`` and ``since_last`` join it when the pack is first built, and stay as they are:
    a pack that is built again elsewhere says the same. ``kind`` tells a release from a look at
    what is live, which leaves evidence too.
    """

    schema_version: str = SCHEMA_VERSION
    release_id: str
    kind: Kind = "release"
    env: str
    started: datetime
    actor: str
    source: Source
    workspace: Workspace
    parameters: dict[str, Any]
    approval_rules: ApprovalRules = ApprovalRules()
    language: Language = "en"
    environment: Environment | None = None
    since_last: PackageChanges | None = None
    masked: list[Masked] = Field(default_factory=list)


class Data(_Model):
    """The data that was trained on."""

    name: str
    version: str
    rows: int
    sha256: str


class Model(_Model):
    """The registered model."""

    name: str
    version: str
    sha256: str


class BatchEndpoint(_Model):
    """The batch endpoint after its test."""

    name: str
    deployment: str
    rows_in: int | None = None
    rows_out: int | None = None


class OnlineEndpoint(_Model):
    """The online endpoint after its test; ``traffic`` as read back from it."""

    name: str
    deployment: str
    scoring_uri: str
    traffic: dict[str, int] | None = None
    parity_max_abs_diff: float | None = None
    parity_tolerance: float = 0


class Endpoints(_Model):
    """What serves the model."""

    batch: BatchEndpoint | None = None
    online: OnlineEndpoint | None = None


class Tests(_Model):
    """Cells that can say no, over all runbooks."""

    __test__ = False  # pytest takes every Test* for its own

    total: int
    passed: int
    failed: int


class Decision(_Model):
    """What somebody said about going to an environment; the time in UTC.

    ``role`` is the group that was asked, where somebody spoke for one.
    """

    environment: str
    stage: str
    decision: Literal["approved", "rejected"]
    name: str
    role: str = ""
    comment: str
    time: datetime


class StageOutcome(_Model):
    """What became of a stage, in the pipeline's words; times where the pipeline tells them."""

    name: str
    result: StageResult
    started: datetime | None = None
    ended: datetime | None = None


class Outcome(_Model):
    """What the pipeline knows and the runbooks cannot: which stages never came to their runbooks.

    ``interrupted`` where the pipeline was killed and could not say; ``decisions_unknown`` why it
    could not be read who decided.
    """

    stages: list[StageOutcome] = Field(default_factory=list)
    interrupted: bool = False
    decisions_unknown: str = ""


class Stage(_Model):
    """A stage of the pipeline. Where the pipeline told no times, those of its runbooks."""

    name: str
    result: StageResult | None = None
    started: datetime | None
    ended: datetime | None
    seconds: float | None
    jobs: list[str]


class Because(_Model):
    """Why a release is not green: ``reason`` for programs, and for pages in another language."""

    code: ReasonCode
    about: dict[str, str] = Field(default_factory=dict)


class ReleaseRecord(Identity, Published):
    """The whole record; ``docs/evidence.md`` gives each field's source.

    ``sources`` says for a published value which page and cell of the pack it came from,
    ``unreadable`` which published values are not in the form that the page knows, ``code`` the
    sha256 of each file of the project that the pack carries.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True
    )

    verdict: ReleaseVerdict
    reason: str | None = None
    because: Because | None = None
    ended: datetime | None = None
    data: Data | None = None
    job: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    model: Model | None = None
    endpoints: Endpoints = Endpoints()
    decisions: list[Decision] = Field(default_factory=list)
    decisions_unknown: str = ""
    tests: Tests
    stages: list[Stage]
    runbooks: list[RunbookResult]
    sources: dict[str, str] = Field(default_factory=dict)
    code: dict[str, str] = Field(default_factory=dict)
    unreadable: list[str] = Field(default_factory=list)


def read_decisions(folder: Path) -> list[Decision]:
    """What was said about a release, in order; nothing where nobody was asked."""
    path = folder / DECISIONS
    if not path.is_file():
        return []
    return [Decision.model_validate(each) for each in json.loads(path.read_text(encoding="utf-8"))]


def read_outcome(folder: Path) -> Outcome | None:
    """What became of the pipeline's stages; None for a release by hand."""
    path = folder / OUTCOME
    return Outcome.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def executed(folder: Path) -> list[RunbookResult]:
    """The results of the executed runbooks of a release, in the order of their names.

    Args:
        folder: the release's folder.

    Raises:
        NotebookError: a notebook there has no result of ours in its metadata.
    """
    return [result_of(path) for path in sorted((folder / "notebooks").glob("*.ipynb"))]


def result_of(notebook: Path) -> RunbookResult:
    """The result in an executed notebook's metadata.

    Raises:
        NotebookError: there is none, or it is not in the form that this version writes.
    """
    content = json.loads(notebook.read_text(encoding="utf-8"))
    try:
        return RunbookResult.model_validate(content["metadata"]["nbrelease"])
    except (KeyError, ValidationError) as error:
        raise NotebookError(
            f"{notebook}: no result of nbrelease run in its metadata: {type(error).__name__}"
        ) from None


def read_identity(folder: Path) -> Identity:
    """The identity of a release, also from a record that is complete by now.

    Raises:
        NotebookError: record.json is not one of ours.
    """
    path = folder / "record.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    known = {name: content[name] for name in Identity.model_fields if name in content}
    try:
        return Identity.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise NotebookError(f"{path}: no release record: {where}: {first['msg']}") from None
