"""Runs sweep jobs: trials side by side, early termination, and the outputs of the best trial.

A trial is a child job of the sweep, with the name ``<sweep>_<number>``. Trials start when fewer
than ``max_concurrent_trials`` are active, and wait in the queue of their compute like other jobs.
If the first three trials to end have failed, the sweep is cancelled and fails.
"""

from __future__ import annotations

import asyncio
import json
import math
import traceback
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from azureml_local.addresses import run_artifacts_path
from azureml_local.documents.jobs import JobProperties, JobResource
from azureml_local.errors import AzureError
from azureml_local.jobs import command_jobs, inputs, records
from azureml_local.jobs.records import Job
from azureml_local.jobs.runner import Runner
from azureml_local.jobs.sweep.sampling import Parameters
from azureml_local.jobs.sweep.settings import SweepSettings
from azureml_local.jobs.sweep.trials import (
    check_unused,
    read_history,
    trial_name,
    trial_number,
    trial_properties,
)
from azureml_local.json_fields import texts_of

MAX_FIRST_FAILURES = 3
POLICY_SECONDS = 0.5  # between two readings of the metrics of running trials
PRIMARY_METRIC, BEST_TRIAL, SCORE = "primary_metric_config", "best_child_run_id", "score"
"""The properties of a sweep with its objective, its best trial, and that trial's metric."""


async def run_sweep(runner: Runner, job: Job) -> None:
    """Run a sweep job from its first trial to its final status.

    Args:
        runner: runs the trials.
        job: the sweep job, or the step that is a sweep.
    """
    properties = job.properties
    settings = SweepSettings.read(properties)
    run = _SweepRun(runner, job, properties, settings)
    await runner.supervise(job, lambda: run.log, run.run_trials, status="Running")


@dataclass
class _SweepRun:
    """One run of a sweep's trials; the arguments of :func:`run_sweep`, and its settings."""

    runner: Runner
    job: Job
    properties: JobProperties
    settings: SweepSettings
    failure: str = ""
    _ended: list[str] = field(default_factory=list)
    """The final statuses of the trials in the order of their ends."""
    _histories: dict[str, list[float]] = field(default_factory=dict)
    """The logged values of each trial's primary metric."""
    _metric_errors: dict[str, str] = field(default_factory=dict)
    """The last error of reading each trial's metric, which is in the log."""

    @cached_property
    def log(self) -> Path:
        """The file for its events."""
        return self.job.log_file(records.SWEEP_LOG)

    async def run_trials(self) -> int:
        """Run all trials and return 0 if the sweep completed.

        Raises:
            AzureError: the sweep failed.
        """
        await self.runner.create_run(self.job, {})
        samples = await asyncio.to_thread(self.settings.sample_trials)
        records.write_log(self.log, f"sampled {len(samples)} trials ({self.settings.algorithm})")
        self._set_properties(samples)
        helpers = [self._apply_policy()]
        if self.settings.timeout is not None:
            helpers.append(self._cancel_after(self.settings.timeout))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._fail_on_error(helper)) for helper in helpers]
            async with asyncio.TaskGroup() as trials:
                await self._fail_on_error(self._start_trials(trials, samples))
            for task in tasks:
                task.cancel()
        for trial in self._trials():
            if trial.body["status"] not in records.FINAL_STATUSES:  # its task had an error
                self.runner.skip(self.job.sibling(trial.name), self.failure)
        if not self.failure and not self.job.is_cancelled:
            await asyncio.to_thread(self._take_outputs, self._best_trial())
        if not self.failure and self._ended and set(self._ended) == {"Failed"}:
            self.failure = f"all trials failed: {self._first_error()}"
        if self.failure:
            raise AzureError(self.failure, "UserError")
        return 0

    async def _start_trials(self, group: asyncio.TaskGroup, samples: list[Parameters]) -> None:
        """Start each trial when fewer than the maximum are active."""
        active = asyncio.Semaphore(self.settings.max_concurrent_trials)
        for number, parameters in enumerate(samples):
            await active.acquire()
            if self.failure or self.job.is_cancelled:
                return
            trial = self._create_trial(number, parameters)
            group.create_task(self._fail_on_error(self._run_trial(trial, active)))

    async def _fail_on_error(self, work: Coroutine[Any, Any, None]) -> None:
        """Await ``work``; an error in it fails the sweep and cancels the trials."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the other trials must get a final status
            traceback.print_exc()  # to the server's log
            message = error.message if isinstance(error, AzureError) else repr(error)
            self.failure = self.failure or message
            records.write_log(self.log, f"the sweep fails: {message}")
            await self._cancel_trials()

    def _create_trial(self, number: int, parameters: Parameters) -> str:
        trial = trial_name(self.job.name, number)
        job = self.job.sibling(trial)
        check_unused(job)
        job.create(
            properties=trial_properties(self.properties, self.settings, trial, parameters),
            parent=self.job.name,
            root=self.job.root,
            trial={"parameters": parameters},
        )
        records.write_log(self.log, f"trial {trial} submitted: {json.dumps(parameters)}")
        return trial

    async def _run_trial(self, trial: str, active: asyncio.Semaphore) -> None:
        job = self.job.sibling(trial)
        try:
            await command_jobs.run_command_job(self.runner, job)
            await self._read_metric(trial)
            status = job.status
            self._ended.append(status)
            records.write_log(self.log, f"trial {trial} {status}")
            if self._ended == ["Failed"] * MAX_FIRST_FAILURES and not self.job.is_cancelled:
                self.failure = (
                    f"the first {MAX_FIRST_FAILURES} trials failed: {self._first_error()}"
                )
                await self._cancel_trials()
        finally:
            active.release()

    def _trials(self) -> list[JobResource]:
        return self.job.children()

    async def _cancel_trials(self) -> None:
        for trial in self._trials():
            await self.runner.cancel(self.job.sibling(trial.name))

    async def _cancel_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        message = f"cancelled: the sweep ran longer than limits.timeout ({seconds:g} s)"
        records.write_log(self.log, message)
        self.job.update(error=records.error_document(message))
        await self.runner.cancel(self.job)

    async def _read_metric(self, trial: str) -> None:
        """Read the primary metric of a trial and store its best value; an error is logged."""
        try:
            history = await read_history(
                self.runner.tracking, self.job.workspace, trial, self.settings.metric
            )
        except (AzureError, httpx.HTTPError) as error:
            message = f"trial {trial}: cannot read its metric: {error!r}"
            if message != self._metric_errors.get(trial):
                records.write_log(self.log, message)
            self._metric_errors[trial] = message
            return
        if history != self._histories.get(trial):
            self._histories[trial] = history
            job = self.job.sibling(trial)
            parameters = job.body["trial"]["parameters"]
            best = self.settings.best(history)
            job.update(trial={"parameters": parameters, "metric": best})

    async def _apply_policy(self) -> None:
        """Cancel running trials as the early termination policy says."""
        policy = self.settings.policy
        applied: dict[str, int] = {}
        while policy is not None:
            await asyncio.sleep(POLICY_SECONDS)
            running = [each.name for each in self._trials() if each.body["status"] == "Running"]
            for trial in running:
                await self._read_metric(trial)
            for trial in running:
                reached = len(self._histories.get(trial, []))
                for interval in policy.intervals(applied.get(trial, 0), reached):
                    if policy.cancels(
                        trial, interval, self._histories, maximize=self.settings.maximize
                    ):
                        records.write_log(
                            self.log, f"trial {trial} cancelled by the policy at {interval}"
                        )
                        await self.runner.cancel(self.job.sibling(trial))
                        break
                applied[trial] = reached

    def _best_trial(self) -> JobResource | None:
        """The completed trial with the best metric; the first one of equals."""
        measured = [
            (metric, trial)
            for trial in sorted(self._trials(), key=lambda trial: trial_number(trial.name))
            if trial.body["status"] == "Completed"
            and (metric := trial.body["trial"].get("metric")) is not None
        ]
        best = max if self.settings.maximize else min
        return best(measured, key=lambda each: each[0], default=(0.0, None))[1]

    def _take_outputs(self, best: JobResource | None) -> None:
        """Copy the best trial's outputs to those of the sweep, and name it in the properties."""
        if best is None:
            records.write_log(
                self.log, f"no completed trial logged the metric {self.settings.metric}"
            )
            self._add_properties({"best_metric_status": "Failed"})
            return
        score = best.body["trial"]["metric"]
        records.write_log(self.log, f"best trial: {best.name} ({self.settings.metric} {score})")
        declared = self.properties.get("outputs") or {}
        outputs = inputs.resolve_outputs(self.job, {k: v for k, v in declared.items() if v})
        for key, output in outputs.items():
            output.copy_from(best.body["outputs"][key])
        self.job.update(outputs={key: output.uri for key, output in outputs.items()})
        self._add_properties(
            {
                BEST_TRIAL: best.name,
                SCORE: str(score),
                "best_metric_status": "Succeeded",
                "best_data_container_id": run_artifacts_path(best.name).rpartition("/")[2],
            }
        )

    def _set_properties(self, samples: list[Parameters]) -> None:
        """Set the properties that Azure's sweeps have, and a tag for each trial."""
        objective = {
            "name": self.settings.metric,
            "goal": "maximize" if self.settings.maximize else "minimize",
        }
        size = self.settings.space_size
        self._add_properties(
            {
                PRIMARY_METRIC: json.dumps(objective),
                "resume_from": "null",
                "runTemplate": "HyperDrive",
                "azureml.runsource": "hyperdrive",
                "platform": "AML",
                "space_size": "infinite_space_size" if math.isinf(size) else str(int(size)),
            }
        )
        tags = {trial_name(self.job.name, i): json.dumps(each) for i, each in enumerate(samples)}
        properties = self.job.properties
        properties["tags"] = {**texts_of(properties, "tags"), **tags}
        self.job.update(properties=properties)

    def _add_properties(self, new: dict[str, str]) -> None:
        properties = self.job.properties
        properties["properties"] = {**texts_of(properties, "properties"), **new}
        self.job.update(properties=properties)

    def _first_error(self) -> str:
        """The message of the first trial that failed."""
        errors = (
            error["error"]["message"]
            for trial in self._trials()
            if trial.body["status"] == "Failed" and (error := trial.body.get("error"))
        )
        return next(errors, "")
