"""Reuse of completed steps: a step with the same component and inputs does not run again.

As on Azure, a deterministic step takes the outputs of an earlier job, unless the pipeline sets
``force_rerun``. Two jobs are equal if their command, code, environment, variables and outputs are,
and if their inputs have equal values or unchanged files. A server with another interpreter for jobs
(``--isolation``, ``--interpreter``) runs them again. Steps that register an output always run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from azureml_local.documents.jobs import JOBS, JobInput, JobProperties, JobResource
from azureml_local.errors import AzureError
from azureml_local.jobs import inputs
from azureml_local.json_fields import Json
from azureml_local.state import Workspace

CONTENT = (
    "command",
    "parallel",
    "codeId",
    "environmentId",
    "environmentVariables",
    "distribution",
    "outputs",
)
"""The properties of a step's job that must be equal, besides its inputs."""
IS_REUSED, REUSED_JOB, REUSED_PIPELINE = (
    "azureml.isreused",
    "azureml.reusedrunid",
    "azureml.reusedpipelinerunid",
)


@dataclass
class CompletedSteps:
    """The completed steps of a workspace by their content; none if reuse is disabled.

    Attributes:
        workspace: of the steps.
        interpreter: how jobs get their interpreter; see :attr:`Runner.interpreter_mode`.
        enabled: whether steps may reuse completed jobs.
    """

    workspace: Workspace
    interpreter: str
    enabled: bool = True
    _jobs: dict[str, JobResource] | None = field(default=None, init=False)

    def key(self, properties: JobProperties) -> str:
        """The digest of a step's content; empty if an input does not exist yet."""
        outputs = properties["outputs"].values()
        if any(output.get("assetName") for output in outputs):
            return ""
        try:
            files = {
                name: list(self._input_content(value))
                for name, value in properties["inputs"].items()
            }
        except AzureError:
            return ""
        content = {name: properties.get(name) for name in CONTENT}
        content |= {"inputs": files, "interpreter": self.interpreter}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def find(self, key: str) -> JobResource | None:
        """The last completed job with this content, if its outputs still exist."""
        if not self.enabled:
            return None
        if self._jobs is None:
            self._jobs = {
                job.body["reuseKey"]: job
                for job in self.workspace.documents.entries(JOBS)
                if job.body.get("reuseKey") and job.body["status"] == "Completed"
            }
        job = self._jobs.get(key) if key else None
        uris = (job.body.get("outputs") or {}).values() if job else ()
        exist = all(self.workspace.local_path(uri).exists() for uri in uris)
        return job if exist else None

    def _input_content(self, value: JobInput) -> Iterator[list[Json]]:
        """What identifies the content of an input: its value, or its files with size and time."""
        uri = value.get("uri")
        yield [value.get("jobInputType"), value.get("mode"), value.get("value"), uri]
        if uri is None:
            return
        location = Path(inputs.locate_input(self.workspace, uri))
        if location.is_absolute():  # not the address of a public file
            paths = sorted(location.rglob("*")) if location.is_dir() else [location]
            for path in paths:
                if path.is_file():
                    stat = path.stat()
                    yield [str(path.relative_to(location)), stat.st_size, stat.st_mtime_ns]


def reuse_properties(job: str, pipeline: str) -> dict[str, str]:
    """The properties of a step that reuses a job."""
    return {IS_REUSED: "true", REUSED_JOB: job, REUSED_PIPELINE: pipeline}
