"""Approvals of environments.

Azure DevOps, not the YAML file, configures which environments need an approval. Here every
environment of a deployment job needs one, so that a run is not less strict than Azure. Declare an
environment without an approval check as *open*.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from pipelines_local.errors import UsageError

Verdict: TypeAlias = Literal["approve", "reject", "open"]
Kind: TypeAlias = Literal["environment", "validation"]
"""The kind of an approval: for an environment, or a manual validation."""
_FIELDS = {"decision", "name", "comment"}


@dataclass(frozen=True)
class Decision:
    """A decision about an environment; ``open``: it needs no approval."""

    verdict: Verdict
    name: str = ""
    comment: str = ""


@dataclass(frozen=True)
class ApprovalRequest:
    """A stage that needs an approval.

    Attributes:
        environment: the environment, or ``STAGE.JOB`` for a manual validation.
        artifacts: the artifacts of the run so far, for review.
        instructions: instructions of a manual validation.
        kind: whether it is an environment's approval or a manual validation.
        names: the names that a decision about this request can have, in lower case, the preferred
            one first.
    """

    stage: str
    environment: str
    run: str
    artifacts: Path
    instructions: str = ""
    kind: Kind = "environment"
    names: tuple[str, ...] = ()


class Approver(Protocol):
    """Decides about approvals."""

    def decide(self, request: ApprovalRequest) -> Decision | None:
        """Return the decision; None without one."""


class PresetApprovals:
    """Decisions that were made before the run, by a name of their request; names ignore case.

    An approval of an environment has the names ``STAGE.ENV`` and ``ENV``, a manual validation
    ``STAGE.JOB`` and ``JOB``, except those that are also names of an environment. With the prefix
    ``environment:`` or ``validation:`` a name is for one kind only.
    """

    def __init__(self, decisions: Mapping[str, Decision], fallback: Approver | None = None) -> None:
        self._decisions = {name.lower(): decision for name, decision in decisions.items()}
        self._fallback = fallback

    def preset(self, request: ApprovalRequest) -> Decision | None:
        """Return the preset decision without asking the fallback."""
        decisions = self._decisions
        return next((decisions[each] for each in request.names if each in decisions), None)

    def decide(self, request: ApprovalRequest) -> Decision | None:
        """Return the preset decision, else that of the fallback."""
        decision = self.preset(request)
        if decision is None and self._fallback is not None:
            return self._fallback.decide(request)
        return decision


def parse_flag(text: str, verdict: Verdict) -> tuple[str, Decision]:
    """Parse ``ENV``, ``ENV=NAME`` or ``ENV=NAME:COMMENT``.

    Raises:
        UsageError: the environment is missing.
    """
    environment, _, rest = text.partition("=")
    name, _, comment = rest.partition(":")
    if not environment.strip():
        raise UsageError("approval-option", f"{text!r}: use the form ENV or ENV=NAME:COMMENT")
    return environment.strip(), Decision(verdict, name.strip() or user_name(), comment.strip())


def parse_flags(flags: Mapping[Verdict, Iterable[str]]) -> dict[str, Decision]:
    """Parse the options of each verdict; see :func:`parse_flag`.

    Raises:
        UsageError: an environment is missing, or has two verdicts.
    """
    decisions: dict[str, Decision] = {}
    for verdict, texts in flags.items():
        for text in texts:
            environment, decision = parse_flag(text, verdict)
            earlier = decisions.get(environment, decision)
            if earlier.verdict != verdict:
                message = f"{environment}: both --{earlier.verdict} and --{verdict}"
                raise UsageError("approval-conflict", message)
            decisions[environment] = decision
    return decisions


def read_decisions(data: Mapping[str, Any]) -> dict[str, Decision]:
    """Read the decisions of a file: ``ENV: approve``, or ``ENV: {decision, name, comment}``.

    Raises:
        UsageError: a decision is invalid.
    """
    decisions = {}
    for environment, value in data.items():
        fields = value if isinstance(value, Mapping) else {"decision": value}
        verdict = fields.get("decision")
        if verdict not in ("approve", "reject", "open") or set(fields) - _FIELDS:
            raise UsageError(
                "approvals-file",
                f"{environment}: needs 'decision' (approve, reject or open); "
                "can have 'name' and 'comment'",
            )
        name, comment = str(fields.get("name") or user_name()), str(fields.get("comment") or "")
        decisions[environment] = Decision(verdict, name, comment)
    return decisions


def user_name() -> str:
    """The name of the user; ``unknown`` for one without an entry in the list of users."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
