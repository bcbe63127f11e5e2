"""Runs pipeline jobs: each step is a job of its own, begun when what it needs is there.

Steps that do not wait for each other run side by side, as many as their compute has instances.
When one fails the pipeline ends and its other steps are cancelled, unless the pipeline says
``continue_on_step_failure``: then whatever does not depend on it goes on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from azureml_local.errors import AzureError
from azureml_local.jobs import command_jobs, records
from azureml_local.jobs.plans import Plan, Step
from azureml_local.jobs.runner import Runner
from azureml_local.state import State, Workspace


async def run_pipeline(
    state: State,
    runner: Runner,
    workspace: Workspace,
    name: str,
    plan: Plan,
    root: str | None = None,
) -> None:
    """Run a pipeline job from its first step to its last status.

    Args:
        state: the server's state.
        runner: what runs the steps.
        workspace: the job's workspace.
        name: the pipeline job, or the step that is a pipeline.
        plan: its steps.
        root: the outermost pipeline job; None where it is this one.
    """
    log = runner.log_file(workspace, name, records.EXECUTION_LOG)
    run = _Run(state, runner, workspace, name, plan, log, root or name)
    await runner.supervise(workspace, name, log, run.go)


class _Run:
    """One run of a pipeline's steps."""

    def __init__(
        self,
        state: State,
        runner: Runner,
        workspace: Workspace,
        name: str,
        plan: Plan,
        log: Path,
        root: str,
    ) -> None:
        self._state = state
        self._runner = runner
        self._workspace = workspace
        self._name = name
        self._plan = plan
        self._log = log
        self._root = root
        self._failed: list[str] = []

    async def go(self) -> int:
        """Run all steps; the exit code is 0 where none of them failed.

        Raises:
            AzureError: a step did not complete; in words.
        """
        self._write_children()
        properties = records.find(self._state, self._workspace, self._name).body["properties"]
        parent = records.find(self._state, self._workspace, self._name).body.get("parent")
        experiment = properties.get("experimentName") or "Default"
        title = properties.get("displayName") or self._name
        records.update(
            self._state, self._workspace, self._name, outputs=self._plan.outputs, tracked=True
        )
        await self._runner.tracking.create_job_run(
            self._workspace, self._name, experiment, title, parent
        )
        self._runner.set_status(self._workspace, self._name, "Running")
        done: dict[str, asyncio.Task[bool]] = {}
        async with asyncio.TaskGroup() as group:
            for step in self._plan.steps:  # in an order in which what is needed comes first
                needed = {name: done[name] for name in step.needs}
                done[step.name] = group.create_task(self._step(step, needed))
        if self._failed:
            raise AzureError("; ".join(self._failed), "UserError")
        return 0

    def _write_children(self) -> None:
        with self._state.store.transaction():
            for step in self._plan.steps:
                body = {
                    "properties": step.properties,
                    "status": "NotStarted",
                    "submitted": records.utc_now(),
                    "parent": self._name,
                    "root": self._root,
                }
                self._state.store.put(self._workspace.key, records.KIND, step.job, "", body)

    async def _step(self, step: Step, needed: dict[str, asyncio.Task[bool]]) -> bool:
        """Run one step when all that it needs is there; says whether it completed."""
        for name, task in needed.items():
            if not await task:
                return self._skip(step, f"step {name} did not complete")
        pipeline = records.find(self._state, self._workspace, self._name).body
        if pipeline.get("cancel"):
            return self._skip(step, "the pipeline was cancelled")
        if self._failed and not self._plan.keep_going:
            return self._skip(step, "another step failed")
        self._say(f"step {step.name} submitted as job {step.job}")
        if step.plan is not None:
            await run_pipeline(
                self._state, self._runner, self._workspace, step.job, step.plan, self._root
            )
        else:
            await command_jobs.run_command_job(self._runner, self._state, self._workspace, step.job)
        body = records.find(self._state, self._workspace, step.job).body
        self._say(f"step {step.name} {body['status']}")
        if body["status"] == "Completed":
            return True
        message = ((body.get("error") or {}).get("error") or {}).get("message")
        first = not self._failed
        stopped = first is False and not self._plan.keep_going  # by the failure of another
        if not stopped and not pipeline_cancelled(self._state, self._workspace, self._name):
            word = "failed" if body["status"] == "Failed" else "was cancelled"
            self._failed.append(f"step {step.name} {word}" + (f": {message}" if message else ""))
            if not self._plan.keep_going:
                await self._end_others(step)
        return False

    async def _end_others(self, failed: Step) -> None:
        for other in self._plan.steps:
            if other is not failed:
                await self._runner.cancel(self._workspace, other.job)

    def _skip(self, step: Step, why: str) -> bool:
        self._runner.skip(self._workspace, step.job, why)
        self._say(f"step {step.name} not run: {why}")
        return False

    def _say(self, line: str) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"[{records.utc_now()}] {line}\n")


def pipeline_cancelled(state: State, workspace: Workspace, name: str) -> bool:
    """Whether somebody cancelled the pipeline."""
    return bool(records.find(state, workspace, name).body.get("cancel"))
