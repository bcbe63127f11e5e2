"""Requests of approvals: environments of stages, and manual validations of server jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from pipelines_local.approvals import ApprovalRequest, Approver, Decision, Kind, PresetApprovals
from pipelines_local.events import ApprovalDecided, ApprovalRequested
from pipelines_local.model import Job
from pipelines_local.results import ApprovalRecord, RunResult
from pipelines_local.run.context import RunContext
from pipelines_local.run.graph import RunGraph, StageState


class ApprovalRequests:
    """Requests the approvals of one run; ``is_prompting`` while the approver is asked."""

    def __init__(
        self,
        context: RunContext,
        graph: RunGraph,
        result: RunResult,
        approver: Approver,
        *,
        save: Callable[[], None],
        reject: Callable[[StageState], None],
    ) -> None:
        """Start without requests.

        Args:
            context: the context of the run.
            graph: the state of its stages.
            result: gets the decisions.
            approver: decides.
            save: stores the run; called before the approver is asked.
            reject: ends a stage that was rejected.
        """
        self.is_prompting = False
        self._context = context
        self._graph = graph
        self._result = result
        self._approver = approver
        self._save = save
        self._reject = reject
        self._taken = {
            name
            for state in graph.stages.values()
            for environment in state.stage.environments
            for name in _names(state.stage.name, environment)
        }

    def request_missing(self) -> bool:
        """Ask for the missing approvals; True if there was a decision."""
        decided = False
        for state in self._graph.stages.values():
            for job in self._waiting_validations(state):
                decided |= self._request_validation(state, job)
        for state in self._waiting_stages():
            for environment in state.stage.environments:
                if environment in state.approved or state.done:
                    continue
                decided |= self._request_approval(state, environment)
        return decided

    def missing(self) -> list[dict[str, str]]:
        """Return the missing approvals."""
        return [
            {"stage": state.stage.name, "environment": environment}
            for state in self._waiting_stages()
            for environment in state.stage.environments
            if environment not in state.approved
        ] + [
            {"stage": state.stage.name, "environment": _validation_name(state.stage.name, job)}
            for state in self._graph.stages.values()
            for job in self._waiting_validations(state)
        ]

    def _waiting_stages(self) -> list[StageState]:
        """Return the stages that start as soon as they are approved.

        A rejection can make a later stage ready that its condition then skips.
        """
        return [
            state
            for state in self._graph.stages.values()
            if not state.done
            and not state.started
            and self._graph.is_ready(state)
            and self._graph.check_stage(state.stage) is None
        ]

    def _waiting_validations(self, state: StageState) -> list[Job]:
        """Return the ready jobs of a started stage that wait for a manual validation."""
        if state.done or not state.started:
            return []
        return [
            job
            for job in state.stage.jobs
            if job.validations
            and job.name.lower() not in state.jobs
            and job.name.lower() not in state.running
            and not self.is_validated(state, job)
            and all(state.is_done(dependency) for dependency in job.depends_on)
        ]

    def is_validated(self, state: StageState, job: Job) -> bool:
        """Whether there is a decision about the manual validation of a job."""
        return (state.stage.name, job.name) in self._context.validations

    def _request_approval(self, state: StageState, environment: str) -> bool:
        names = _names(state.stage.name, environment)
        decision = self._decide(
            state, environment, "environment", (*_prefix("environment", names), *names)
        )
        if self._context.cancellation.requested:
            return True
        if decision is None:
            return False
        if decision.verdict != "open":
            self._record_approval(state, environment, decision, "environment")
        if decision.verdict == "reject":
            self._reject(state)
        else:
            state.approved.add(environment)
        return True

    def _request_validation(self, state: StageState, job: Job) -> bool:
        """Ask for the decision about a manual validation; True if there was one."""
        name = _validation_name(state.stage.name, job)
        variables = self._context.variables
        texts = [variables.expand(step.inputs.get("instructions", "")) for step in job.validations]
        own = _names(state.stage.name, job.name)
        # A name of an environment does not decide a manual validation.
        names = (*_prefix("validation", own), *(each for each in own if each not in self._taken))
        instructions = "\n".join(text for text in texts if text)
        decision = self._decide(state, name, "validation", names, instructions)
        if self._context.cancellation.requested:
            return True
        if decision is None:
            return False
        self._context.validations[state.stage.name, job.name] = decision
        if decision.verdict != "open":
            self._record_approval(state, name, decision, "validation")
        return True

    def _decide(
        self,
        state: StageState,
        name: str,
        kind: Kind,
        names: tuple[str, ...],
        instructions: str = "",
    ) -> Decision | None:
        """Return the preset decision, else that of the approver."""
        folder = self._context.artifacts.folder
        request = ApprovalRequest(
            state.stage.name, name, self._context.folder.run, folder, instructions, kind, names
        )
        decision: Decision | None = None
        if isinstance(self._approver, PresetApprovals):
            decision = self._approver.preset(request)
        if decision is None:
            self._context.events.send(ApprovalRequested(request.stage, name, folder, kind))
            self._save()
            decision = self._ask_approver(request)
        return decision

    def _ask_approver(self, request: ApprovalRequest) -> Decision | None:
        self.is_prompting = True
        try:
            return self._approver.decide(request)
        except KeyboardInterrupt:
            self._context.cancellation.request()
            return None
        finally:
            self.is_prompting = False

    def _record_approval(
        self, state: StageState, environment: str, decision: Decision, kind: Kind
    ) -> None:
        record = ApprovalRecord(
            environment,
            state.stage.name,
            "approved" if decision.verdict == "approve" else "rejected",
            decision.name,
            decision.comment,
            datetime.now(UTC),
        )
        self._result.approvals.append(record)
        self._context.events.send(ApprovalDecided(record, kind))


def _names(stage: str, name: str) -> tuple[str, str]:
    """The names of an environment or a job in decisions: with its stage, and alone."""
    return f"{stage}.{name}".lower(), name.lower()


def _prefix(kind: Kind, names: Iterable[str]) -> Iterator[str]:
    """The names that are for one kind only."""
    return (f"{kind}:{name}" for name in names)


def _validation_name(stage: str, job: Job) -> str:
    return job.name if stage == "__default" else f"{stage}.{job.name}"
