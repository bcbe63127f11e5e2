"""Rehearse a release: the pipeline of ``.ado/``, run here, with a workspace behind it.

Nothing of the release's steps is known here: they are in the pipeline's file. What is done around
it is what Azure DevOps does around it: an agent, a service connection that leads to a workspace,
and somewhere to keep what the run publishes.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pipelines_local
from nbrelease import release, release_files
from nbrelease.errors import UsageError
from nbrelease.pack import build_pack, load_record
from nbrelease.records import (
    DECISIONS,
    OUTCOME,
    Outcome,
    ReleaseRecord,
    StageOutcome,
    read_identity,
)
from nbrelease.runbook import kernel, warm
from nbrelease.settings import PREFIX, Environment, Settings
from nbrelease.workspace import open_workspace

WORK = Path(".pipelines-local")
PACK = "evidence-pack"


@dataclass(frozen=True)
class Pipeline:
    """A pipeline's file under ``.ado``, and the section of settings.ini that it works with.

    ``local`` are the parameters that it is given where nobody's real traffic is at stake.
    """

    file: str
    env: str
    local: Mapping[str, str] = field(default_factory=dict)


PIPELINES = {
    "qa": Pipeline("mlops-qa-ci-pipeline.yml", "dev"),
    "dev": Pipeline("mlops-deploy-dev-ci-pipeline.yml", "dev"),
    "monitor": Pipeline("mlops-monitor-pipeline.yml", "prod"),
    "prod": Pipeline("mlops-deploy-prod-ct-cd-pipeline.yml", "prod", {"drill": "true"}),
}


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal left: the pipeline's result, and the release's record if one was begun."""

    run: pipelines_local.RunResult
    record: ReleaseRecord | None
    pack: Path | None


def rehearse(
    name: str,
    settings: Settings,
    *,
    listener: pipelines_local.Listener,
    approver: pipelines_local.Approver,
    jobs: int | None = None,
    resume: str | None = None,
) -> Rehearsal:
    """Run a pipeline and bring its evidence home.

    Args:
        name: a key of :data:`PIPELINES`.
        settings: the project's.
        listener: who is told what goes on.
        approver: who is asked for approvals.
        jobs: how many jobs side by side; as many as cores by default.
        resume: the id of a run that waits for an approval, to go on with.

    Raises:
        UserError: settings, data or the pipeline's file are wrong; nothing was run.
    """
    root, env = settings.root, settings.environment(PIPELINES[name].env)
    pipeline = root / ".ado" / PIPELINES[name].file
    if not pipeline.is_file():
        raise UsageError(f"{pipeline}: no such pipeline")
    overrides = _overrides(settings, env)
    if env.kernel_name:  # found out here, not after the first jobs
        kernel.resolve(env.kernel_name, "", settings.where(PIPELINES[name].env, "kernel_name"))
    with open_workspace(env, root) as workspace, _warm(env, root, workspace) as connection:
        connections = {
            each.service_connection: connection
            for each in map(settings.environment, settings.names)
            if each.workspace == env.workspace
        }
        if resume is not None:
            result = pipelines_local.resume_pipeline(
                resume,
                work_dir=root / WORK,
                service_connections=connections,
                approvals=approver,
                listener=listener,
                jobs=jobs,
            )
        else:
            result = pipelines_local.run_pipeline(
                pipeline,
                root=root,
                work_dir=root / WORK,
                parameters=dict(PIPELINES[name].local) if env.workspace == "local" else {},
                # The tools of this call serve the steps too: make setup installs nothing.
                variables={"VENV": sys.prefix, **overrides},
                service_connections=connections,
                approvals=approver,
                listener=listener,
                jobs=jobs,
            )
    pack = bring_home(result, root / env.evidence)
    return Rehearsal(result, load_record(pack) if pack else None, pack)


@contextlib.contextmanager
def _warm(env: Environment, root: Path, workspace: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variables of a service connection, with a zygote for the kernels of its steps."""
    log = root / WORK / "kernels.log"
    zygote = warm.start(root / env.runbooks, workspace, log) if env.warm_kernels else None
    if zygote is None:
        yield dict(workspace)
        return
    try:
        yield {**workspace, warm.ADDRESS: str(zygote.address)}
    finally:
        zygote.stop()


def recover(settings: Settings, env: Environment) -> list[Path]:
    """Give packs to releases whose rehearsal was killed before it could.

    Returns:
        Their folders.
    """
    work, home = settings.root / WORK, settings.root / env.evidence
    if not work.is_dir():
        return []
    found = []
    for run in sorted(path for path in work.iterdir() if path.is_dir()):
        if _waits(run):
            continue
        for folder in release.collect(home, [run]):
            if not (folder / "manifest.json").exists():
                _write(folder, Outcome(interrupted=True))
                build_pack(folder)
                found.append(folder)
    return found


def bring_home(run: pipelines_local.RunResult, home: Path) -> Path | None:
    """Copy a run's evidence to the project; a run that never came to its pack gets one here.

    Decisions and the stages' results are the runner's to know, so they join the pack here.

    Returns:
        The release's folder; None where no release was begun, or none has come to its end.
    """
    packs = sorted(run.folder.glob(f"artifacts/{PACK}/manifest.json"))
    if packs:
        target = home / read_identity(packs[0].parent).release_id
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(packs[0].parent, target)
        folders = [target]
    else:
        folders = release.collect(home, [run.folder])
    if run.result == "Waiting":
        return None  # no verdict yet: the pack is made when somebody has spoken
    for folder in folders:
        if run.approvals:
            said = [approval.to_dict() for approval in run.approvals]
            release_files.write(folder, DECISIONS, said)
        _write(folder, _outcome(run))
        build_pack(folder)
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


def _write(folder: Path, outcome: Outcome) -> None:
    release_files.write(folder, OUTCOME, outcome.model_dump(mode="json"))


def _waits(run: Path) -> bool:
    """Whether a run stopped for an approval, to be resumed: it was not interrupted."""
    try:
        result = json.loads((run / "run.json").read_text(encoding="utf-8"))["result"]
    except (FileNotFoundError, ValueError, KeyError):
        return False  # killed before it wrote what became of it
    return bool(result == "Waiting")


def _overrides(settings: Settings, env: Environment) -> Mapping[str, str]:
    """The settings that differ from the file, as the variables that carry them to each step.

    A job works in a copy of the tracked files, so a data file that git does not track is named by
    its absolute path.
    """
    overrides = dict(settings.overrides)
    if "://" not in env.training_data and not env.training_data.startswith("azureml:"):
        data = settings.root / env.training_data
        if not data.is_file():
            raise UsageError(
                f"{env.training_data}: no such data file; "
                f"mend training_data in {settings.path.name} or give another one"
            )
        overrides["training_data"] = str(data.resolve())
    return {f"{PREFIX}{key.upper()}": value for key, value in overrides.items()}
