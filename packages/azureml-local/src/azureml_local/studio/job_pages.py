"""The pages of jobs: the list, a job with its graph, its log, artifacts and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import NotRequired, TypedDict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from azureml_local.addresses import run_artifacts_path
from azureml_local.documents.jobs import JobResource
from azureml_local.errors import NotFound
from azureml_local.files import inside
from azureml_local.jobs import records
from azureml_local.jobs.records import Job
from azureml_local.json_fields import as_document
from azureml_local.mlflow.entities import Tag
from azureml_local.mlflow.tracking import Tracking
from azureml_local.state import ARTIFACTS, Workspace
from azureml_local.studio import job_views, sweeps, views
from azureml_local.studio.file_responses import file_response, read_log, text_response
from azureml_local.studio.listing import list_rows
from azureml_local.studio.pages import workspace_page
from azureml_local.studio.pipeline_graph import pipeline_graph
from azureml_local.studio.previews import list_files

SECTION = "jobs"


class MlflowMetric(TypedDict):
    """The last value of a metric."""

    key: str
    value: float


class MlflowRunData(TypedDict):
    """The metrics and parameters of an MLflow run."""

    metrics: list[MlflowMetric]
    params: list[Tag]


class MlflowRunInfo(TypedDict):
    """The ids of an MLflow run."""

    run_id: str
    experiment_id: str


class MlflowRun(TypedDict):
    """A run in MLflow's form; without metrics and parameters it has no data."""

    info: MlflowRunInfo
    data: NotRequired[MlflowRunData]


class JobPages:
    """The pages of jobs."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    async def list(self, request: Request, workspace: Workspace) -> Response:
        """The jobs that are not steps of pipelines."""
        jobs = await run_in_threadpool(views.jobs, workspace)
        listing = list_rows(job_views.JOBS, jobs, request.query_params)
        return workspace_page("jobs", workspace, SECTION, listing=listing)

    async def job(self, request: Request, workspace: Workspace) -> Response:
        """A job: settings, graph or steps, metrics, inputs, outputs and log."""
        job = Job(workspace, request.path_params["name"]).read()
        over = (
            job.body["status"] in records.FINAL_STATUSES
        )  # read the status before the log, or the end of the log is missed
        log, read = await run_in_threadpool(read_log, _log_of(workspace, job), None)
        outputs = {
            key: await run_in_threadpool(list_files, workspace.local_path(uri))
            for key, uri in (job.body.get("outputs") or {}).items()
        }
        folder = Job(workspace, job.name).artifacts
        children = Job(workspace, job.name).children()
        return workspace_page(
            "job",
            workspace,
            SECTION,
            job=job,
            over=over,
            log=log,
            read=read,
            inputs=job_views.inputs_of(workspace, job),
            outputs=outputs,
            registered=job_views.registered_outputs(workspace, job),
            artifacts=await run_in_threadpool(list_files, folder),
            run=await self._mlflow_run(workspace, job),
            steps=children,
            sweep=sweeps.sweep_of(job, children),
            graph=await run_in_threadpool(pipeline_graph, workspace, job, children),
        )

    async def _mlflow_run(self, workspace: Workspace, job: JobResource) -> MlflowRun | None:
        """A job's MLflow run; None without one."""
        if not job.body.get("tracked"):
            return None
        client = await self._tracking.client(workspace)
        response = await client.get("/api/2.0/mlflow/runs/get", params={"run_id": job.name})
        if response.status_code != 200:
            return None
        run = as_document(MlflowRun, response.json()["run"])
        data: MlflowRunData = {"metrics": [], "params": []}
        return {**run, "data": {**data, **run.get("data", {})}}


async def log(request: Request, workspace: Workspace) -> Response:
    """The part of a job's log after byte ``from``, and the job's status."""
    job = Job(workspace, request.path_params["name"]).read()
    over = job.body["status"] in records.FINAL_STATUSES
    offset = request.query_params.get("from", "0")
    start = int(offset) if offset.isascii() and offset.isdigit() and len(offset) < 16 else 0
    text, read = await run_in_threadpool(read_log, _log_of(workspace, job), start)
    status = {"x-status": job.body["status"], "x-over": str(over).lower(), "x-next": str(read)}
    return text_response(text, **status)


async def artifact(request: Request, workspace: Workspace) -> Response:
    """An artifact of a job's run."""
    params = request.path_params
    folder = workspace.container(ARTIFACTS)
    return file_response(inside(folder, f"{run_artifacts_path(params['name'])}/{params['path']}"))


async def output(request: Request, workspace: Workspace) -> Response:
    """A file of an output of a job."""
    params = request.path_params
    job = Job(workspace, params["name"]).read()
    uri = (job.body.get("outputs") or {}).get(params["output"])
    if uri is None:
        raise NotFound(f"Output {params['output']} was not found in job {job.name}.")
    root = workspace.local_path(uri)
    return file_response(root if root.is_file() else inside(root, params["path"]))


def _log_of(workspace: Workspace, job: JobResource) -> Path | None:
    """The log of a job; None before it has one."""
    folder = Job(workspace, job.name).artifacts
    names = [*records.stream_logs(folder), records.SCORING_LOG]
    return next((path for name in names if (path := folder / name).is_file()), None)
