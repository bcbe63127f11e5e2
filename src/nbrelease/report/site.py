"""The page of all releases by model: live deployments, metrics of the releases, every release.

A pack is read once: what the page needs of it is cached next to the page, under the digest of the
pack's manifest. The packs themselves are not changed, so signatures stay valid.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nbrelease import files
from nbrelease.attestation import chain
from nbrelease.attestation.manifest import LATER
from nbrelease.records import Language, ReleaseRecord, ReleaseVerdict, merge_values
from nbrelease.records.published import Direction
from nbrelease.report import svg
from nbrelease.report.charts import Chart
from nbrelease.report.headline import headline, reason
from nbrelease.report.labels import state_name
from nbrelease.report.main_metrics import directions, main_metrics
from nbrelease.report.metric_labels import direction_name, metric_name
from nbrelease.report.templating import environment
from nbrelease.report.training_parameters import (
    changed_parameters,
    join_parameters,
    used_parameters,
)
from nbrelease.report.translations import Translate, translator

CACHE = "site.json"
CACHE_VERSION = 6
"""Of the cache's format; with another version every pack is read again."""
CHARTED_METRICS = 2
"""Metrics of a model on the page: its main metric and the next one."""
START_IN_ID = re.compile(r"(?P<prefix>.+)-(?P<start>\d{8}T\d{6}Z)-")


class LaterEntry(BaseModel):
    """An entry that was appended after the release."""

    model_config = ConfigDict(frozen=True)

    kind: str
    time: datetime
    text: str


class Release(BaseModel):
    """What the page shows of a release.

    ``settings_model``: the section of settings.ini; empty for the model of ``[DEFAULT]``.
    ``metrics``: the main metric first. ``parameters``: of the training, as text.
    ``has_pages``: its pack was built. ``traffic``: at its end, as read back last; None if it moved
    none. ``deployment``: the new one; a rollback has none.
    """

    model_config = ConfigDict(frozen=True)

    folder: str
    digest: str
    release_id: str
    env: str
    settings_model: str = ""
    started: datetime
    verdict: ReleaseVerdict | Literal["unreadable"]
    headline: str
    has_pages: bool = False
    reason: str = ""
    model: str | None = None
    version: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    directions: dict[str, Direction] = Field(default_factory=dict)
    parameters: str = ""
    tests: str = ""
    traffic: dict[str, int] | None = None
    deployment: str | None = None
    later: list[LaterEntry] = Field(default_factory=list)


class _Cache(BaseModel):
    format: int
    language: Language
    releases: list[Release]


@dataclass(frozen=True)
class Site:
    """The page that was written, how many releases it shows, and how many were read for it."""

    page: Path
    releases: int
    new: int


@dataclass(frozen=True)
class LivePart:
    """A deployment with its share of the traffic in percent, and the release that deployed it."""

    deployment: str
    share: int
    release: Release | None


@dataclass(frozen=True)
class LiveEnvironment:
    """What has traffic in an environment, and the release that moved the traffic last."""

    env: str
    parts: list[LivePart]
    release: Release | None


@dataclass(frozen=True)
class ModelReleases:
    """The releases of a model, newest first, with what the page shows of all of them.

    ``metrics``: the columns of the table, each with its direction.
    """

    name: str
    releases: list[Release]
    live: list[LiveEnvironment]
    trends: list[Chart]
    metrics: dict[str, Direction]


def build_site(evidence: Path, language: Language = "en") -> Site:
    """Write ``index.html`` of all releases."""
    releases, new = read_releases(evidence, language)
    cache = _Cache(format=CACHE_VERSION, language=language, releases=releases)
    files.write_text(evidence / CACHE, cache.model_dump_json(indent=1) + "\n")
    page = evidence / "index.html"
    files.write_text(page, _render(releases, language))
    return Site(page, len(releases), new)


def read_releases(evidence: Path, language: Language = "en") -> tuple[list[Release], int]:
    """The releases of a folder, newest first, and how many were not in its cache."""
    cached = _read_cache(evidence / CACHE, language)
    releases, new = [], 0
    for path in sorted(evidence.glob("*/record.json")):
        digest = _digest(path.parent)
        release = cached.get((path.parent.name, digest))
        if release is None:
            release, new = read_release(path.parent, digest, language), new + 1
        releases.append(release)
    releases.sort(key=lambda each: (each.started, each.release_id), reverse=True)
    return releases, new


def _read_cache(path: Path, language: Language) -> dict[tuple[str, str], Release]:
    """The cached releases; empty if the cache is damaged or of another format or language."""
    try:
        cache = _Cache.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return {}
    if cache.format != CACHE_VERSION or cache.language != language:
        return {}
    return {(each.folder, each.digest): each for each in cache.releases}


def _digest(folder: Path) -> str:
    """The digest of a pack and its later entries.

    The manifest has the digest of every other file, the head that of the later entries. A release
    without a manifest is in progress and has its record only.
    """
    manifest, head = folder / "manifest.json", folder / LATER / chain.HEAD
    path = manifest if manifest.is_file() else folder / "record.json"
    entries = head.read_bytes() if head.is_file() else b""
    return hashlib.sha256(path.name.encode() + path.read_bytes() + entries).hexdigest()


def read_release(folder: Path, digest: str, language: Language) -> Release:
    """Read what the page shows of a pack.

    Args:
        folder: of the pack.
        digest: of the pack, for the cache.
        language: of the page.
    """
    _ = translator(language)
    text = (folder / "record.json").read_text(encoding="utf-8")
    try:
        content = json.loads(text)
        identity = {
            "folder": folder.name, "digest": digest, "release_id": content["release_id"],
            "env": content["env"], "started": content["started"],
            "settings_model": content.get("settings_model", ""),
        }  # fmt: skip
        if not (folder / "manifest.json").is_file():
            line = _("In progress, or waiting for an approval")
            return Release.model_validate({**identity, "verdict": "open", "headline": line})
        record = ReleaseRecord.model_validate_json(text)
    except (ValueError, KeyError, TypeError) as error:
        env, model, started = _read_id(folder.name)
        return Release(
            folder=folder.name, digest=digest, release_id=folder.name,
            env=env, settings_model=model, started=started,
            verdict="unreadable", headline=state_name("unreadable", _),
            reason=f"record.json: {_first_problem(error)}",
        )  # fmt: skip
    return Release(
        **identity,
        has_pages=True,
        verdict=record.verdict,
        headline=headline(record, _),
        reason=reason(record, _),
        model=_model_name(record),
        version=record.model.version if record.model else None,
        metrics=main_metrics(record, CHARTED_METRICS),
        directions=directions(record),
        parameters=_parameters(record, _),
        tests=f"{record.tests.passed} / {record.tests.total}",
        traffic=merge_values(record.runbooks).get("traffic"),
        deployment=record.endpoints.online.deployment if record.endpoints.online else None,
        later=[
            LaterEntry(kind=each.kind, time=each.time, text=each.text)
            for each in chain.check(folder)[0]
        ],
    )


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
    return f"{type(error).__name__}: {error}"


def _read_id(release_id: str) -> tuple[str, str, datetime]:
    """Environment, further model and start in a release id; the first time if it has none."""
    match = START_IN_ID.match(release_id)
    if match is None:
        return release_id.partition("-")[0], "", datetime.fromisoformat("0001-01-01T00:00:00+00:00")
    env, _separator, model = match["prefix"].partition("-")
    return env, model, datetime.strptime(match["start"], "%Y%m%dT%H%M%S%z")


def _model_name(record: ReleaseRecord) -> str | None:
    """The registered model, or the one that the runbooks were to register."""
    if record.model is not None:
        return record.model.name
    names = [str(each.parameters.get("model_name") or "") for each in record.runbooks]
    return next(filter(None, names), None)


def _parameters(record: ReleaseRecord, _: Translate) -> str:
    """The parameters that changed since the previous release; all of the first one."""
    changed = changed_parameters(record)
    return join_parameters(used_parameters(record) if changed is None else changed, _)


def _render(releases: list[Release], language: Language) -> str:
    _ = translator(language)
    sections = sorted({each.settings_model for each in releases})
    models = [
        _group([each for each in releases if each.settings_model == name], name, _)
        for name in sections or [""]
    ]
    template = environment(language).get_template("site.html.j2")
    return str(template.render(releases=releases, models=models))


def _group(releases: list[Release], section: str, _: Translate) -> ModelReleases:
    """The releases of a model, newest first.

    Args:
        releases: of the model.
        section: of settings.ini; the name of a model that was never registered.
    """
    envs = sorted({each.env for each in releases})
    measured = next((each for each in releases if each.metrics), None)
    metrics: dict[str, Direction] = {}
    if measured is not None:
        metrics = {name: measured.directions.get(name, "higher") for name in measured.metrics}
    return ModelReleases(
        name=next((each.model for each in releases if each.model), section or _("Default model")),
        releases=releases,
        live=[_live_environment(releases, env) for env in envs],
        trends=[*_trends(releases, envs, metrics, _)],
        metrics=metrics,
    )


def _live_environment(releases: list[Release], env: str) -> LiveEnvironment:
    """The traffic of the newest release into ``env`` that moved any."""
    moved = [each for each in releases if each.env == env and each.traffic is not None]
    if not moved:
        return LiveEnvironment(env, [], None)
    deployed_by = {
        each.deployment: each for each in reversed(moved) if each.deployment and each.version
    }
    traffic = sorted((moved[0].traffic or {}).items(), key=lambda item: -item[1])
    parts = [LivePart(name, share, deployed_by.get(name)) for name, share in traffic]
    return LiveEnvironment(env, parts, moved[0])


def _trends(
    releases: list[Release], envs: list[str], metrics: dict[str, Direction], _: Translate
) -> Iterator[Chart]:
    """A chart for each environment and metric that has a trend."""
    for env in envs:
        for metric, direction in metrics.items():
            marks = [
                svg.Mark(
                    each.release_id,
                    "new" if each.verdict == "passed" else "failed",
                    each.metrics.get(metric),
                )
                for each in reversed(releases)
                if each.env == env and metric in each.metrics
            ]
            values = {"metric": metric_name(metric, _), "env": env}
            title = _("%(metric)s in %(env)s, oldest first") % values
            if direction == "lower":
                title = f"{title} ({direction_name(direction, _)})"
            if drawing := svg.trend(title, marks):
                yield Chart("trend", title, drawing)
