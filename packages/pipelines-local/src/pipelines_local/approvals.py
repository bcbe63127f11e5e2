"""Approvals: who may say that a stage goes to an environment, and what they said.

Which environments ask is set up in Azure DevOps, not in the file. Here every environment that a
deployment names asks, because a rehearsal that is kinder than the real thing is worth nothing;
one without an approval over there is named as *open*.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from pipelines_local.errors import UsageError

_FIELDS = {"decision", "name", "comment"}


@dataclass(frozen=True)
class Decision:
    """A word on an environment; ``open`` means that it does not ask."""

    verdict: Literal["approve", "reject", "open"]
    name: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Request:
    """What is asked.

    Attributes:
        artifacts: what the run published so far: the pack to look at.
    """

    stage: str
    environment: str
    run: str
    artifacts: Path


class Approver(Protocol):
    """Whoever can be asked."""

    def decide(self, request: Request) -> Decision | None:
        """The word on an environment; None when there is none yet."""


class Given:
    """Words that were given before the run; names of environments ignore case."""

    def __init__(
        self, decisions: Mapping[str, Decision], otherwise: Approver | None = None
    ) -> None:
        self._decisions = {name.lower(): decision for name, decision in decisions.items()}
        self._otherwise = otherwise

    def known(self, request: Request) -> Decision | None:
        """What was given, without asking anybody."""
        return self._decisions.get(request.environment.lower())

    def decide(self, request: Request) -> Decision | None:
        """What was given, else what the next one says."""
        found = self.known(request)
        if found is None and self._otherwise is not None:
            return self._otherwise.decide(request)
        return found


def parse_flag(text: str, verdict: Literal["approve", "reject", "open"]) -> tuple[str, Decision]:
    """``ENV``, ``ENV=NAME`` or ``ENV=NAME:COMMENT`` as a command line has it.

    Raises:
        UsageError: no environment is named.
    """
    environment, _, rest = text.partition("=")
    name, _, comment = rest.partition(":")
    if not environment.strip():
        raise UsageError(f"{text!r}: write ENV or ENV=NAME:COMMENT")
    return environment.strip(), Decision(verdict, name.strip() or _user(), comment.strip())


def from_data(data: Mapping[str, Any]) -> dict[str, Decision]:
    """Decisions out of a file: ``ENV: approve``, or ``ENV: {decision, name, comment}``.

    Raises:
        UsageError: a decision is none.
    """
    found = {}
    for environment, value in data.items():
        fields = value if isinstance(value, Mapping) else {"decision": value}
        verdict = fields.get("decision")
        if verdict not in ("approve", "reject", "open") or set(fields) - _FIELDS:
            raise UsageError(
                f"{environment}: write 'decision' (approve, reject or open), 'name', 'comment'"
            )
        name, comment = str(fields.get("name") or _user()), str(fields.get("comment") or "")
        found[environment] = Decision(verdict, name, comment)
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
