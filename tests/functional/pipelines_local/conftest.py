"""Runs pipelines in folders of their own."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import RunResult, run_pipeline

Run = Callable[..., RunResult]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Write files, run the pipeline in the first argument, return its result."""

    def go(text: str, files: dict[str, str] | None = None, **options: Any) -> RunResult:
        root = tmp_path / "repo"
        for name, content in {"p.yml": text, **(files or {})}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        options.setdefault("root", root)
        return run_pipeline(root / "p.yml", work_dir=tmp_path / "work", **options)

    return go


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one commit and some work that is not committed."""
    root = tmp_path / "repo"
    root.mkdir()
    (root / ".gitignore").write_text("ignored\n")
    (root / "kept.txt").write_text("committed\n")
    (root / "gone.txt").write_text("x\n")
    (root / "tool").write_text("#!/bin/sh\necho tool\n")
    (root / "tool").chmod(0o755)
    who = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    for words in (["init", "-q", "-b", "trunk"], ["add", "."], [*who, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    (root / "kept.txt").write_text("changed\n")
    (root / "new.txt").write_text("new\n")
    (root / "ignored").write_text("secret\n")
    (root / "gone.txt").unlink()
    return root
