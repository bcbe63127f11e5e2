"""Runs pipeline jobs: each step is a job of its own and starts when its inputs are available.

Independent steps run at the same time, as many as their compute has instances. If a step fails, the
pipeline fails and its other steps are cancelled. With ``continue_on_step_failure``, the steps that
do not depend on the failed one continue.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from azureml_local.errors import AzureError
from azureml_local.jobs import command_jobs, records
from azureml_local.jobs.plans import Plan, Step
from azureml_local.jobs.reuse import CompletedSteps
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
    """Run a pipeline job from its first step to its final status.

    Args:
        state: the server's state.
        runner: runs the steps.
        workspace: the job's workspace.
        name: the pipeline job, or the step that is a pipeline.
        plan: its steps.
        root: the outermost pipeline job; None if it is this one.
    """
    log = runner.log_file(workspace, name, records.EXECUTION_LOG)
    run = _PipelineRun(state, runner, workspace, name, plan, log, root or name)
    await runner.supervise(workspace, name, log, run.run_steps)


class _PipelineRun:
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
        self._failures: list[str] = []

    async def run_steps(self) -> int:
        """Run all steps and return 0 if none failed.

        Raises:
            AzureError: a step failed.
        """
        self._create_step_jobs()
        job = records.find(self._state, self._workspace, self._name)
        properties = job.body["properties"]
        experiment = properties.get("experimentName") or "Default"
        display_name = properties.get("displayName") or self._name
        records.update(
            self._state, self._workspace, self._name, outputs=self._plan.outputs, tracked=True
        )
        await self._runner.tracking.create_job_run(
            self._workspace, self._name, experiment, display_name, job.body.get("parent")
        )
        self._runner.set_status(self._workspace, self._name, "Running")
        tasks: dict[str, asyncio.Task[bool]] = {}
        async with asyncio.TaskGroup() as group:
            for step in self._plan.steps:  # in topological order
                required = {name: tasks[name] for name in step.needs}
                tasks[step.name] = group.create_task(self._run_step(step, required))
        if self._failures:
            raise AzureError("; ".join(self._failures), "UserError")
        return 0

    def _create_step_jobs(self) -> None:
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

    async def _run_step(self, step: Step, required: dict[str, asyncio.Task[bool]]) -> bool:
        """Run one step after those that it needs, and return whether it completed."""
        for name, task in required.items():
            if not await task:
                return self._skip(step, f"step {name} did not complete")
        if self._is_cancelled():
            return self._skip(step, "the pipeline was cancelled")
        if self._failures and not self._plan.continue_on_step_failure:
            return self._skip(step, "another step failed")
        self._write_log(f"step {step.name} submitted as job {step.job}")
        if step.reused_job:
            await self._complete_reused(step)
        elif step.plan is not None:
            await run_pipeline(
                self._state, self._runner, self._workspace, step.job, step.plan, self._root
            )
        else:
            if step.is_deterministic:
                key = CompletedSteps(self._state, self._workspace).key(step.properties)
                records.update(self._state, self._workspace, step.job, reuseKey=key)
            await command_jobs.run_command_job(self._runner, self._state, self._workspace, step.job)
        body = records.find(self._state, self._workspace, step.job).body
        self._write_log(f"step {step.name} {body['status']}")
        if body["status"] == "Completed":
            return True
        message = ((body.get("error") or {}).get("error") or {}).get("message")
        ended_by_other = self._failures and not self._plan.continue_on_step_failure
        if not ended_by_other and not self._is_cancelled():
            result = "failed" if body["status"] == "Failed" else "was cancelled"
            self._failures.append(
                f"step {step.name} {result}" + (f": {message}" if message else "")
            )
            if not self._plan.continue_on_step_failure:
                await self._cancel_others(step)
        return False

    async def _complete_reused(self, step: Step) -> None:
        """Complete a step with the outputs of the job that it reuses."""
        log = self._runner.log_file(self._workspace, step.job, records.LOG)
        log.write_text(f"reuses job {step.reused_job}\n", encoding="utf-8")

        async def complete() -> int:
            records.update(
                self._state, self._workspace, step.job, outputs=step.outputs, tracked=True
            )
            experiment = step.properties.get("experimentName") or "Default"
            await self._runner.tracking.create_job_run(
                self._workspace, step.job, experiment, step.name, self._name
            )
            return 0

        await self._runner.supervise(self._workspace, step.job, log, complete)

    async def _cancel_others(self, failed: Step) -> None:
        for step in self._plan.steps:
            if step is not failed:
                await self._runner.cancel(self._workspace, step.job)

    def _skip(self, step: Step, reason: str) -> bool:
        self._runner.skip(self._workspace, step.job, reason)
        self._write_log(f"step {step.name} skipped: {reason}")
        return False

    def _write_log(self, line: str) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"[{records.utc_now()}] {line}\n")

    def _is_cancelled(self) -> bool:
        return bool(records.find(self._state, self._workspace, self._name).body.get("cancel"))
