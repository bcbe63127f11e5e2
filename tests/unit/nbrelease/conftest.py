"""Every kind of release as a pack, built once a language; no test changes them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import packs
from html_page import Page

from nbrelease.pack import build_pack
from nbrelease.records import ReleaseRecord


@dataclass(frozen=True)
class Built:
    """A pack with its record."""

    folder: Path
    record: ReleaseRecord

    def page(self, name: str = "index.html") -> Page:
        return Page(self.folder / name)

    @property
    def pages(self) -> list[Page]:
        return [Page(path) for path in sorted(self.folder.rglob("*.html"))]


def _build_all(evidence_folder: Path, language: str) -> dict[str, Built]:
    evidence_folder.mkdir()
    built = {}
    for make in packs.ALL:
        folder = make(evidence_folder, language=language)
        built[make.__name__] = Built(folder, build_pack(folder))
    return built


@pytest.fixture(scope="session")
def english(tmp_path_factory) -> dict[str, Built]:
    return _build_all(tmp_path_factory.mktemp("en") / "evidence", "en")


@pytest.fixture(scope="session")
def japanese(tmp_path_factory) -> dict[str, Built]:
    return _build_all(tmp_path_factory.mktemp("ja") / "evidence", "ja")
