"""Who said yes or no to a run in Azure DevOps, and when: read from its REST API.

The run's timeline names the approvals that stood before its stages; the approvals tell who decided,
and with what words; the check run tells for which environment. The token is the run's own
(``System.AccessToken``), given to the one step that needs it, and never written anywhere.

* https://learn.microsoft.com/rest/api/azure/devops/build/timeline/get
* https://learn.microsoft.com/rest/api/azure/devops/approvalsandchecks/approvals/query
* https://learn.microsoft.com/rest/api/azure/devops/approvalsandchecks/check-evaluations/get
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nbrelease.errors import ApprovalsError
from nbrelease.records import Decision

VERSION = "7.1"
PREVIEW = "7.1-preview.1"
SECONDS = 60
LOCAL = "https://localhost/"
"""The collection of pipelines-local: nobody answers there, it adds its decisions itself."""
UNKNOWN = "the token is not known there: give the step SYSTEM_ACCESSTOKEN: $(System.AccessToken)"


class _Answer(BaseModel):
    """A part of an answer; what is not asked for here is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


Kind = TypeVar("Kind", bound=_Answer)


class Person(_Answer):
    """A person or a group."""

    name: str = Field(alias="displayName")
    unique: str = Field(default="", alias="uniqueName")


class Step(_Answer):
    """What one approver was asked, and said. Whoever spoke for a group is ``actual``."""

    assigned: Person | None = Field(default=None, alias="assignedApprover")
    actual: Person | None = Field(default=None, alias="actualApprover")
    status: str
    comment: str | None = None
    time: datetime | None = Field(default=None, alias="lastModifiedOn")


class Approval(_Answer):
    """An approval that a run waited for."""

    id: str
    steps: list[Step] = Field(default_factory=list)


class Approvals(_Answer):
    """Those that were asked for."""

    value: list[Approval]


class Record(_Answer):
    """A line of a run's timeline; ``identifier`` is a stage's name in the file."""

    id: str
    type: str
    parent: str | None = Field(default=None, alias="parentId")
    identifier: str | None = None
    name: str | None = None


class Timeline(_Answer):
    """What became of a run, part by part."""

    records: list[Record] = Field(default_factory=list)


class Resource(_Answer):
    """What a check guards."""

    type: str
    name: str | None = None


class CheckRun(_Answer):
    """The checks before a stage."""

    resources: list[Resource] = Field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A run in Azure DevOps, as a step of it knows it."""

    collection: str
    project: str
    build: str
    token: str

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Run | None:
        """The run that this step belongs to; None where Azure DevOps is not what runs it.

        Raises:
            ApprovalsError: the step was not given the run's token.
        """
        collection = variables.get("SYSTEM_COLLECTIONURI", "")
        if collection in ("", LOCAL):
            return None
        token = variables.get("SYSTEM_ACCESSTOKEN", "")
        if not token or token.startswith("$("):
            raise ApprovalsError(
                "the step has no token: add SYSTEM_ACCESSTOKEN: $(System.AccessToken) to its env"
            )
        return cls(
            collection.rstrip("/"),
            variables.get("SYSTEM_TEAMPROJECT", ""),
            variables.get("BUILD_BUILDID", ""),
            token,
        )

    def decisions(self) -> list[Decision]:
        """What was said before the run's stages, in the order in which it was said.

        Raises:
            ApprovalsError: Azure DevOps does not answer, refuses, or answers in another form.
        """
        timeline = self._get(
            Timeline, f"build/builds/{self.build}/timeline", {"api-version": VERSION}
        )
        records = {record.id: record for record in timeline.records}
        asked = {r.id: r for r in timeline.records if r.type == "Checkpoint.Approval"}
        if not asked:
            return []
        query = {"approvalIds": ",".join(asked), "$expand": "steps", "api-version": VERSION}
        found = []
        for approval in self._get(Approvals, "pipelines/approvals", query).value:
            if approval.id not in asked:
                continue
            checkpoint = records.get(asked[approval.id].parent or "")
            stage = records.get(checkpoint.parent or "") if checkpoint else None
            name = (stage.identifier or stage.name or "") if stage else ""
            environment = self._environment(checkpoint) or name
            for step in approval.steps:
                if decision := _decision(step, name, environment):
                    found.append(decision)
        return sorted(found, key=lambda decision: decision.time)

    def _environment(self, checkpoint: Record | None) -> str:
        """The environment that the checks before a stage guard; empty where it is not told."""
        if checkpoint is None:
            return ""
        query = {"$expand": "resources", "api-version": PREVIEW}
        checks = self._get(CheckRun, f"pipelines/checks/runs/{checkpoint.id}", query)
        names = [each.name for each in checks.resources if each.type == "environment" and each.name]
        return ", ".join(names)

    def _get(self, kind: type[Kind], path: str, query: Mapping[str, str]) -> Kind:
        project = urllib.parse.quote(self.project)
        where = f"{self.collection}/{project}/_apis/{path}"
        request = urllib.request.Request(  # noqa: S310 - the scheme is the agent's own
            f"{where}?{urllib.parse.urlencode(query)}",
            headers={"Authorization": f"Bearer {self.token}", "Accept": "application/json"},
        )
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                content, status = answer.read(), answer.status
        except urllib.error.HTTPError as error:
            raise ApprovalsError(_refused(where, error.code)) from None
        except (OSError, ValueError) as error:
            raise ApprovalsError(f"{where} does not answer: {error}") from None
        if status != 200:
            raise ApprovalsError(_refused(where, status))
        try:
            return kind.model_validate(json.loads(content))
        except (ValueError, ValidationError) as error:
            raise ApprovalsError(
                f"{where}: not the answer that is known: {_first(error)}"
            ) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the token would be sent there too."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


def _decision(step: Step, stage: str, environment: str) -> Decision | None:
    """A step's decision; None where nobody has spoken, or somebody else's word was enough."""
    verdicts: dict[str, Literal["approved", "rejected"]] = {
        "approved": "approved",
        "rejected": "rejected",
    }
    who, verdict = step.actual or step.assigned, verdicts.get(step.status)
    if verdict is None or who is None or step.time is None:
        return None
    assigned = step.assigned.name if step.assigned and step.assigned.name != who.name else ""
    return Decision(
        environment=environment,
        stage=stage,
        decision=verdict,
        name=who.name,
        role=assigned,
        comment=step.comment or "",
        time=step.time,
    )


def _refused(where: str, status: int) -> str:
    mend = {
        # The page to sign in at, or the way there: what a token gets that is not known.
        203: UNKNOWN,
        302: UNKNOWN,
        401: UNKNOWN,
        403: "allow the project's build service «View builds» (Pipelines, ⋮, Manage security)",
        404: "the project's build service cannot see it: allow it «View builds» there",
    }.get(status, "ask whoever runs it")
    return f"{where} answers {status}: {mend}"


def _first(error: Any) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
    return str(error)
