"""Documents of jobs: in the store, in the API and in the run history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Unpack

from azureml_local import addresses
from azureml_local.addresses import blob_endpoint, run_artifacts_path
from azureml_local.arm import ArmResource
from azureml_local.documents.jobs import (
    JOBS,
    JobDocument,
    JobError,
    JobProperties,
    JobResource,
    JobService,
    OutputAsset,
    RunRecord,
)
from azureml_local.identity import auth
from azureml_local.state import ARTIFACTS, Workspace

FINAL_STATUSES = frozenset({"Completed", "Failed", "Canceled"})
RUN_TYPES = {"Pipeline": "azureml.PipelineRun", "Sweep": "hyperdrive"}
"""The type of a job's run in the run history; other jobs have ``azureml.commandjob``."""
LOG = "user_logs/std_log.txt"
EXECUTION_LOG = "logs/azureml/executionlogs.txt"
SWEEP_LOG = "azureml-logs/hyperdrive.txt"
"""The log of a sweep, at Azure's path."""
SCORING_LOG = "logs/user/stdout/127.0.0.1/process000.stdout.txt"
"""The log of the scoring process in the child of a batch job, at Azure's path."""


def utc_now() -> str:
    """The current time in UTC in ISO 8601."""
    return datetime.now(UTC).isoformat()


def write_log(log: Path, line: str) -> None:
    """Append a line to the log of a pipeline or sweep, with the current time."""
    with log.open("a", encoding="utf-8") as file:
        file.write(f"[{utc_now()}] {line}\n")


@dataclass(frozen=True)
class Job:
    """A job of a workspace: its document in the store, its logs and its folders."""

    workspace: Workspace
    name: str

    @property
    def key(self) -> tuple[str, str]:
        """Its key among the jobs of all workspaces."""
        return self.workspace.key, self.name

    def read(self) -> JobResource:
        """Its document.

        Raises:
            NotFound: it does not exist.
        """
        return self.workspace.require(JOBS, self.name, "Job", "UserError")

    @property
    def body(self) -> JobDocument:
        """The body of its document."""
        return self.read().body

    @property
    def properties(self) -> JobProperties:
        """The properties of its document, as the API has them."""
        return self.body["properties"]

    @property
    def exists(self) -> bool:
        """Whether it is in the store."""
        return self.workspace.documents.get(JOBS, self.name) is not None

    @property
    def status(self) -> str:
        """Its current status."""
        return self.body["status"]

    @property
    def is_cancelled(self) -> bool:
        """Whether a client has cancelled it."""
        return bool(self.body.get("cancel"))

    @property
    def root(self) -> str:
        """The name of the outermost job that it is part of."""
        body = self.body
        return body.get("root") or body.get("parent") or self.name

    def create(self, **fields: Unpack[JobDocument]) -> JobResource:
        """Create its document, which is not started yet."""
        body: JobDocument = {"status": "NotStarted", "submitted": utc_now(), **fields}
        return self.workspace.documents.put(JOBS, self.name, body)

    def update(self, **changes: Unpack[JobDocument]) -> JobResource:
        """Change fields of its document: status, times, error, properties."""
        documents = self.workspace.documents
        with documents.transaction():
            return documents.put(JOBS, self.name, {**self.body, **changes})

    def set_status(self, status: str) -> None:
        """Set its status and start time; a job that is being cancelled keeps its status."""
        body = self.body
        if body.get("cancel"):
            status = body["status"]
        self.update(started=body.get("started") or utc_now(), status=status)

    def end(self, status: str, error: JobError | None) -> None:
        """Set its final status and the time of its end."""
        self.update(status=status, ended=utc_now(), error=error)

    def children(self) -> list[JobResource]:
        """The documents of its children, oldest first."""
        jobs = self.workspace.documents.entries(JOBS)
        return [job for job in jobs if job.body.get("parent") == self.name]

    def sibling(self, name: str) -> Job:
        """Another job of its workspace, such as a step or a trial."""
        return Job(self.workspace, name)

    @property
    def artifacts(self) -> Path:
        """The folder of its run's artifacts."""
        return self.workspace.container(ARTIFACTS) / run_artifacts_path(self.name)

    def log_file(self, path: str) -> Path:
        """A log file among its artifacts, which is created."""
        log = self.artifacts / path
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        return log

    def folder(self, kind: str) -> Path:
        """A local folder for its working files (``jobs``) or copied ``inputs``."""
        return self.workspace.state.data / kind / self.workspace.key / self.name


def document(workspace: Workspace, job: JobResource) -> ArmResource:
    """A job as the API shows it; a child job has no properties.

    Azure ML shows child jobs in the run history only. The SDK reads them there: it can list and get
    them, but not stream or download them.
    """
    body = job.body
    if body.get("parent"):
        return {"id": f"{workspace.path}/jobs/{job.name}", "name": job.name, "properties": None}
    services: dict[str, JobService] = {  # a client cannot change them
        "Tracking": {
            "jobServiceType": "Tracking",
            "endpoint": addresses.azureml_tracking_uri(workspace),
        },
        "Studio": {
            "jobServiceType": "Studio",
            "endpoint": studio_url(workspace, job.name),
        },
    }
    properties = {
        "properties": {},
        "tags": {},
        **body["properties"],
        "status": body["status"],
        "services": services,
    }
    return workspace.document(f"jobs/{job.name}", systemData=job.system_data, properties=properties)


def experiment_name(properties: JobProperties) -> str:
    """The experiment of a job."""
    return properties.get("experimentName") or "Default"


def studio_url(workspace: Workspace, name: str) -> str:
    """The address of a job's studio page, with the key to the workspace's pages."""
    key = auth.page_key(workspace.state.secret, workspace.key)
    return f"{workspace.state.url}/studio/{workspace.key}/jobs/{name}?key={key}"


def run_history(workspace: Workspace, job: JobResource) -> RunRecord:
    """A job as the run history shows it: status, addresses of logs, error."""
    body = job.body
    folder = Job(workspace, job.name).artifacts
    base = blob_endpoint(workspace)
    base = f"{base}/{workspace.containers[ARTIFACTS]}/{run_artifacts_path(job.name)}"
    sas = auth.sas_token(workspace.state.secret, workspace.key)
    logs = {name: f"{base}/{name}?{sas}" for name in stream_logs(folder)}
    return {
        "runId": job.name,
        "parentRunId": body.get("parent"),
        "status": body["status"],
        "startTimeUtc": body.get("started"),
        "endTimeUtc": body.get("ended"),
        "error": body.get("error"),
        "logFiles": logs,
        "properties": body["properties"].get("properties") or {},
        "tags": body["properties"].get("tags") or {},
        "experimentId": body["properties"].get("experimentName"),
        "experimentName": body["properties"].get("experimentName"),
        "displayName": body["properties"].get("displayName"),
        "outputs": _outputs(body),
        "rootRunId": body.get("root") or body.get("parent") or job.name,
        "runUuid": job.name,
        "runType": RUN_TYPES.get(body["properties"].get("jobType", ""), "azureml.commandjob"),
        "createdUtc": job.created,
        "lastModifiedUtc": job.modified,
        "hidden": bool(body["properties"].get("isArchived")),
    }


def stream_logs(folder: Path) -> list[str]:
    """The logs that the SDK can stream, among the artifacts of a job: one for each process."""
    logs = [f"user_logs/{path.name}" for path in (folder / "user_logs").glob("std_log*.txt")]
    others = [each for each in (EXECUTION_LOG, SWEEP_LOG) if (folder / each).is_file()]
    return sorted(logs) + others


def _outputs(body: JobDocument) -> dict[str, OutputAsset]:
    """The outputs of a completed job for the SDK's download; their addresses are their ids."""
    if body["status"] != "Completed":
        return {}
    outputs = body.get("outputs") or {}
    return {name: {"assetId": uri, "type": "uri_folder"} for name, uri in outputs.items()}


def error_document(message: str, code: str = "UserError") -> JobError:
    """An error in the form of the run history."""
    return {"error": {"code": code, "message": message}}
