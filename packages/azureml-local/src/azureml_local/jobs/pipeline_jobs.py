"""Runs pipeline jobs: each step is a job of its own and starts when its inputs are available.

Independent steps run at the same time, as many as their compute has instances. If a step fails, the
pipeline fails and its other steps are cancelled. With ``continue_on_step_failure``, the steps that
do not depend on the failed one continue. A loop runs as a pipeline whose steps are its iterations.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from azureml_local.errors import AzureError
from azureml_local.jobs import command_jobs, records
from azureml_local.jobs.branches import is_true
from azureml_local.jobs.inputs import resolve_inputs
from azureml_local.jobs.plans import Loop, Plan, Step
from azureml_local.jobs.records import Job
from azureml_local.jobs.reuse import CompletedSteps
from azureml_local.jobs.runner import Runner
from azureml_local.jobs.sweep.runs import run_sweep


async def run_pipeline(runner: Runner, job: Job, plan: Plan) -> None:
    """Run a pipeline job from its first step to its final status.

    Args:
        runner: runs the steps.
        job: the pipeline job, or the step that is a pipeline.
        plan: its steps.
    """
    run = _PipelineRun(runner, job, plan)
    await runner.supervise(job, lambda: run.log, run.run_steps)


@dataclass
class _PipelineRun:
    """One run of a pipeline's steps; the arguments of :func:`run_pipeline`."""

    runner: Runner
    job: Job
    plan: Plan
    failures: list[str] = field(default_factory=list)

    @cached_property
    def log(self) -> Path:
        """The file for its events."""
        return self.job.log_file(records.EXECUTION_LOG)

    async def run_steps(self) -> int:
        """Run all steps, or all iterations of a loop, and return 0 if none failed.

        Raises:
            AzureError: a step failed, or the condition or items of a loop have no valid value.
        """
        self._create_step_jobs(self.plan.steps)
        await self.runner.create_run(self.job, self.plan.outputs)
        self.job.set_status("Running")
        await self._run_all(self.plan.steps)
        if self.plan.loop is not None:
            await self._run_next_iterations(self.plan.loop)
        return 0

    async def _run_all(self, steps: list[Step]) -> None:
        """Run steps in topological order, those of a loop not more at once than it allows."""
        limit = self.plan.loop.max_concurrency if self.plan.loop is not None else None
        slots = asyncio.Semaphore(limit or max(1, len(steps)))

        async def run(step: Step, required: dict[str, asyncio.Task[bool]]) -> bool:
            async with slots:
                return await self._run_step(step, required)

        tasks: dict[str, asyncio.Task[bool]] = {}
        async with asyncio.TaskGroup() as group:
            for step in steps:
                required = {name: tasks[name] for name in step.needs}
                tasks[step.name] = group.create_task(run(step, required))
        if self.failures:
            raise AzureError("; ".join(self.failures), "UserError")

    async def _run_next_iterations(self, loop: Loop) -> None:
        """Run the further iterations of a loop and write its outputs, unless it is cancelled."""
        iterations = list(self.plan.steps)
        while not self.job.is_cancelled:
            iterations = await asyncio.to_thread(loop.next_iterations, iterations)
            if not iterations:
                await asyncio.to_thread(loop.write_outputs, self.plan.steps)
                return
            self.plan.steps += iterations
            self._create_step_jobs(iterations)
            await self._run_all(iterations)

    def _create_step_jobs(self, steps: list[Step]) -> None:
        root = self.job.root
        with self.job.workspace.documents.transaction():
            for step in steps:
                loop = step.plan.loop.kind if step.plan and step.plan.loop else None
                job = self.job.sibling(step.job)
                job.create(properties=step.properties, parent=self.job.name, root=root, loop=loop)

    async def _run_step(self, step: Step, required: dict[str, asyncio.Task[bool]]) -> bool:
        """Run one step after those that it needs, and return whether it completed."""
        for name, task in required.items():
            if not await task:
                return self._skip(step, f"step {name} did not complete")
        if self.job.is_cancelled:
            return self._skip(step, "the pipeline was cancelled")
        if self.failures and not self.plan.continue_on_step_failure:
            return self._skip(step, "another step failed")
        try:
            if not await asyncio.to_thread(self._is_branch_taken, step):
                return self._skip(step, "its branch was not taken")
        except AzureError as error:  # the condition has no value
            self.failures.append(f"step {step.name}: {error.message}")
            return self._skip(step, error.message)
        job = self.job.sibling(step.job)
        records.write_log(self.log, f"step {step.name} submitted as job {step.job}")
        if step.reused_job:
            await self._complete_reused(step)
        elif step.plan is not None:
            await run_pipeline(self.runner, job, step.plan)
        elif step.properties["jobType"] == "Sweep":
            await run_sweep(self.runner, job)
        else:
            if step.is_deterministic:
                completed = CompletedSteps(job.workspace, self.runner.interpreter_mode)
                job.update(reuseKey=completed.key(step.properties))
            await command_jobs.run_command_job(self.runner, job)
        body = job.body
        records.write_log(self.log, f"step {step.name} {body['status']}")
        if body["status"] == "Completed":
            return True
        failure = body.get("error")
        message = failure["error"]["message"] if failure else ""
        ended_by_other = self.failures and not self.plan.continue_on_step_failure
        if not ended_by_other and not self.job.is_cancelled:
            result = "failed" if body["status"] == "Failed" else "was cancelled"
            self.failures.append(f"step {step.name} {result}" + (f": {message}" if message else ""))
            if not self.plan.continue_on_step_failure:
                await self._cancel_others(step)
        return False

    def _is_branch_taken(self, step: Step) -> bool:
        """Whether the conditions of a step have the values of its branches."""
        folder = Path()  # literals need no folder for copies
        return all(
            is_true(resolve_inputs(self.job.workspace, {"condition": value}, folder)["condition"])
            is expected
            for value, expected in step.conditions
        )

    async def _complete_reused(self, step: Step) -> None:
        """Complete a step with the outputs of the job that it reuses."""
        job = self.job.sibling(step.job)
        log = partial(job.log_file, records.LOG)

        async def complete() -> int:
            log().write_text(f"reuses job {step.reused_job}\n", encoding="utf-8")
            await self.runner.create_run(job, step.outputs)
            return 0

        await self.runner.supervise(job, log, complete)

    async def _cancel_others(self, failed: Step) -> None:
        for step in self.plan.steps:
            if step is not failed:
                await self.runner.cancel(self.job.sibling(step.job))

    def _skip(self, step: Step, reason: str) -> bool:
        self.runner.skip(self.job.sibling(step.job), reason)
        records.write_log(self.log, f"step {step.name} skipped: {reason}")
        return False
