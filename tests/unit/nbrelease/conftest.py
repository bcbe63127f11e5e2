"""Every kind of release as a pack, built once a language; no test changes them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import packs
from built_packs import Built, build


def _build_all(evidence_folder: Path, language: str) -> dict[str, Built]:
    evidence_folder.mkdir()
    built = {}
    for make in packs.ALL:
        built[make.__name__] = build(make(evidence_folder, language=language))
    return built


@pytest.fixture(scope="session")
def english(tmp_path_factory) -> dict[str, Built]:
    return _build_all(tmp_path_factory.mktemp("en") / "evidence", "en")


@pytest.fixture(scope="session")
def japanese(tmp_path_factory) -> dict[str, Built]:
    return _build_all(tmp_path_factory.mktemp("ja") / "evidence", "ja")
