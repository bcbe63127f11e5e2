"""Submit the YAML files of Azure/azureml-examples with `az ml`, and judge the outcomes."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from example_outcomes import Catalog, Outcome

GROUPS = {
    "amlCompute": "compute",
    "computeInstance": "compute",
    "vmCompute": "compute",
    "azureBlob": "datastore",
    "azureDataLakeGen1": "datastore",
    "azureDataLakeGen2": "datastore",
    "azureFile": "datastore",
    "workspace": "workspace",
    "environment": "environment",
    "data": "data",
    "model": "model",
    "ModelVersionPackage": "model package",
    "DataImport": "data import",
    "Connection": "connection",
    "commandComponent": "component",
    "CommandComponent": "component",
    "SparkComponent": "component",
    "sparkComponent": "component",
    "pipelineComponent": "component",
    "managedOnlineEndpoint": "online-endpoint",
    "kubernetesOnlineEndpoint": "online-endpoint",
    "batchEndpoint": "batch-endpoint",
    "managedOnlineDeployment": "online-deployment",
    "kubernetesOnlineDeployment": "online-deployment",
    "batchDeployment": "batch-deployment",
    "modelBatchDeployment": "batch-deployment",
    "pipelineComponentBatchDeployment": "batch-deployment",
    "commandJob": "job",
    "sweepJob": "job",
    "autoMLJob": "job",
    "sparkJob": "job",
    "pipelineJob": "job",
    "PipelineJob": "job",
    "Schedule": "schedule",
    "schedule": "schedule",
    "registry": "registry",
}
"""The group of `az ml` for the name of a file's schema, in the order of creation."""
ORDER = list(dict.fromkeys(GROUPS.values()))
SCHEMA = re.compile(r"^[\s\"']*\$schema\"?: *\S*?(\w+)(?:\.schema)?\.json", re.MULTILINE)
PLACEHOLDER = re.compile(r"(?<!\$)\{\{(\w+)\}\}|<([A-Z][A-Z_-]+)>")
VALUES = {"MODEL_VERSION": "1", "SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000"}
COMMAND_SECONDS = 1500


@dataclass(frozen=True)
class Example:
    """A YAML file: its path below the checkout, and the group of `az ml` that creates it."""

    path: str
    group: str

    @property
    def workspace(self) -> str:
        """The workspace of the files of a folder such as cli/jobs/basics."""
        return "-".join(Path(self.path).parent.parts[1:3])


def find_examples(checkout: Path, kinds: dict[str, str]) -> list[Example]:
    """The YAML files below `cli` that a user submits, by workspace in the order of creation.

    Args:
        checkout: a checkout of the examples.
        kinds: the group of `az ml` for files without a schema.
    """
    examples = []
    for file in sorted((checkout / "cli").rglob("*.y*ml")):
        path = file.relative_to(checkout).as_posix()
        schema = SCHEMA.search(file.read_text(encoding="utf-8"))
        group = GROUPS.get(schema[1]) if schema else kinds.get(path)
        if group is not None:
            examples.append(Example(path, group))
    return sorted(examples, key=lambda each: (each.workspace, ORDER.index(each.group), each.path))


class Submission:
    """Submits the files of one checkout, a workspace at a time."""

    def __init__(self, checkout: Path, catalog: Catalog, work: Path) -> None:
        """Use this copy of a checkout.

        Args:
            checkout: a copy of the checkout, which is written to.
            catalog: the commands and options that the files need.
            work: the folder of the logs.
        """
        self.checkout = checkout
        self.catalog = catalog
        self.work = work
        self._prepared: set[tuple[str, str]] = set()

    def run(self, examples: list[Example], workers: int) -> Iterator[Outcome]:
        """Submit the files, those of one workspace one after the other."""
        workspaces: dict[str, list[Example]] = {}
        for example in examples:
            workspaces.setdefault(example.workspace, []).append(example)
        with ThreadPoolExecutor(workers) as pool:
            for outcomes in pool.map(self._run_workspace, workspaces.values()):
                yield from outcomes

    def _run_workspace(self, examples: list[Example]) -> list[Outcome]:
        """Create everything, then wait for the jobs."""
        outcomes: list[Outcome] = []
        jobs: list[tuple[Example, str]] = []
        for number, example in enumerate(examples):
            try:
                job = self._create(example, f"example-{number}")
            except subprocess.SubprocessError as error:
                outcomes.append(self._report(self._failure(example, error)))
            else:
                if job is None:
                    outcomes.append(self._report(Outcome(example.path, "passed")))
                else:
                    jobs.append((example, job))
        for example, job in jobs:
            try:
                outcome = self._wait(example, job)
            except subprocess.SubprocessError as error:
                outcome = self._failure(example, error)
            outcomes.append(self._report(outcome))
        return outcomes

    def _failure(self, example: Example, error: subprocess.SubprocessError) -> Outcome:
        if isinstance(error, subprocess.CalledProcessError):
            log = f"{error.cmd}\n{error.stdout}{error.stderr}"
            return self.catalog.judge(example.path, log, "missing")
        return Outcome(example.path, "failed", f"no end after {COMMAND_SECONDS} s", str(error))

    def _report(self, outcome: Outcome) -> Outcome:
        log = self.work / "logs" / (outcome.example + ".log")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(outcome.log, encoding="utf-8")
        print(f"{outcome.result:9} {outcome.example}  {outcome.reason}", flush=True)
        return outcome

    def _prepare(self, example: Example) -> None:
        """Run the commands that the example's script runs before, each once a workspace."""
        for place in reversed((example.path, *map(str, Path(example.path).parents))):
            for command in self.catalog.before.get(place, []):
                if (example.workspace, command) not in self._prepared:
                    self._prepared.add((example.workspace, command))
                    folder = self.checkout / place
                    self._az(command, example, folder if folder.is_dir() else folder.parent)

    def _create(self, example: Example, name: str) -> str | None:
        """Submit the file; returns the name of a job, else None."""
        self._prepare(example)
        file = self._fill_placeholders(self.checkout / example.path, name)
        options = self.catalog.options.get(example.path, "")
        command = f"ml {example.group} create --file {file} {options}"
        if example.group == "job":
            return self._az(command + " --query name --output tsv", example).split()[-1]
        if example.group == "component":
            # Components of the same name and version in several folders are never registered.
            command += f" --version {name.rpartition('-')[2]}"
        if not example.group.endswith(("-endpoint", "-deployment")):
            self._az(command.replace("package create", "package"), example)
            return None
        endpoints = example.group.split("-")[0] + "-endpoint"
        if example.group == endpoints:
            command += f" --name {name}"
        else:
            self._az(f"ml {endpoints} create --name {name}", example)
            command += f" --endpoint-name {name}"
        try:
            self._az(command, example)
        finally:
            self._az(f"ml {endpoints} delete --name {name} --yes", example, check=False)
        return None

    def _fill_placeholders(self, file: Path, name: str) -> str:
        """Replace {{name}} as the scripts do with sed, and <NAME> as the user does, in a copy."""
        text = file.read_text(encoding="utf-8")
        if not PLACEHOLDER.search(text):
            return file.name
        copy = file.with_name(f"filled-{file.name}")
        filled = PLACEHOLDER.sub(lambda match: VALUES.get(match[1] or match[2], name), text)
        copy.write_text(filled, encoding="utf-8")
        return copy.name

    def _wait(self, example: Example, job: str) -> Outcome:
        """Wait for the end of a job."""
        try:
            log = self._az(f"ml job stream --name {job}", example, check=False)
        except subprocess.TimeoutExpired:
            self._az(f"ml job cancel --name {job}", example, check=False)
            raise
        show = f"ml job show --name {job} --query status --output tsv"
        if (status := self._az(show, example).split()[-1]) == "Completed":
            return Outcome(example.path, "passed", log=log)
        log = f"{log}\n{self._logs(job, example)}\n{status}"
        return self.catalog.judge(example.path, log, "accepted")

    def _logs(self, job: str, example: Example) -> str:
        """The logs of a failed job and of its steps."""
        steps = self._az(
            f"ml job list --parent-job-name {job} --query \"[?status=='Failed'].name\" --output tsv",
            example,
        ).split()
        texts = []
        for each in (job, *steps):
            with tempfile.TemporaryDirectory() as folder:
                download = f"ml job download --name {each} --download-path '{folder}'"
                self._az(download, example, check=False)
                for file in sorted(Path(folder).rglob("*.txt")):
                    texts.append(f"--- {each}/{file.name}")
                    texts.append(file.read_text(encoding="utf-8", errors="replace")[-20_000:])
            if each != job:
                texts.append(self._logs(each, example))
        return "\n".join(texts)

    def _az(
        self, command: str, example: Example, folder: Path | None = None, check: bool = True
    ) -> str:
        """Run a command of az in the workspace of the example; returns its output."""
        if command.startswith("ml "):
            command = f"az {command.replace('{work}', str(self.work))} --resource-group local"
            if not command.startswith(("az ml workspace", "az ml registry")):
                command += f" --workspace-name {example.workspace}"
        result = subprocess.run(
            command,
            shell=True,
            cwd=folder or (self.checkout / example.path).parent,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=check,
        )
        return result.stdout if check else result.stdout + result.stderr
