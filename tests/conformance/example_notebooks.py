"""Execute the notebooks of Azure/azureml-examples in a kernel, and judge the outcomes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from example_outcomes import Catalog, Outcome

SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
CELL_SECONDS = 1500
NOTEBOOK_SECONDS = 1800
WORKSPACE = "notebooks"
PLACEHOLDERS = {
    "SUBSCRIPTION_ID": SUBSCRIPTION,
    "subscription": SUBSCRIPTION,
    "RESOURCE_GROUP": "local",
    "resource-group": "local",
    "AML_WORKSPACE_NAME": WORKSPACE,
    "workspace": WORKSPACE,
    "TIME_STAMP": "1",
}
"""What the user fills in."""
CLUSTERS = {"cpu-cluster": 16, "gpu-cluster": 4}
"""The clusters of jobs/configuration.ipynb; jobs of several notebooks run on them at once."""
CREATE_WORKSPACE = f"az ml workspace create --name {WORKSPACE} --resource-group local"
CREATE_CLUSTERS = " && ".join(
    f"az ml compute create --name {name} --type amlcompute --min-instances 0"
    f" --max-instances {instances} --resource-group local --workspace-name {WORKSPACE}"
    for name, instances in CLUSTERS.items()
)


def find_notebooks(checkout: Path) -> list[str]:
    """The notebooks below sdk/python."""
    notebooks = sorted((checkout / "sdk" / "python").rglob("*.ipynb"))
    return [path.relative_to(checkout).as_posix() for path in notebooks]


class Execution:
    """Executes the notebooks of one copy of a checkout in one workspace."""

    def __init__(self, checkout: Path, catalog: Catalog, work: Path, python: Path) -> None:
        """Use this copy of a checkout.

        Args:
            checkout: a copy of the checkout, which is written to.
            catalog: what the notebooks need.
            work: the folder of the logs.
            python: the interpreter of the kernels.
        """
        self.checkout = checkout
        self.catalog = catalog
        self.work = work
        self.python = python

    def run(self, notebooks: list[str], workers: int) -> Iterator[Outcome]:
        """Create the clusters that all notebooks use, and execute the notebooks."""
        subprocess.run(["sh", "-c", CREATE_CLUSTERS], check=True, capture_output=True)
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(self._execute, notebooks)

    def _execute(self, notebook: str) -> Outcome:
        file = self.checkout / notebook
        _configure(file)
        command = [str(self.python), "-m", "jupyter", "execute", "--kernel_name=python3"]
        command += [f"--timeout={CELL_SECONDS}", "--inplace", file.name]
        if notebook in self.catalog.strict:
            command = self._with_own_server(command, CREATE_WORKSPACE, "--strict")
        if notebook in self.catalog.isolated:
            command = self._with_own_server(command, CREATE_CLUSTERS, "--isolation", "uv")
        try:
            result = subprocess.run(
                command,
                cwd=file.parent,
                env={**os.environ, **_variables(file.parent, self.python.parent)},
                capture_output=True,
                text=True,
                timeout=NOTEBOOK_SECONDS,
                check=False,
            )
            log = result.stdout + result.stderr
            outcome = Outcome(notebook, "passed", log=log)
            if result.returncode != 0:
                outcome = self.catalog.judge(notebook, log, "missing")
        except subprocess.TimeoutExpired as error:
            reason = f"no end after {NOTEBOOK_SECONDS} s"
            outcome = Outcome(notebook, "failed", reason, str(error))
        log = self.work / "logs" / (notebook + ".log")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(outcome.log, encoding="utf-8")
        print(f"{outcome.result:9} {notebook}  {outcome.reason}", flush=True)
        return outcome

    def _with_own_server(self, command: list[str], create: str, *options: str) -> list[str]:
        """Run two commands with a server of their own, which has these options."""
        server = [sys.executable, "-m", "azureml_local", "run", *options]
        server += ["--data", str(self.work / options[0].strip("-")), "--", "sh", "-c"]
        return [*server, f"{create} && {shlex.join(command)}"]


def _configure(file: Path) -> None:
    """Write config.json, and fill in the workspace that the notebook has placeholders for."""
    config = {
        "subscription_id": SUBSCRIPTION,
        "resource_group": "local",
        "workspace_name": WORKSPACE,
    }
    (file.parent / "config.json").write_text(json.dumps(config), encoding="utf-8")
    text = file.read_text(encoding="utf-8")
    # The notebooks' versions are the time in seconds, so each has a registry of its own.
    for name, value in {**PLACEHOLDERS, "REGISTRY_NAME": file.stem}.items():
        text = text.replace(f"<{name}>", value)
    file.write_text(text, encoding="utf-8")


def _variables(folder: Path, bin_folder: Path) -> dict[str, str]:
    """No installations (%pip continues after an error); sys.path begins with the folder."""
    return {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "MPLBACKEND": "agg",
        "AZURE_DEFAULTS_GROUP": "local",
        "AZURE_DEFAULTS_WORKSPACE": WORKSPACE,
    }
