"""The page of all releases: live deployments, metrics of the releases, every release.

A pack is read once: what the page needs of it is cached next to the page, under the digest of the
pack's manifest. The packs themselves are not changed, so signatures stay valid.
"""

from __future__ import annotations

import hashlib
import json
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
from nbrelease.report import svg
from nbrelease.report.charts import Chart
from nbrelease.report.headline import headline, reason
from nbrelease.report.labels import metric_name, state_name
from nbrelease.report.templating import environment
from nbrelease.report.translations import Translate, translator

CACHE = "site.json"
CACHE_VERSION = 5
"""Of the cache's format; with another version every pack is read again."""
CHARTED = ("roc_auc", "accuracy")


class LaterEntry(BaseModel):
    """An entry that was appended after the release."""

    model_config = ConfigDict(frozen=True)

    kind: str
    time: datetime
    text: str


class Release(BaseModel):
    """What the page shows of a release.

    ``has_pages``: its pack was built. ``traffic``: at its end, as read back last; None if it moved
    none. ``deployment``: the new one; a rollback has none.
    """

    model_config = ConfigDict(frozen=True)

    folder: str
    digest: str
    release_id: str
    env: str
    started: datetime
    verdict: ReleaseVerdict | Literal["unreadable"]
    headline: str
    has_pages: bool = False
    reason: str = ""
    model: str | None = None
    version: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
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


def build_site(evidence: Path, language: Language = "en") -> Site:
    """Write ``index.html`` of all releases.

    Args:
        evidence: the folder of the releases.
        language: of the page.
    """
    cached = _read_cache(evidence / CACHE, language)
    releases, new = [], 0
    for path in sorted(evidence.glob("*/record.json")):
        digest = _digest(path.parent)
        release = cached.get((path.parent.name, digest))
        if release is None:
            release, new = read_release(path.parent, digest, language), new + 1
        releases.append(release)
    releases.sort(key=lambda each: (each.started, each.release_id), reverse=True)
    cache = _Cache(format=CACHE_VERSION, language=language, releases=releases)
    files.write_text(evidence / CACHE, cache.model_dump_json(indent=1) + "\n")
    page = evidence / "index.html"
    files.write_text(page, _render(releases, language))
    return Site(page, len(releases), new)


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
    more = head.read_bytes() if head.is_file() else b""
    return hashlib.sha256(path.name.encode() + path.read_bytes() + more).hexdigest()


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
        }  # fmt: skip
        if not (folder / "manifest.json").is_file():
            line = _("In progress, or waiting for an approval")
            return Release.model_validate({**identity, "verdict": "open", "headline": line})
        record = ReleaseRecord.model_validate_json(text)
    except (ValueError, KeyError, TypeError) as error:
        return Release(
            folder=folder.name, digest=digest, release_id=folder.name,
            env=folder.name.partition("-")[0], started=_start_of(folder.name),
            verdict="unreadable", headline=state_name("unreadable", _),
            reason=f"record.json: {_first_problem(error)}",
        )  # fmt: skip
    return Release(
        **identity,
        has_pages=True,
        verdict=record.verdict,
        headline=headline(record, _),
        reason=reason(record, _),
        model=record.model.name if record.model else None,
        version=record.model.version if record.model else None,
        metrics=_metrics(record),
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


def _start_of(release_id: str) -> datetime:
    """The time in a release id; the first possible time if it has none."""
    try:
        return datetime.strptime(release_id.split("-")[1], "%Y%m%dT%H%M%S%z")
    except (IndexError, ValueError):
        return datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def _metrics(record: ReleaseRecord) -> dict[str, float]:
    """The charted metrics: those of the comparison, otherwise those of the training job."""
    values = {name: record.metrics[name] for name in CHARTED if name in record.metrics}
    if record.comparison is not None:
        compared = {each.name: each.challenger for each in record.comparison.metrics}
        values |= {name: compared[name] for name in CHARTED if name in compared}
    return values


def _render(releases: list[Release], language: Language) -> str:
    envs = sorted({release.env for release in releases})
    template = environment(language).get_template("site.html.j2")
    return str(
        template.render(
            releases=releases,
            live=[_live_environment(releases, env) for env in envs],
            trends=[*_trends(releases, envs, translator(language))],
            charted=CHARTED,
        )
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


def _trends(releases: list[Release], envs: list[str], _: Translate) -> Iterator[Chart]:
    """A chart for each environment and metric that has a trend."""
    for env in envs:
        for metric in CHARTED:
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
            if drawing := svg.trend(title, marks):
                yield Chart(title, drawing)
