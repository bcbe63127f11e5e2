"""Predefined variables of a run, and its build number."""

from __future__ import annotations

import platform
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines_local import files
from pipelines_local.errors import InvalidPipeline, Position
from pipelines_local.expressions import functions
from pipelines_local.model import Job, Stage
from pipelines_local.run.folders import STATE, RunFolder, next_number
from pipelines_local.run.variables import Variables
from pipelines_local.sources import Source
from pipelines_local.tasks.context import JobFolders

DEFAULT_NAME = "$(Date:yyyyMMdd).$(Rev:r)"
SETTABLE = ("build.reason", "build.sourcebranch", "build.requestedfor")
"""Predefined variables that a caller can set: they describe the trigger of the run."""
_RESOURCE_VARIABLES = {
    "runID": "Build.BuildId",
    "runURI": "Build.BuildUri",
    "sourceBranch": "Build.SourceBranch",
    "sourceCommit": "Build.SourceVersion",
    "sourceProvider": "Build.Repository.Provider",
    "requestedFor": "Build.RequestedFor",
}
_REPOSITORY_VARIABLES = {
    "name": "Build.Repository.Name",
    "ref": "Build.SourceBranch",
    "url": "Build.Repository.Uri",
    "version": "Build.SourceVersion",
}
_TOKEN = re.compile(r"\$\((Date|Rev|BuildID|[A-Za-z_][\w.]*)(?::([^()]*))?\)", re.IGNORECASE)
_SHORT_NAMES = {
    "sourcebranchname": "Build.SourceBranchName",
    "builddefinitionname": "Build.DefinitionName",
    "teamproject": "System.TeamProject",
}
_DATE_TOKENS = {
    "dayofmonth": "%d", "dayofyear": "%j", "hours": "%H", "minutes": "%M", "month": "%m",
    "seconds": "%S",
}  # fmt: skip


def compile_time_variables(
    source: Source, definition: str, root: Path, variables: Mapping[str, str]
) -> dict[str, str]:
    """Return the predefined variables that templates can use."""
    own = {name.lower(): value for name, value in variables.items() if name.lower() in SETTABLE}
    branch = own.get("build.sourcebranch", f"refs/heads/{source.branch}" if source.branch else "")
    return {
        "Build.DefinitionName": definition,
        "Build.DefinitionVersion": "1",
        "Build.QueuedBy": own.get("build.requestedfor", source.author),
        "Build.Reason": own.get("build.reason", "Manual"),
        "Build.Repository.Clean": "False",
        "Build.Repository.Git.SubmoduleCheckout": "False",
        "Build.Repository.Name": root.name,
        "Build.Repository.Provider": "TfsGit",
        "Build.Repository.Uri": root.as_uri(),
        "Build.RequestedFor": own.get("build.requestedfor", source.author),
        "Build.RequestedForEmail": source.email,
        "Build.SourceBranch": branch,
        "Build.SourceBranchName": branch.rpartition("/")[2],
        "Build.SourceVersion": source.commit,
        "Build.SourceVersionMessage": source.message,
        "System.CollectionUri": "https://localhost/",
        "System.DefinitionId": "1",
        "System.DefinitionName": definition,
        "System.HostType": "build",
        "System.TeamFoundationCollectionUri": "https://localhost/",
        "System.TeamProject": root.name,
    }


def run_variables(build_id: int) -> dict[str, str]:
    """Return the predefined variables of a run."""
    return {
        "Agent.Id": "1",
        "Agent.MachineName": platform.node(),
        "Agent.Name": platform.node(),
        "Agent.OS": {"Linux": "Linux", "Darwin": "Darwin"}.get(platform.system(), "Windows_NT"),
        "Agent.OSArchitecture": "ARM64" if platform.machine() in ("aarch64", "arm64") else "X64",
        "Agent.Version": "4.0.0",
        "Build.BuildId": str(build_id),
        "Build.BuildUri": f"vstfs:///Build/Build/{build_id}",
        "System.Culture": "en-US",
        "System.JobParallelismTag": "Private",
        "System.PipelineStartTime": "",
    }


def resource_variables(alias: str, source: str, run: RunFolder | None) -> dict[str, str]:
    """Return the variables ``resources.pipeline.ALIAS.*`` of a pipeline resource.

    Args:
        alias: its alias in ``resources.pipelines``.
        source: the name of the pipeline.
        run: its run; None if the caller gave only a folder of artifacts.
    """
    values = {"pipelineName": source}
    if run is not None:
        stored = files.read_json(run.path / STATE) or {}
        known = {item["name"]: item["value"] for item in stored.get("variables", ())}
        values["runName"] = str(run.read_result().get("name", ""))
        values |= {name: known.get(variable, "") for name, variable in _RESOURCE_VARIABLES.items()}
    return {f"resources.pipeline.{alias}.{name}": value for name, value in values.items()}


def repository_values(variables: Variables) -> dict[str, Any]:
    """Return the value of ``resources`` in expressions: only the repository ``self``."""
    own = {name: variables.get(variable) or "" for name, variable in _REPOSITORY_VARIABLES.items()}
    return {"repositories": {"self": {"id": "", "type": "Git", **own}}, "containers": {}}


def job_variables(folders: JobFolders, stage: Stage, job: Job) -> dict[str, str]:
    """Return the predefined variables of a job."""
    values = {
        "Agent.JobName": job.display,
        "Agent.JobStatus": "Succeeded",
        "System.JobAttempt": "1",
        "System.JobDisplayName": job.display,
        "System.JobId": str(uuid.uuid4()),
        # On Azure a plain job is the only instance of a phase with the name of the job.
        "System.JobName": job.leg or (job.name if job.environment else "__default"),
        "System.JobPositionInPhase": job.position,
        "System.PhaseAttempt": "1",
        "System.PhaseName": job.base_name,
        "System.StageAttempt": "1",
        "System.StageDisplayName": stage.display or stage.name,
        "System.StageName": stage.name,
        "System.TotalJobsInPhase": job.total,
    }
    if job.environment:
        values["Environment.Name"] = job.environment
        values["Environment.Id"] = "1"
    return folder_variables(folders) | {name: str(value) for name, value in values.items()}


def folder_variables(folders: JobFolders) -> dict[str, str]:
    """Return the predefined variables with the folders of a job."""
    values = {
        "Agent.BuildDirectory": folders.workspace,
        "Agent.TempDirectory": folders.temp,
        "Agent.ToolsDirectory": folders.tools,
        "Agent.WorkFolder": folders.workspace.parent,
        "Build.ArtifactStagingDirectory": folders.staging,
        "Build.BinariesDirectory": folders.binaries,
        "Build.Repository.LocalPath": folders.repository,
        "Build.SourcesDirectory": folders.sources,
        "Build.StagingDirectory": folders.staging,
        "Common.TestResultsDirectory": folders.tests,
        "Pipeline.Workspace": folders.workspace,
        "System.ArtifactsDirectory": folders.staging,
        "System.DefaultWorkingDirectory": folders.sources,
    }
    return {name: str(path) for name, path in values.items()}


def build_number(
    template: str,
    variables: Variables,
    started: datetime,
    work: Path,
    definition: str,
    at: Position,
) -> str:
    """Return the build number: the expanded ``name`` of the pipeline.

    Raises:
        InvalidPipeline: an unknown date format.
    """

    def expand_token(match: re.Match[str]) -> str:
        name, token_format = match[1].lower(), match[2]
        if name == "rev":
            return match[0]
        if name in ("date", "year") and (token_format or name == "year"):
            return functions.format_date(started, token_format or "yyyy")
        if name in _DATE_TOKENS:
            return started.strftime(_DATE_TOKENS[name])
        if name == "buildid":
            return variables.get("Build.BuildId") or ""
        value = variables.get(_SHORT_NAMES.get(name, match[1]))
        return match[0] if value is None else value

    try:
        text = _TOKEN.sub(expand_token, template or DEFAULT_NAME)
    except functions.FunctionError as error:
        raise InvalidPipeline("invalid-name", f"name: {error}", at) from None
    revision = next((m for m in _TOKEN.finditer(text) if m[1].lower() == "rev"), None)
    if revision is None:
        return text
    around = f"{text[: revision.start()]}\0{text[revision.end() :]}"
    number = next_number(work, f"rev/{definition}/{around}", 1)
    revision_format = revision[2] or "r"
    digits = revision_format.count("r")
    formatted = (
        revision_format.replace("r" * digits, f"{number:0{digits}d}") if digits else str(number)
    )
    return text[: revision.start()] + formatted + text[revision.end() :]
