"""A project in a temporary folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from project_builder import Project


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path)
