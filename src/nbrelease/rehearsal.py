"""Rehearse a release: run a pipeline of ``.ado/`` on this machine against a workspace.

The steps of the release are in the pipeline's file. This module does what Azure DevOps does for a
run: it provides an agent, service connections to a workspace, and a place for artifacts.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pipelines_local
from nbrelease import console, file_lock, git, preloaded, release, release_files
from nbrelease.errors import UsageError
from nbrelease.evidence_browser import find_newest_page
from nbrelease.pack import build_pack, load_record
from nbrelease.records import (
    DECISIONS,
    OUTCOME,
    Outcome,
    ReleaseRecord,
    StageOutcome,
    read_identity,
)
from nbrelease.rehearsal_progress import ProgressFile
from nbrelease.runbook import kernelspec
from nbrelease.runbook.preloaded_kernels import PreloadedKernels
from nbrelease.settings import PREFIX, Environment, Settings
from nbrelease.workspace import open_workspace

WORK = Path(".pipelines-local")
LOCK = WORK / "rehearsal.lock"
PACK = "evidence-pack"
COPIED = "evidence.copied"
"""In the folder of a run: its evidence was copied to the project."""
ERROR = "##[error]"
PROD_ID_TOKEN_SECONDS = 1.0
"""The lifetime of the ID token of a step in prod: ten minutes, 600 times faster than on Azure.

A local step of seconds stands for hours on Azure. So a step that needs ``keepAzSessionActive``
there fails here without it.
"""


@contextlib.contextmanager
def lock_checkout(root: Path) -> Iterator[None]:
    """Let one rehearsal run in a checkout at a time.

    Raises:
        UsageError: another one runs.
    """
    try:
        with file_lock.lock(root / LOCK):
            yield
    except file_lock.LockedError as error:
        raise UsageError(
            f"another rehearsal runs in this checkout ({error}); wait for its end, or use a "
            "worktree: git worktree add"
        ) from None


@dataclass(frozen=True)
class Pipeline:
    """A pipeline's file in ``.ado`` and its section of settings.ini.

    ``local`` are the pipeline parameters for a local workspace, which has no real traffic.
    ``id_token_seconds`` is the lifetime of the ID token of a step in a local workspace.
    """

    file: str
    env: str
    local: Mapping[str, str] = field(default_factory=dict)
    id_token_seconds: float = 600.0


PIPELINES = {
    "qa": Pipeline("mlops-qa-ci-pipeline.yml", "dev"),
    "dev": Pipeline("mlops-deploy-dev-ci-pipeline.yml", "dev"),
    "monitor": Pipeline(
        "mlops-monitor-pipeline.yml", "prod", id_token_seconds=PROD_ID_TOKEN_SECONDS
    ),
    "prod": Pipeline(
        "mlops-deploy-prod-ct-cd-pipeline.yml", "prod", {"drill": "true"}, PROD_ID_TOKEN_SECONDS
    ),
}


@dataclass(frozen=True)
class Rehearsal:
    """The pipeline's result; record and pack of the release if one was started.

    ``problems`` are the failed checks of the pack, one line each.
    """

    run: pipelines_local.RunResult
    record: ReleaseRecord | None
    pack: Path | None
    problems: tuple[str, ...] = ()

    @property
    def page(self) -> Path | None:
        """The evidence page; of a run that waits, the page to review."""
        if self.pack is not None:
            return self.pack / "index.html"
        return find_newest_page(self.run.artifacts) if self.run.result == "Waiting" else None

    def errors(self) -> list[str]:
        """The errors of the first stage that failed; later failures are its consequences."""
        failed = [(stage, job) for stage, job in self.run.jobs() if job.result == "Failed"]
        lines = [line for stage, job in failed if stage == failed[0][0] for line in job.log]
        errors = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]
        return [line for line in errors if not line.startswith("Bash exited with code")]


def rehearse(
    name: str,
    settings: Settings,
    *,
    model: str = "",
    listener: pipelines_local.Listener,
    approver: pipelines_local.Approver,
    jobs: int | None = None,
    resume: str | None = None,
) -> Rehearsal:
    """Run a pipeline and copy its evidence to the project.

    Args:
        name: a key of :data:`PIPELINES`.
        settings: the project's settings.
        model: a further model of settings.ini; empty for the model of ``[DEFAULT]``.
        listener: receives the events of the run.
        approver: decides on approvals.
        jobs: number of jobs that run in parallel; by default the number of cores.
        resume: the id of a run that waits for an approval.

    Raises:
        UserError: settings, data or the pipeline's file are wrong; nothing ran.
    """
    settings = _with_local_workspace(settings, PIPELINES[name].env, model)
    root, env = settings.root, settings.environment(PIPELINES[name].env, model)
    _check_top_folder(root)
    progress = ProgressFile(listener, name, model)
    settings.training_parameters(PIPELINES[name].env, model)  # wrong ones are reported before a run
    pipeline = root / ".ado" / PIPELINES[name].file
    if not pipeline.is_file():
        raise UsageError(f"{pipeline}: no such pipeline")
    overrides = _overrides(settings, env)
    parameters = {
        **PIPELINES[name].local,
        **({"model": model} if model else {}),
    }
    if env.kernel_name:  # fail now, not after the first jobs
        where = settings.where(PIPELINES[name].env, "kernel_name", model)
        kernelspec.resolve_kernel(env.kernel_name, "", where)
    with (
        _preload_imports(env, root) as kernels,
        open_workspace(env, root) as workspace,
        _offer_to_steps(kernels, workspace),
    ):
        connections = {
            each.service_connection: workspace
            for each in map(settings.environment, settings.names)
            if each.workspace == "local"
        }
        if resume is not None:
            result = pipelines_local.resume_pipeline(
                resume,
                work_dir=root / WORK,
                service_connections=connections,
                approvals=approver,
                listener=progress,
                jobs=jobs,
                id_token_seconds=PIPELINES[name].id_token_seconds,
            )
        else:
            result = pipelines_local.run_pipeline(
                pipeline,
                root=root,
                work_dir=root / WORK,
                parameters=parameters,
                # The steps use this environment: make setup then installs nothing.
                variables={"VENV": sys.prefix, **overrides},
                service_connections=connections,
                approvals=approver,
                listener=progress,
                jobs=jobs,
                id_token_seconds=PIPELINES[name].id_token_seconds,
            )
    pack = copy_evidence(result, root, env)
    rehearsal = (
        Rehearsal(result, load_record(pack), pack, tuple(_verify(pack)))
        if pack
        else Rehearsal(result, None, None)
    )
    verdict = rehearsal.record.verdict if rehearsal.record else ""
    messages = [*rehearsal.errors(), *rehearsal.problems]
    progress.finish(result.result, verdict, messages, rehearsal.page)
    return rehearsal


def _check_top_folder(root: Path) -> None:
    """Refuse a project in a subfolder of its repository.

    An agent checks out the whole repository: the paths of the pipelines, such as
    ``$(Build.SourcesDirectory)/evidence``, would be those of the top folder.

    Raises:
        UsageError: the project is in such a subfolder, which git does not ignore.
    """
    prefix = git.prefix(root)
    if prefix and not git.list_ignored(root, ["settings.ini"]):
        raise UsageError(
            f"{prefix}settings.ini: the project is a subfolder of its repository, and the "
            "pipelines need it at the top: move it there, or run git init in its folder to make it "
            "a repository of its own"
        )


def _verify(pack: Path) -> Iterator[str]:
    """Verify the pack again: approvals and stage results were added after the jobs."""
    from nbrelease.verification import verify

    for name, result in verify(pack).results.items():
        if result.state == "failed":
            yield f"{os.path.relpath(pack)}: verification failed: {name}: {result.reason}"


@contextlib.contextmanager
def _preload_imports(env: Environment, root: Path) -> Iterator[PreloadedKernels | None]:
    """Preload the imports of kernels and commands while the workspace starts."""
    if not env.warm_kernels:
        yield None
        return
    kernels = PreloadedKernels(root / env.runbooks, os.environ, root / WORK / "kernels.log")
    try:
        yield kernels
    finally:
        kernels.stop()


@contextlib.contextmanager
def _offer_to_steps(
    kernels: PreloadedKernels | None, workspace: Mapping[str, str]
) -> Iterator[None]:
    """Set the variable with the address of the preloaded process; steps inherit it."""
    if kernels is None or kernels.address is None:
        yield
        return
    kernels.use_workspace(workspace)
    os.environ[preloaded.ADDRESS] = str(kernels.address)
    try:
        yield
    finally:
        del os.environ[preloaded.ADDRESS]
        kernels.stop()  # closing the workspace may take long: another run may use it


def build_interrupted_packs(settings: Settings, env: Environment) -> list[Path]:
    """Build the packs of releases whose rehearsal was killed.

    A pack that was built is not built again: a user may have deleted it.

    Returns:
        The folders of these releases.
    """
    built = []
    for run in sorted(pipelines_local.list_ended_runs(settings.root / WORK)):
        if (run / COPIED).exists():
            continue
        for folder in _collect(run, settings.root, env):
            _write_outcome(folder, Outcome(interrupted=True))
            build_pack(folder)
            built.append(folder)
        (run / COPIED).touch()
    return built


def _collect(run: Path, root: Path, env: Environment) -> list[Path]:
    """Merge the parts of releases in the folder of a run into the project's evidence folder.

    They are in the artifacts and, if a job was killed, in the evidence folders of the copies of the
    checkout in which the jobs worked.
    """
    copies = (
        ()
        if env.evidence.is_absolute()
        else run.glob(f"*/*/{glob.escape(env.evidence.as_posix())}")
    )
    sources = [run / "artifacts", *sorted(copies)]
    return release.collect(root / env.evidence, sources, include_built=False)


def copy_evidence(run: pipelines_local.RunResult, root: Path, env: Environment) -> Path | None:
    """Copy a run's evidence to the project and build the pack if the run did not.

    Approvals and stage results are added here: only the runner knows them.

    Returns:
        The release's folder; None if the run started no release, or waits for an approval.
    """
    packs = sorted(run.folder.glob(f"artifacts/{PACK}/manifest.json"))
    if packs:
        target = root / env.evidence / read_identity(packs[0].parent).release_id
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(packs[0].parent, target)
        folders = [target]
    else:
        folders = _collect(run.folder, root, env)
    if run.result == "Waiting":
        return None  # no verdict yet: the pack is built after the approval
    for folder in folders:
        if run.approvals:
            decisions = [approval.to_dict() for approval in run.approvals]
            release_files.write(folder, DECISIONS, decisions)
        _write_outcome(folder, _outcome(run))
        build_pack(folder)
    (run.folder / COPIED).touch()
    return folders[-1] if folders else None


def _outcome(run: pipelines_local.RunResult) -> Outcome:
    return Outcome(
        stages=[
            StageOutcome(
                name=stage.stage,
                result=stage.result,
                started=stage.started,
                ended=stage.finished,
            )
            for stage in run.stages
            if stage.result != "Waiting"
        ]
    )


def _write_outcome(folder: Path, outcome: Outcome) -> None:
    release_files.write(folder, OUTCOME, outcome.model_dump(mode="json"))


def _with_local_workspace(settings: Settings, env: str, model: str) -> Settings:
    """The settings with a local workspace, also where those of the project lead to Azure.

    On Azure a rehearsal would train, deploy and move traffic with the user's login.
    """
    if settings.environment(env, model).workspace == "local":
        return settings
    where = settings.where(env, "workspace", model)
    local = settings.with_override("workspace", "local")
    if local.environment(env, model).workspace != "local":
        raise UsageError(f"{where} is azure; a rehearsal uses a local workspace")
    console.out(f"{where} is azure; the rehearsal uses a local workspace")
    return local


def _overrides(settings: Settings, env: Environment) -> Mapping[str, str]:
    """The settings that differ from the file, as environment variables for each step.

    A job works in a copy of the tracked files, so the data file is given by its absolute path: git
    may not track it.
    """
    overrides = dict(settings.overrides)
    if "://" not in env.training_data and not env.training_data.startswith("azureml:"):
        data = settings.root / env.training_data
        if not data.exists():
            raise UsageError(
                f"{env.training_data}: no such file or folder; "
                f"fix training_data in {settings.path.name}, or use --set training_data=PATH"
            )
        overrides["training_data"] = str(data.resolve())
    return {f"{PREFIX}{key.upper()}": value for key, value in overrides.items()}
