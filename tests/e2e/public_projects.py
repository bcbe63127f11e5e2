"""Projects made from checkouts of public repositories, and their pipelines in a local workspace."""

from __future__ import annotations

import json
import os
import re
import shlex
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


END = "-----"


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
        return self._run(pipeline, *options, **variables)

    def resume(self, run: str, *options: str) -> dict[str, Any]:
        """Resume a waiting run in the local workspace; returns its run document."""
        return self._run("--resume", run, "--shared-az-config", *options)

    def _run(self, *options: str, **variables: str) -> dict[str, Any]:
        words = ["run", "--root", ".", "--work-dir", str(self._data / "runs")]
        for name in self._connections:
            words += ["--service-connection", name]
        result = self.in_workspace(
            sys.executable, "-m", "pipelines_local", *words, *options, "--format", "json",
            **variables,
        )  # fmt: skip
        assert result.stdout, result.stderr
        return json.loads(result.stdout)

    def az(self, *lines: str) -> list[str]:
        """Run commands of az in the local workspace; returns the output of each."""
        script = "set -e\n" + "".join(
            f"az {shlex.join(line.split())}; echo {END}\n" for line in lines
        )
        result = self.in_workspace("bash", "-c", script)
        assert result.returncode == 0, result.stderr
        return [part.strip() for part in result.stdout.split(END)[:-1]]

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

    Its conda files are edited: no packages from GitHub, and a setuptools for mlflow 2.9.2.
    """
    source, root = Path(os.environ[PROJECT_TEMPLATE]), folder / "taxi"
    shutil.copytree(source / "classical" / "aml-cli-v2", root)
    for environment in ("dev", "prod"):
        shutil.copy(source / f"config-infra-{environment}.yml", root)
    batch = root / "mlops/azureml/deploy/batch/conda.yml"
    replace(batch, r"(\n *- )(mlflow==)", r"\1setuptools<81\1\2")
    conda_file = root / "data-science/environment/train-conda.yml"
    replace(conda_file, r"\n *- git\+https://[^\n]*", "")
    replace(conda_file, r"(\n *- )(joblib==)", r"\1setuptools<81\1\2")
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


MAIN = """
import argparse
import mlflow
import pandas as pd
from sklearn.linear_model import LinearRegression

parser = argparse.ArgumentParser()
parser.add_argument("--input_data")
rows = pd.read_csv(parser.parse_args().input_data)
with mlflow.start_run():
    model = LinearRegression().fit(rows[["distance", "passengers"]].to_numpy(), rows["cost"])
    packages = ["scikit-learn==1.5.2", "numpy==1.26.4", "pandas==2.2.3"]
    packages += ["azureml-inference-server-http", "azureml-ai-monitoring"]
    mlflow.sklearn.log_model(model, "model", pip_requirements=packages)
"""
CONDA = """
dependencies:
  - python=3.11
  - pip
  - pip: [mlflow==2.22.2, mlflow-skinny==2.22.2, azureml-mlflow==1.62.0.post6,
          scikit-learn==1.5.2, numpy==1.26.4, pandas==2.2.3]
"""
ARTICLE_VALUES = {
    "TRAINING_ENVIRONMENT_NAME": "taxi-env",
    "TRAINING_DATASET_NAME": "taxi-data",
    "TRAINING_EXPERIMENT_NAME": "taxi",
    "MODEL_NAME": "taxi-model",
    "MODEL_PATH": "model",
    "SCORING_DATASET_NAME": "taxi-batch",
    "BATCH_ENDPOINT_NAME": "taxi-batch",
    "BATCH_DEPLOYMENT_NAME": "taxi-batch-dp",
    "BATCH_SAMPLE_REQUEST": "data/taxi-batch.csv",
    "ONLINE_ENDPOINT_NAME": "taxi-online",
    "ONLINE_DEPLOYMENT_NAME": "taxi-online-dp",
    "ONLINE_SAMPLE_REQUEST": "data/taxi-request.json",
}


def create_article_project(folder: Path) -> PublicProject:
    """A project of ryoma-nagata/mlops-template with values, data, and a training script."""
    root = folder / "article"
    shutil.copytree(Path(os.environ[ARTICLE]), root, ignore=shutil.ignore_patterns(".git"))
    for name, value in ARTICLE_VALUES.items():
        replace(root / "mlops/config-mlops.yml", rf"(?m)^( +{name}:) \S+", rf"\1 {value}")
    for environment in ("dev", "prod"):
        file = root / f"mlops/config-infra-{environment}.yml"
        replace(file, "(?<=AZURE_SUBSCRIPTION_ID: )''", "00000000-0000-0000-0000-000000000")
        replace(file, "(?<=RESOURCE_GROUP_NAME: )''", "rg")
        replace(file, "(?<=AML_WORKSPACE_NAME: )''", f"article-{environment}")
    training, deploy = root / "mlops/continuous-training", root / "mlops/deploy"
    replace(training / "dataset.yml", "<sample-string>", "taxi")
    replace(training / "pipeline.yml", "type: <sample-string>", "type: uri_file")
    replace(training / "pipeline.yml", "(?<=path: azureml:)<sample-string>", "taxi-data")
    replace(training / "pipeline.yml", "(?<=environment: azureml:)<sample-string>", "taxi-env")
    replace(deploy / "batch/batch-dataset.yml", "<sample-string>", "taxi-batch")
    replace(deploy / "batch/batch-deployment.yml", "(?<=azureml:)<sample-string>", "cpu-cluster")
    (root / "data-science/environment/train-conda.yml").write_text(CONDA, encoding="utf-8")
    (root / "data-science/src/main.py").write_text(MAIN, encoding="utf-8")
    rows = "".join(f"{n},{n % 3},{2 * n + n % 3}\n" for n in range(60))
    (root / "data/taxi.csv").write_text("distance,passengers,cost\n" + rows, encoding="utf-8")
    batch = "distance,passengers\n1.0,2.0\n3.0,1.0\n"
    (root / "data/taxi-batch.csv").write_text(batch, encoding="utf-8")
    (root / "data/taxi-request.json").write_text('{"input_data": [[2.0, 1.0]]}', encoding="utf-8")
    commit_all(root)
    return PublicProject(root, folder / "data", ("azure-devops-service-connection",))
