"""The releases of a project in JupyterLab."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nbrelease.report.site import read_releases
from nbrelease.settings import load


@dataclass(frozen=True)
class ListedRelease:
    """A release; ``page`` is its evidence page, empty if its pack is not built."""

    id: str
    env: str
    started: str
    verdict: str
    headline: str
    model: str
    page: str


@dataclass(frozen=True)
class ReleaseList:
    """The releases of a project, newest first."""

    releases: list[ListedRelease] = field(default_factory=list)


def list_releases(folder: Path) -> ReleaseList:
    """The releases of the project that contains a folder.

    Raises:
        SettingsError: there is no project, or its settings are wrong.
    """
    settings = load(folder)
    env = settings.environment(settings.names[0])
    evidence = settings.root / env.evidence
    releases, _new = read_releases(evidence, env.language)
    return ReleaseList(
        [
            ListedRelease(
                id=each.release_id,
                env=each.env,
                started=each.started.strftime("%Y-%m-%d %H:%M"),
                verdict=each.verdict,
                headline=each.headline,
                model=" ".join(part for part in (each.model, each.version) if part),
                page=str(evidence / each.folder / "index.html") if each.has_pages else "",
            )
            for each in releases
        ]
    )


def is_pack(folder: Path) -> bool:
    """Whether a folder is an evidence pack that was built."""
    return (folder / "record.json").is_file() and (folder / "manifest.json").is_file()
