"""A checkout of the working tree as a project of its own, and the command line in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def checkout(root: Path) -> Path:
    """Copy the tracked and new files and commit them."""
    listed = subprocess.run(
        ["git", "-C", REPOSITORY, "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, root / name)
    for command in (
        ["init", "-q", "-b", "develop"],
        ["add", "-A"],
        ["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-q", "-m", "all"],
    ):
        subprocess.run(["git", "-C", root, *command], check=True)
    return root


def python(project: Path, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in the project, with its own sources; ``more`` are variables."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=project, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
        check=False, env=environment(project) | more,
    )  # fmt: skip


def environment(project: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(project / "src")}


def nbrelease(project: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return python(project, "-m", "nbrelease", *words, **more)


def read_values(pack: Path, runbook: str) -> dict:
    notebook = json.loads((pack / "notebooks" / f"{runbook}.ipynb").read_text())
    return notebook["metadata"]["nbrelease"]["values"]


def pictures(pack: Path, runbook: str, cell: str) -> int:
    """How many a cell of an executed runbook shows."""
    notebook = json.loads((pack / "notebooks" / f"{runbook}.ipynb").read_text())
    [found] = [each for each in notebook["cells"] if each["id"] == cell]
    return sum("image/png" in output.get("data", {}) for output in found["outputs"])


def ran_in(project: Path, done: subprocess.CompletedProcess[str]) -> Path:
    """The release that a run by hand went into: an open one where there is one, or a new one."""
    folder = re.findall(r" -> (evidence/[^/]+)/notebooks/", done.stdout)[-1]
    return project / folder


def newest(project: Path, env: str) -> Path:
    return max((project / "evidence").glob(f"{env}-*"), key=lambda path: path.name)
