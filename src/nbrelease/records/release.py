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
    """Where a release went."""

    kind: Literal["local", "azure"]
    subscription_id: str
    resource_group: str
    workspace_name: str


class Source(Strict):
    """What was released from. ``commit`` is empty outside a repository, as is its ``author``."""

    commit: str
    branch: str
    dirty: bool
    author: str = ""


class ApprovalRules(Strict):
    """What the settings asked of approvals when the release began.

    ``environments``: those that nothing goes to without somebody's yes.
    """

    environments: list[str] = Field(default_factory=list)
    approver_is_not_author: bool = False


class Environment(Strict):
    """What the release was run with, on the machine that built the record."""

    python: str
    packages: dict[str, str]


class PackageChanges(Strict):
    """How the packages differ from those of the last release into the same environment.

    ``of`` says whose packages are compared: the training job's, or the build machine's.
    """

    since: str
    of: Literal["job", "build"]
    added: dict[str, str] = Field(default_factory=dict)
    removed: dict[str, str] = Field(default_factory=dict)
    changed: dict[str, tuple[str, str]] = Field(default_factory=dict)


class Identity(Strict):
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


class Tests(Strict):
    """Cells that can say no, over all runbooks."""

    __test__ = False  # pytest takes every Test* for its own

    total: int
    passed: int
    failed: int


class Because(Strict):
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
    decisions: list[Decision] = Field(default_factory=list)
    decisions_unknown: str = ""
    waiting_for: str = ""
    tests: Tests
    stages: list[Stage]
    runbooks: list[RunbookResult]
    sources: dict[str, str] = Field(default_factory=dict)
    code: dict[str, str] = Field(default_factory=dict)
    unreadable: list[str] = Field(default_factory=list)


def read_identity(folder: Path) -> Identity:
    """The identity of a release, also from a record that is complete by now.

    Raises:
        NotebookError: record.json is not one of ours.
    """
    path = folder / IDENTITY
    content = json.loads(path.read_text(encoding="utf-8"))
    known = {name: content[name] for name in Identity.model_fields if name in content}
    try:
        return Identity.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise NotebookError(f"{path}: no release record: {where}: {first['msg']}") from None
