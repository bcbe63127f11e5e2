"""The page of all releases: what is live where, metrics over releases, every release with its end.

A pack that was read once is not read again: what the page needs of it is kept beside the page,
under the digest of the pack's manifest. Packs themselves are never touched, so a signed one stays
as it was signed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nbrelease import files
from nbrelease.attestation import chain
from nbrelease.attestation.manifest import LATER
from nbrelease.records import Language, ReleaseRecord, ReleaseVerdict
from nbrelease.report import charts
from nbrelease.report.headline import headline, reason
from nbrelease.report.names import metric_name
from nbrelease.report.templating import environment
from nbrelease.report.words import translator

CACHE = "site.json"
FORM = 3
"""Of an entry; another one makes every pack be read again."""
CHARTED = ("roc_auc", "accuracy")


class Live(BaseModel):
    """What a release left on the endpoint: the traffic map that was read back last."""

    model_config = ConfigDict(frozen=True)

    traffic: dict[str, int]
    version: str | None = None
    deployment: str | None = None


class Later(BaseModel):
    """What became known after a release."""

    model_config = ConfigDict(frozen=True)

    kind: str
    time: datetime
    text: str


class Entry(BaseModel):
    """What the page says of a release."""

    model_config = ConfigDict(frozen=True)

    folder: str
    digest: str
    release_id: str
    env: str
    started: datetime
    verdict: ReleaseVerdict | Literal["cannot be read"]
    headline: str
    built: bool = False
    reason: str = ""
    model: str | None = None
    version: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    tests: str = ""
    live: Live | None = None
    later: list[Later] = Field(default_factory=list)


class _Cache(BaseModel):
    form: int
    language: Language
    entries: list[Entry]


@dataclass(frozen=True)
class Site:
    """The page that was written, how many releases it shows, and how many were read for it."""

    page: Path
    releases: int
    new: int


def build(evidence: Path, language: Language = "en") -> Site:
    """Write ``index.html`` of all releases.

    Args:
        evidence: the folder of the releases.
        language: of the page.
    """
    known = _known(evidence / CACHE, language)
    entries, new = [], 0
    for path in sorted(evidence.glob("*/record.json")):
        digest = _digest(path.parent)
        entry = known.get((path.parent.name, digest))
        if entry is None:
            entry, new = _entry(path.parent, digest, language), new + 1
        entries.append(entry)
    entries.sort(key=lambda each: (each.started, each.release_id), reverse=True)
    cache = _Cache(form=FORM, language=language, entries=entries)
    files.write_text(evidence / CACHE, cache.model_dump_json(indent=1) + "\n")
    page = evidence / "index.html"
    files.write_text(page, _render(entries, language))
    return Site(page, len(entries), new)


def _known(path: Path, language: Language) -> dict[tuple[str, str], Entry]:
    """What was read before; nothing where it is of another form, or damaged: it is made again."""
    try:
        cache = _Cache.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return {}
    if cache.form != FORM or cache.language != language:
        return {}
    return {(entry.folder, entry.digest): entry for entry in cache.entries}


def _digest(folder: Path) -> str:
    """Of the manifest, which names every other file's; an open release has only its record.

    And of the head of what was appended, which stands for all of that.
    """
    manifest, head = folder / "manifest.json", folder / LATER / chain.HEAD
    path = manifest if manifest.is_file() else folder / "record.json"
    more = head.read_bytes() if head.is_file() else b""
    return hashlib.sha256(path.name.encode() + path.read_bytes() + more).hexdigest()


def _entry(folder: Path, digest: str, language: Language) -> Entry:
    _ = translator(language)
    text = (folder / "record.json").read_text(encoding="utf-8")
    try:
        content = json.loads(text)
        about = {
            "folder": folder.name, "digest": digest, "release_id": content["release_id"],
            "env": content["env"], "started": content["started"],
        }  # fmt: skip
        if not (folder / "manifest.json").is_file():
            said = _("Open: not finished, or waiting for an approval")
            return Entry.model_validate({**about, "verdict": "open", "headline": said})
        record = ReleaseRecord.model_validate_json(text)
    except (ValueError, KeyError, TypeError) as error:
        return Entry(
            folder=folder.name, digest=digest, release_id=folder.name,
            env=folder.name.partition("-")[0], started=_started(folder.name),
            verdict="cannot be read", headline=_("cannot be read"),
            reason=f"record.json: {_first(error)}",
        )  # fmt: skip
    return Entry(
        **about,
        built=True,
        verdict=record.verdict,
        headline=headline(record, _),
        reason=reason(record, _),
        model=record.model.name if record.model else None,
        version=record.model.version if record.model else None,
        metrics=_metrics(record),
        tests=f"{record.tests.passed} / {record.tests.total}",
        live=_live(record),
        later=[
            Later(kind=each.kind, time=each.time, text=each.text) for each in chain.check(folder)[0]
        ],
    )


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
    return f"{type(error).__name__}: {error}"


def _started(name: str) -> datetime:
    """The time in a release's name; the beginning of time in a name that is none."""
    try:
        return datetime.strptime(name.split("-")[1], "%Y%m%dT%H%M%S%z")
    except (IndexError, ValueError):
        return datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def _metrics(record: ReleaseRecord) -> dict[str, float]:
    """Those that are charted: of the comparison, else the training job's own."""
    found = {name: record.metrics[name] for name in CHARTED if name in record.metrics}
    if record.comparison is not None:
        measured = {each.name: each.challenger for each in record.comparison.metrics}
        found |= {name: measured[name] for name in CHARTED if name in measured}
    return found


def _live(record: ReleaseRecord) -> Live | None:
    """The traffic at the release's end; a rollback has no deployment of its own."""
    for result in reversed(record.runbooks):
        traffic = result.values.get("traffic")
        if isinstance(traffic, dict):
            online = record.endpoints.online
            return Live(
                traffic=traffic,
                version=record.model.version if record.model else None,
                deployment=online.deployment if online else None,
            )
    return None


def _render(entries: list[Entry], language: Language) -> str:
    _ = translator(language)
    envs = sorted({entry.env for entry in entries})
    page = environment(language).get_template("site.html.j2")
    return str(
        page.render(
            entries=entries,
            live=[_now(entries, env) for env in envs],
            trends=[
                (title, drawing)
                for env in envs
                for metric in CHARTED
                for title, drawing in [_trend(entries, env, metric, _)]
                if drawing
            ],
            charted=CHARTED,
        )
    )


def _now(entries: list[Entry], env: str) -> dict[str, Any]:
    """What has traffic in an environment: the map of the newest release that moved any."""
    here = [entry for entry in entries if entry.env == env and entry.live is not None]
    if not here:
        return {"env": env, "parts": [], "entry": None}
    newest = here[0]
    models = {
        entry.live.deployment: entry
        for entry in reversed(here)
        if entry.live is not None and entry.live.deployment and entry.live.version
    }
    traffic = newest.live.traffic if newest.live else {}
    parts = [
        {"deployment": name, "share": share, "from": models.get(name)}
        for name, share in sorted(traffic.items(), key=lambda item: -item[1])
    ]
    return {"env": env, "parts": parts, "entry": newest}


def _trend(entries: list[Entry], env: str, metric: str, _: Any) -> tuple[str, Any]:
    marks = [
        charts.Mark(
            entry.release_id,
            "new" if entry.verdict == "passed" else "no",
            entry.metrics.get(metric),
        )
        for entry in reversed(entries)
        if entry.env == env and metric in entry.metrics
    ]
    title = _("%(metric)s in %(env)s, oldest first") % {
        "metric": metric_name(metric, _),
        "env": env,
    }
    return title, charts.trend(title, marks)
