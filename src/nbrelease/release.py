"""The folder of a release, which runbooks on different machines fill.

``evidence/<release_id>/record.json`` has the identity from the start. Runbooks add their executed
notebooks. In a pipeline each job works on a copy and publishes it as an artifact. :func:`collect`
merges these parts, which do not conflict: each file belongs to one runbook.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbrelease import console, files, git, os_user, pack_code, release_files
from nbrelease.errors import UsageError
from nbrelease.records import (
    IDENTITY,
    ApprovalRules,
    Identity,
    Kind,
    RunbookResult,
    Source,
    Workspace,
    merge_values,
    read_identity,
    read_results,
    release_prefix,
)
from nbrelease.settings import Environment, Settings

NUMBER = re.compile(r"\d+")
"""With which the names of runbooks may begin."""
ID = re.compile(r"^[a-z][a-z0-9_-]*-\d{8}T\d{6}Z-[0-9a-z]{1,40}$")


@dataclass(frozen=True)
class Release:
    """One release: its identity and its folder."""

    folder: Path
    identity: Identity

    @property
    def id(self) -> str:
        """``<env>-<UTC yyyymmddThhmmssZ>-<short commit>``, with the model after the environment."""
        return self.identity.release_id

    def notebook(self, name: str) -> Path:
        """The path of the executed runbook of this name."""
        return self.folder / "notebooks" / f"{name}.ipynb"

    def values(self, before: str | None = None) -> dict[str, Any]:
        """The published values; of one name the value that was published last.

        Args:
            before: the name of a runbook that is about to run. If it runs again, only runbooks that
                come before it count: its earlier run and the runbooks after that do not feed it.
                Those are the runbooks that were started before its first run and, where both names
                begin with a number, those with a smaller number.
        """
        results = read_results(self.folder)
        own = next((each for each in results if each.name == before), None)
        return merge_values(each for each in results if own is None or _comes_before(each, own))

    def first_start(self, name: str) -> datetime | None:
        """When the release started a runbook for the first time; None before that."""
        results = {each.name: each for each in read_results(self.folder)}
        return results[name].place[0] if name in results else None


def _comes_before(other: RunbookResult, own: RunbookResult) -> bool:
    numbers = [NUMBER.match(each.name) for each in (other, own)]
    if numbers[0] and numbers[1] and int(numbers[0][0]) < int(numbers[1][0]):
        return True
    return other.place < own.place


def begin(settings: Settings, name: str, *, model: str = "", kind: Kind = "release") -> Release:
    """Begin a release: create its folder and write its identity.

    Args:
        settings: the project's settings.
        name: the environment.
        model: a further model of settings.ini; empty for the model of ``[DEFAULT]``.
        kind: a release, or a monitor of the live deployment.

    Raises:
        SettingsError: a setting is wrong, or the training notebook is not exported.
    """
    env = settings.environment(name, model)
    train_parameters = settings.training_parameters(name, model)
    source = git.source(settings.root)
    evidence = settings.root / settings.environment(name).evidence  # one folder for all models
    folder, started = _new_folder(evidence, release_prefix(name, model), source.short)
    identity = Identity(
        release_id=folder.name,
        kind=kind,
        env=name,
        settings_model=model,
        started=started,
        actor=actor(settings.root),
        language=env.language,
        source=Source(
            commit=source.commit,
            branch=source.branch,
            dirty=source.dirty,
            author=git.author(settings.root),
        ),
        approval_rules=ApprovalRules(
            environments=[] if kind == "monitor" else env.approvals,
            approver_is_not_author=env.approver_is_not_author,
        ),
        workspace=Workspace(
            kind=env.workspace,
            subscription_id=env.subscription_id,
            resource_group=env.resource_group,
            workspace_name=env.workspace_name,
        ),
        parameters={
            **train_parameters,
            "training_data": Path(env.training_data).name,
            # Only known here: jobs get the code as an artifact, without its history.
            "criteria_commit": git.last_change(settings.root, env.runbooks / env.criteria_file),
        },
    )
    release_files.write(folder, IDENTITY, identity.model_dump(mode="json"))
    pack_code.copy_exports(settings.root, folder)
    return Release(folder, read_identity(folder))


def _new_folder(evidence: Path, name: str, commit: str) -> tuple[Path, datetime]:
    """Create a folder named by the current second; wait for the next one where it exists."""
    evidence.mkdir(parents=True, exist_ok=True)
    while True:
        now = datetime.now(UTC).replace(microsecond=0)
        folder = evidence / f"{name}-{now:%Y%m%dT%H%M%SZ}-{commit}"
        try:
            folder.mkdir()
        except FileExistsError:
            time.sleep(0.1)
        else:
            _warn_if_clock_went_back(folder, name)
            return folder, now


def _warn_if_clock_went_back(folder: Path, prefix: str) -> None:
    """Warn if an earlier release has a later time: releases are ordered by time."""
    newest = max(each.name for each in folder.parent.glob(f"{prefix}-[0-9]*T[0-9]*Z-*"))
    start, end = len(prefix) + 1, len(prefix) + 1 + len("yyyymmddThhmmssZ")
    if newest[start:end] > folder.name[start:end]:
        console.warning(
            f"the clock of this machine went back: release {newest} began later than now "
            f"({folder.name}), and will count as the newer one; set the clock and begin again"
        )


def find(root: Path, env: Environment, release_id: str) -> Release:
    """The release with that id.

    Raises:
        UsageError: the id is malformed, or there is no such release.
    """
    folder = root / env.evidence / release_id
    if not ID.match(release_id) or not (folder / "record.json").is_file():
        raise UsageError(
            f"no release {release_id} in {env.evidence}/; start one with nbrelease release begin"
        )
    return Release(folder, read_identity(folder))


def newest_open(root: Path, name: str, env: Environment, model: str = "") -> Release | None:
    """The newest release of a model into environment ``name`` without a built pack."""
    prefix = release_prefix(name, model)
    for folder in sorted((root / env.evidence).glob(f"{prefix}-*Z-*"), reverse=True):
        if (folder / "record.json").is_file() and not (folder / "manifest.json").exists():
            identity = read_identity(folder)
            is_same = (identity.env, identity.settings_model) == (name, model)
            if is_same and identity.kind == "release":
                return Release(folder, identity)
    return None


def collect(evidence: Path, sources: Iterable[Path], *, include_built: bool = True) -> list[Path]:
    """Merge parts of releases into the evidence folder.

    Args:
        evidence: the project's evidence folder.
        sources: folders to search, at any depth, for records of releases.
        include_built: whether to merge into releases whose pack is built. False for sources that
            contain copies of the evidence folder: their old packs are not parts of a run.

    Returns:
        The folders of the releases with parts, sorted.

    Raises:
        NotebookError: a release's record is invalid.
    """
    built = set() if include_built else {each.parent for each in evidence.glob("*/manifest.json")}
    targets = set()
    for source in sources:
        for record in sorted(source.rglob("record.json")):
            if not _is_record(record):
                continue
            part = record.parent
            target = evidence / read_identity(part).release_id
            if part.resolve() != target.resolve() and target not in built:
                _merge(part, target)
                targets.add(target)
    return sorted(targets)


def _is_record(path: Path) -> bool:
    """Whether a file is the record of a release: a project may have files of this name."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    release_id = content.get("release_id") if isinstance(content, dict) else None
    return isinstance(release_id, str) and ID.match(release_id) is not None


def _merge(part: Path, target: Path) -> None:
    """Copy identity, code and executed notebooks; of two executions the later one wins."""
    for name in ("record.json", *_files(part / pack_code.CODE, part)):
        if not (target / name).exists():
            files.write_bytes(target / name, (part / name).read_bytes())
    ours = {result.name: result.started for result in read_results(target)}
    for result in read_results(part):
        if result.name not in ours or result.started > ours[result.name]:
            name = f"notebooks/{result.name}.ipynb"
            files.write_bytes(target / name, (part / name).read_bytes())
            source = f"{pack_code.CODE}/{result.source}"
            if (part / source).is_file():
                files.write_bytes(target / source, (part / source).read_bytes())


def _files(folder: Path, part: Path) -> list[str]:
    """The files in a folder of a part, by their path in the part."""
    return sorted(path.relative_to(part).as_posix() for path in folder.rglob("*") if path.is_file())


def actor(root: Path) -> str:
    """The user who started it: of the pipeline, else of git, else of this machine."""
    requested_for = git.replace_invalid(os.environ.get("BUILD_REQUESTEDFOR", ""))
    return requested_for or git.user(root) or os_user.name() or "unknown"
