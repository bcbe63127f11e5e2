"""Projects made from checkouts of public repositories, and their pipelines in a local workspace."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT_TEMPLATE = "PUBLIC_MLOPS_PROJECT_TEMPLATE"
TEMPLATES = "PUBLIC_MLOPS_TEMPLATES"
ARTICLE = "PUBLIC_MLOPS_TEMPLATE"
"""Environment variables with the folders of git checkouts of Azure/mlops-project-template,
Azure/mlops-templates and ryoma-nagata/mlops-template."""


def commit_all(folder: Path) -> None:
    """Make a folder a git repository with one commit on main."""
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-q", "-m", "all"],
    ):
        subprocess.run(["git", "-C", folder, *words], check=True)


def replace(file: Path, pattern: str, new: str) -> None:
    """Edit a file; the pattern must occur in it."""
    text, count = re.subn(pattern, new, file.read_text(encoding="utf-8"))
    assert count, f"{file}: {pattern}"
    file.write_text(text, encoding="utf-8")


class PublicProject:
    """A project and the data folder of its workspaces, which exist during each run."""

    def __init__(self, root: Path, data: Path, connections: tuple[str, ...]) -> None:
        self.root = root
        self._data = data
        self._connections = connections

    def run(self, pipeline: str, *options: str, **variables: str) -> dict[str, Any]:
        """Run a pipeline in the local workspace; returns its run document."""
        words = ["run", pipeline, "--root", ".", "--work-dir", str(self._data / "runs")]
        for name in self._connections:
            words += ["--service-connection", name]
        result = self.in_workspace(
            sys.executable, "-m", "pipelines_local", *words, *options, "--format", "json",
            **variables,
        )  # fmt: skip
        assert result.stdout, result.stderr
        return json.loads(result.stdout)

    def az(self, line: str) -> str:
        """Run a command of az in the local workspace; returns its output."""
        result = self.in_workspace("az", *line.split())
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def in_workspace(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "azureml_local", "run", "--isolation", "uv"]
        # The variables are those of the pipeline, not of the server that builds environments.
        assignments = [f"{name}={value}" for name, value in variables.items()]
        return subprocess.run(
            [*command, "--data", self._data, "--", "env", *assignments, *words],
            cwd=self.root, capture_output=True, text=True, timeout=3600, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip


def create_taxi_project(folder: Path) -> PublicProject:
    """A project of Azure/mlops-v2: classical, aml-cli-v2, as its bootstrap script creates it.

    Two lines of its conda file are removed: they install packages from GitHub.
    """
    source, root = Path(os.environ[PROJECT_TEMPLATE]), folder / "taxi"
    shutil.copytree(source / "classical" / "aml-cli-v2", root)
    for environment in ("dev", "prod"):
        shutil.copy(source / f"config-infra-{environment}.yml", root)
    replace(root / "data-science/environment/train-conda.yml", r"\n *- git\+https://[^\n]*", "")
    commit_all(root)
    subprocess.run(
        ["git", "clone", "-q", os.environ[TEMPLATES], folder / "templates"], check=True
    )  # fmt: skip
    connections = ("Azure-ARM-Dev", "Azure-ARM-Prod")
    return PublicProject(root, folder / "data", connections)


def jobs_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The jobs of a run document."""
    return [job for stage in document["stages"] for job in stage["jobs"]]


def step_results(document: dict[str, Any]) -> dict[str, str]:
    """The results of the steps that ran, by display name."""
    steps = [step for job in jobs_of(document) for step in job["steps"]]
    return {step["display"]: step["result"] for step in steps if step["result"] != "Skipped"}


def log_of(document: dict[str, Any]) -> str:
    """The lines of all logs of a run."""
    return "\n".join(line for job in jobs_of(document) for line in job["log"])
