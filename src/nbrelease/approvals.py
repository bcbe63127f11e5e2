"""The approvals of a run in Azure DevOps, read from its REST API.

The run's timeline lists the approvals of its stages. Each approval has the approver, the decision
and the comment; the check run has the environment. The token is the run's own
(``System.AccessToken``). Only the step that needs it gets it, and it is written nowhere.

* https://learn.microsoft.com/rest/api/azure/devops/build/timeline/get
* https://learn.microsoft.com/rest/api/azure/devops/approvalsandchecks/approvals/query
* https://learn.microsoft.com/rest/api/azure/devops/approvalsandchecks/check-evaluations/get
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nbrelease.errors import ApprovalsError
from nbrelease.records import Decision

VERSION = "7.1"
PREVIEW = "7.1-preview.1"
SECONDS = 60
LOCAL = "https://localhost/"
"""The collection of pipelines-local. It has no REST API and adds its decisions itself."""
SIGN_IN = "invalid token; add SYSTEM_ACCESSTOKEN: $(System.AccessToken) to the env of the step"


class _Answer(BaseModel):
    """A part of a response; fields that are not declared are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


Kind = TypeVar("Kind", bound=_Answer)


class Person(_Answer):
    """A person or a group."""

    name: str = Field(alias="displayName")
    unique: str = Field(default="", alias="uniqueName")


class Step(_Answer):
    """The decision of one approver. ``actual`` is the member who decided for a group."""

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
    """The response to a query of approvals."""

    value: list[Approval]


class Record(_Answer):
    """A line of a run's timeline; ``identifier`` is a stage's name in the file."""

    id: str
    type: str
    parent: str | None = Field(default=None, alias="parentId")
    identifier: str | None = None
    name: str | None = None


class Timeline(_Answer):
    """The records of a run."""

    records: list[Record] = Field(default_factory=list)


class Resource(_Answer):
    """A protected resource."""

    type: str
    name: str | None = None


class CheckRun(_Answer):
    """The checks before a stage."""

    resources: list[Resource] = Field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A run in Azure DevOps, from the variables of one of its steps."""

    collection: str
    project: str
    build: str
    token: str

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> Run | None:
        """The run of this step; None outside Azure DevOps.

        Raises:
            ApprovalsError: the step has no token.
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
        """The decisions on the run's stages, by time.

        Raises:
            ApprovalsError: there is no response, an error status, or an unexpected response.
        """
        timeline = self._get(
            Timeline, f"build/builds/{self.build}/timeline", {"api-version": VERSION}
        )
        records = {record.id: record for record in timeline.records}
        approvals = {r.id: r for r in timeline.records if r.type == "Checkpoint.Approval"}
        if not approvals:
            return []
        query = {"approvalIds": ",".join(approvals), "$expand": "steps", "api-version": VERSION}
        decisions = []
        for approval in self._get(Approvals, "pipelines/approvals", query).value:
            if approval.id not in approvals:
                continue
            checkpoint = records.get(approvals[approval.id].parent or "")
            stage = records.get(checkpoint.parent or "") if checkpoint else None
            name = (stage.identifier or stage.name or "") if stage else ""
            environment = self._environment(checkpoint) or name
            for step in approval.steps:
                if decision := _decision(step, name, environment):
                    decisions.append(decision)
        return sorted(decisions, key=lambda decision: decision.time)

    def _environment(self, checkpoint: Record | None) -> str:
        """The environments of a stage's checks; empty where the response has none."""
        if checkpoint is None:
            return ""
        query = {"$expand": "resources", "api-version": PREVIEW}
        checks = self._get(CheckRun, f"pipelines/checks/runs/{checkpoint.id}", query)
        names = [each.name for each in checks.resources if each.type == "environment" and each.name]
        return ", ".join(names)

    def _get(self, kind: type[Kind], path: str, query: Mapping[str, str]) -> Kind:
        import httpx

        url = f"{self.collection}/{quote(self.project)}/_apis/{path}"
        try:
            # Redirects are not followed: the token would be sent there too.
            response = httpx.get(
                url,
                params=query,
                headers={"Authorization": f"Bearer {self.token}", "Accept": "application/json"},
                timeout=SECONDS,
                verify=ssl.create_default_context(),  # the authorities of the system
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApprovalsError(f"{url}: no response: {error}") from None
        if response.status_code != 200:
            raise ApprovalsError(_explain_status(url, response.status_code))
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ApprovalsError(f"{url}: unexpected response: {place}: {first['msg']}") from None


def _decision(step: Step, stage: str, environment: str) -> Decision | None:
    """A step's decision; None where it is pending, or another approver's was sufficient."""
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


def _explain_status(url: str, status: int) -> str:
    fix = {
        # With an invalid token the response is the sign-in page, or a redirect to it.
        203: SIGN_IN,
        302: SIGN_IN,
        401: SIGN_IN,
        403: "allow the project's build service 'View builds' (Pipelines, ..., Manage security)",
        404: "not visible to the project's build service; allow it 'View builds' there",
    }.get(status, "ask the administrator of the server")
    return f"{url}: status {status}: {fix}"
