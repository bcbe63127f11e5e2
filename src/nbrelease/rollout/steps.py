"""The rollout: give a new deployment the traffic in steps, and roll back when a limit is exceeded.

    with Rollout(ml_client, "scores", "model-2", scoring, rows, limits) as rollout:
        for share in rollout.shares([10, 50, 100]):
            print(rollout.step(share))

Leaving the block before the new deployment has all traffic rolls back, whatever the reason: a limit
of the criteria file, a workspace that does not answer, an error, an interruption. A traffic map
that another user changed in the meantime is left as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from azure.core.exceptions import AzureError, HttpResponseError
from requests import RequestException

from nbrelease.quality.criteria import RequestLimits
from nbrelease.quality.scoring import Observation, Problem, ScoringClient, check_limits
from nbrelease.records.published import RolloutStep
from nbrelease.rollout.endpoint import Client, EndpointState, EndpointTraffic, format_traffic
from nbrelease.rollout.mirror import MirrorResult

if TYPE_CHECKING:
    import pandas as pd

Decision = Literal["go on", "roll back", "done", "leave as it is", "give no traffic"]


class Step(RolloutStep):
    """A traffic map as read back, its measurements, and the decision.

    ``before`` is the map that it replaced; ``problems`` holds the codes of what ``why`` explains.
    """

    before: dict[str, int]
    observed: Observation | None = None
    problems: list[str]

    def __str__(self) -> str:
        parts = [f"{self.time:%H:%M:%S}  {format_traffic(self.before)}"]
        parts[0] += f" -> {format_traffic(self.traffic)}"
        if (observation := self.observed) is not None:
            requests = f"{observation.requests} requests, {observation.errors} errors"
            parts.append(f"{requests}, p95 {observation.p95_ms} ms")
            if observation.drift is not None:
                parts[-1] += f", drift {observation.drift:.3f}"
        parts.append(f"{self.decision}: {self.why}" if self.why else self.decision)
        return "\n          ".join(parts)


@dataclass(frozen=True)
class RollbackResult:
    """What a rollout that did not complete did with the traffic."""

    state: Literal["rolled back", "not moved", "left"]
    message: str


@dataclass(frozen=True)
class KeptDeployment:
    """A deployment that stays at 0 % until a day."""

    name: str
    until: date

    def __str__(self) -> str:
        return f"{self.name} stays at 0 % until {self.until}"


class Rollout:
    """Moves the traffic of an endpoint to one of its deployments."""

    def __init__(
        self,
        client: Client,
        endpoint: str,
        deployment: str,
        scoring: ScoringClient,
        rows: pd.DataFrame,
        limits: RequestLimits,
        *,
        task: str = "",
        observe_seconds: float = 2,
        patience_seconds: float = 600,
        retry_seconds: float = 5,
        log: Callable[[str], None] = print,
    ) -> None:
        """Read the endpoint's traffic; nothing is changed yet.

        Args:
            client: an ``azure.ai.ml.MLClient``.
            endpoint: the name of the endpoint.
            deployment: the one to give the traffic to.
            scoring: sends requests to the endpoint.
            rows: what to request predictions for.
            limits: of the criteria file.
            task: of the model: predictions are compared as numbers or as classes.
            observe_seconds: how long each step is observed.
            patience_seconds: how long a rollback is tried while the workspace does not answer.
            retry_seconds: the pause between two tries.
            log: receives lines for the reader of the notebook.
        """
        self._endpoint = EndpointTraffic(client, endpoint)
        self._scoring, self._rows, self._limits = scoring, rows, limits
        self._task, self._observe_seconds = task, observe_seconds
        self._patience_seconds, self._retry_seconds = patience_seconds, retry_seconds
        self._log = log
        state = self._endpoint.read()
        self.deployment = deployment
        self.traffic_before = state.traffic
        self.previous = _find_previous(state, deployment)
        self.steps: list[Step] = []
        self.problems: list[Problem] = []
        self.rollback: RollbackResult | None = None
        self._written = [state.shares]
        """The traffic map before the rollout, and each that it wrote."""

    @property
    def completed(self) -> bool:
        """Whether the new deployment has all traffic and no limit was exceeded."""
        return not self.problems and bool(self.steps) and self.steps[-1].decision == "done"

    @property
    def failure(self) -> str:
        """Why the rollout did not complete."""
        result = f"{self.rollback.message}: " if self.rollback else ""
        return result + "; ".join(map(str, self.problems))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stop(Problem("interrupted", f"broken off by {type(error).__name__}: {error}"))
        elif not self.completed and not self.problems:
            self._stop(Problem("incomplete", "the rollout ended before all traffic was moved"))
        if self.completed:
            return
        not_moved = RollbackResult("not moved", "no traffic was moved")
        self.rollback = self._roll_back() if self._has_traffic() else not_moved
        self._log(self.rollback.message)
        if self.rollback.state == "left":
            why = f"{self.steps[-1].why}; {self.rollback.message}"
            unchanged = {"decision": "leave as it is", "why": why}
            self.steps[-1] = self.steps[-1].model_copy(update=unchanged)

    def shares(self, steps: Iterable[int]) -> Iterator[int]:
        """The shares to give the new deployment; ends at the first problem.

        The first release of an endpoint has no other deployment to share with: it gets 100 %.
        """
        for share in steps if self.previous is not None else [100]:
            if self.problems:
                return
            yield share

    def mirror(self, percent: int) -> MirrorResult:
        """Copy a share of the callers' requests to the new deployment while it is observed.

        The callers do not get its answers. Some workspaces refuse to mirror: then ``percent`` of
        the result is 0.
        """
        try:
            self._endpoint.update(mirror={self.deployment: percent})
        except HttpResponseError as error:
            return MirrorResult(percent=0, why=_first_line(error))
        try:
            observed = self._observe(percent)
        finally:
            self._endpoint.update(mirror={self.deployment: 0})
        return MirrorResult(percent=percent, observed=observed)

    def check_mirrored(self, result: MirrorResult | None) -> None:
        """Stop before any traffic moves when the mirrored requests show a problem."""
        if result is None or result.observed is None:
            return
        observed = result.observed.model_copy(update={"drift": result.drift})
        problems = check_limits(observed, self._limits)
        if not result.rows:
            message = "no predictions of both deployments were collected"
            problems.append(Problem("not_collected", message))
        if problems:
            now = self._endpoint.read().shares
            mirrored = [Problem(f"mirrored_{p.code}", f"mirrored: {p.message}") for p in problems]
            self._append(now, now, observed, mirrored)

    def step(self, share: int) -> Step:
        """Set the new deployment's share of the traffic, observe it, and decide.

        Args:
            share: in per cent; the rest goes to the deployment that was live.
        """
        target = {self.deployment: share}
        if self.previous is not None:
            target[self.previous] = 100 - share
        before = traffic = self._written[-1]
        observed = None
        try:
            now = self._endpoint.read().shares
            if now != before:
                message = "another user changed the traffic"
                message += f" from {format_traffic(before)} to {format_traffic(now)}"
                return self._append(before, now, None, [Problem("traffic_changed", message)])
            traffic = target
            traffic = self._write(target)
            observed = self._observe(share)
            problems = check_limits(observed, self._limits, self.deployment)
            if not problems and self.previous is not None:
                observed = self._add_drift(observed, self.previous)
                problems = check_limits(observed, self._limits, self.deployment)
        except (AzureError, RequestException) as error:  # not enough is known: a problem too
            code, message = ("not_compared", "the predictions could not be compared")
            if observed is None:
                code, message = ("not_observed", "the step was not observed")
            problems = [Problem(code, f"{message}: {_first_line(error)}")]
        return self._append(before, traffic, observed, problems)

    def keep_deployment(self, days: int) -> KeptDeployment | None:
        """Tag the deployment that lost its traffic: it is kept at 0 % for some days.

        After a completed rollout that is the previous deployment, for a rollback; after a rollback
        the new one, to find out what was wrong with it. None where there is no such deployment.
        """
        until = datetime.now(UTC).date() + timedelta(days=days)
        if self.previous is None:
            return None
        if self.completed:
            name, previous, traffic = self.previous, self.previous, self.steps[-1].traffic
        elif self.rollback is not None and self.rollback.state != "left":
            name, previous, traffic = self.deployment, None, self._endpoint.read().shares
        else:
            return None
        self._endpoint.update(
            traffic=traffic, tags=lambda tags: tags.end(name, until.isoformat(), previous)
        )
        return KeptDeployment(name, until)

    def find_expired(self) -> list[str]:
        """The deployments at 0 % whose last day is over, those of this rollout excepted."""
        state, today = self._endpoint.read(), datetime.now(UTC).date().isoformat()
        return [
            name
            for name, share in state.traffic.items()
            if share == 0
            and name not in (self.deployment, self.previous)
            and state.tags.keep_until.get(name, today) < today  # ISO dates compare as text
        ]

    def _write(self, traffic: dict[str, int]) -> dict[str, int]:
        """Write a map of this rollout, and in the tags what a rollback would need."""
        shares = {name: share for name, share in traffic.items() if share}
        self._written.append(shares)  # first: the update may succeed without an answer
        if (live := self.previous) is None:
            return self._endpoint.update(traffic=traffic).traffic
        return self._endpoint.update(traffic=traffic, tags=lambda t: t.start(live, shares)).traffic

    def _observe(self, share: int) -> Observation:
        """Observe long enough that the new deployment, with this share, gets requests."""
        return self._scoring.observe(
            self._rows, seconds=self._observe_seconds, share=share, limits=self._limits
        )

    def _add_drift(self, observed: Observation, previous: str) -> Observation:
        """The observation with the drift of the predictions from the live deployment's."""
        from nbrelease.quality.drift import prediction_drift

        names = (previous, self.deployment)
        live, new = (self._scoring.predict(self._rows, name) for name in names)
        drift = prediction_drift(live, new, self._task)
        return observed.model_copy(update={"drift": drift})

    def _has_traffic(self) -> bool:
        """Whether the new deployment got traffic, by this rollout or by one that was killed."""
        moved_before = self.previous is not None and self.deployment in self._written[0]
        return len(self._written) > 1 or moved_before

    def _stop(self, problem: Problem) -> None:
        now = self._written[-1]
        self._append(now, now, None, [problem])

    def _append(
        self,
        before: dict[str, int],
        traffic: dict[str, int],
        observed: Observation | None,
        problems: list[Problem],
    ) -> Step:
        decision: Decision
        if problems:
            decision = "roll back" if self._has_traffic() else "give no traffic"
        else:
            decision = "done" if traffic.get(self.deployment) == 100 else "go on"
        self.problems += problems
        step = Step(
            time=datetime.now(UTC).replace(microsecond=0),
            deployment=self.deployment,
            before=before,
            traffic=traffic,
            observed=observed,
            decision=decision,
            why="; ".join(map(str, problems)),
            problems=[problem.code for problem in problems],
        )
        self.steps.append(step)
        return step

    def _roll_back(self) -> RollbackResult:
        """Return all traffic to the deployment that was live; retry while nothing answers."""
        target = {self.previous: 100} if self.previous is not None else self._written[0]
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                now = self._endpoint.read().shares
                missing = target.keys() - self._endpoint.deployments()
                if now not in self._written:
                    message = f"another user changed the traffic: it stays {format_traffic(now)}"
                    return RollbackResult("left", message)
                if missing:
                    message = f"{', '.join(missing)} was deleted: the traffic stays"
                    return RollbackResult("left", f"{message} {format_traffic(now)}")
                self._endpoint.update(traffic=target)
                return RollbackResult("rolled back", f"rolled back to {format_traffic(target)}")
            except AzureError as error:
                why = _first_line(error)
                if time.monotonic() > deadline:
                    minutes = self._patience_seconds / 60
                    message = f"the rollback failed for {minutes:g} minutes: {why}"
                    return RollbackResult("left", message)
                self._log(f"rollback failed, trying again: {why}")
                time.sleep(self._retry_seconds)


def _find_previous(state: EndpointState, deployment: str) -> str | None:
    """The deployment to roll back to: the live one, or that of an earlier rollout that was killed.

    None before the first release, and where the new deployment is the live one already.
    """
    live = state.live
    unfinished = state.tags.unfinished
    if unfinished is not None and (share := state.traffic.get(unfinished.live)) is not None:
        live = unfinished.live if share or live == deployment else live
    return None if live == deployment else live


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
