"""Execute the notebooks of Azure/azureml-examples in a kernel, and judge the outcomes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from example_outcomes import Catalog, Outcome

SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
CELL_SECONDS = 300
NOTEBOOK_SECONDS = 600
PLACEHOLDER = re.compile(r"<(SUBSCRIPTION_ID|subscription|RESOURCE_GROUP|resource-group)>")
WORKSPACE = re.compile(r"<(AML_WORKSPACE_NAME|workspace)>")


def find_notebooks(checkout: Path) -> list[str]:
    """The notebooks below sdk/python."""
    notebooks = sorted((checkout / "sdk" / "python").rglob("*.ipynb"))
    return [path.relative_to(checkout).as_posix() for path in notebooks]


class Execution:
    """Executes the notebooks of one copy of a checkout, each in a workspace of its own."""

    def __init__(self, checkout: Path, catalog: Catalog, work: Path) -> None:
        """Use this copy of a checkout.

        Args:
            checkout: a copy of the checkout, which is written to.
            catalog: what the notebooks need.
            work: the folder of the logs.
        """
        self.checkout = checkout
        self.catalog = catalog
        self.work = work

    def run(self, notebooks: list[str], workers: int) -> Iterator[Outcome]:
        """Execute the notebooks."""
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(self._execute, notebooks)

    def _execute(self, notebook: str) -> Outcome:
        file = self.checkout / notebook
        workspace = re.sub(r"\W", "-", file.stem)[:32].strip("-")
        self._configure(file, workspace)
        command = [sys.executable, "-m", "jupyter", "execute", "--kernel_name=python3"]
        command += [f"--timeout={CELL_SECONDS}", "--inplace", file.name]
        try:
            result = subprocess.run(
                command,
                cwd=file.parent,
                env={**os.environ, **self._variables(workspace)},
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

    def _configure(self, file: Path, workspace: str) -> None:
        """Write config.json, and fill in the workspace that the notebook has placeholders for."""
        config = {
            "subscription_id": SUBSCRIPTION,
            "resource_group": "local",
            "workspace_name": workspace,
        }
        (file.parent / "config.json").write_text(json.dumps(config), encoding="utf-8")
        text = file.read_text(encoding="utf-8")
        text = PLACEHOLDER.sub(
            lambda match: SUBSCRIPTION if match[1].lower().startswith("sub") else "local", text
        )
        file.write_text(WORKSPACE.sub(workspace, text), encoding="utf-8")

    def _variables(self, workspace: str) -> dict[str, str]:
        """No installations (%pip continues after an error), and the kernel's own programs first."""
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "MPLBACKEND": "agg",
            "AZURE_DEFAULTS_GROUP": "local",
            "AZURE_DEFAULTS_WORKSPACE": workspace,
        }
