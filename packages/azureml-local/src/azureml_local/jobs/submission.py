"""Submission of jobs: by a client, or by a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from azureml_local.documents.jobs import JobResource
from azureml_local.jobs import command_jobs, pipeline_jobs, validation
from azureml_local.jobs.completion import complete_job
from azureml_local.jobs.planner import make_plan
from azureml_local.jobs.records import Job
from azureml_local.jobs.runner import Runner
from azureml_local.jobs.sweep.runs import run_sweep
from azureml_local.jobs.sweep.validation import check_sweep, check_trial_names, complete_sweep


def submit_job(
    runner: Runner, job: Job, submitted: Mapping[str, object], schedule: str | None = None
) -> JobResource:
    """Accept a new job and run it in the background.

    Args:
        runner: runs the job.
        job: the job, which does not exist yet.
        submitted: its properties as the client sent them.
        schedule: the schedule that starts it.

    Raises:
        AzureError: the job is not valid.
    """
    properties = complete_job(submitted)
    validation.check_job(job, properties)
    run = partial(command_jobs.run_command_job, runner, job)
    if properties["jobType"] == "Pipeline":
        plan = make_plan(job.workspace, properties, interpreter=runner.interpreter_mode)
        run = partial(pipeline_jobs.run_pipeline, runner, job, plan)
    elif properties["jobType"] == "Sweep":
        properties = complete_sweep(job.workspace, properties)
        check_trial_names(job, check_sweep(job.workspace, properties))
        run = partial(run_sweep, runner, job)
    document = job.create(properties=properties, schedule=schedule)
    job.workspace.state.background(run())
    return document
