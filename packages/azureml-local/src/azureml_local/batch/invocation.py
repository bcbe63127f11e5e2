"""Invoking a batch endpoint: the jobs that an invocation creates, and how they run."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from azureml_local.addresses import resolve_job_uri
from azureml_local.assets.versions import Assets
from azureml_local.batch.driver import PRELOADED_PROCESS
from azureml_local.batch.invocation_data import (
    component_of,
    parse_inputs,
    parse_outputs,
    resolve_inputs,
    resolve_outputs,
)
from azureml_local.batch.settings import parse_settings
from azureml_local.documents.assets import COMPONENTS
from azureml_local.documents.jobs import (
    InputMap,
    JobDocument,
    JobInput,
    JobProperties,
    JobResource,
    OutputMap,
    PipelineSettings,
)
from azureml_local.documents.scoring import ScoringSpec
from azureml_local.endpoints import Deployment
from azureml_local.errors import BadRequest
from azureml_local.forked_workers import ForkedWorkers
from azureml_local.jobs import inputs, pipeline_jobs, planner, records, validation
from azureml_local.jobs.records import Job
from azureml_local.jobs.runner import Runner
from azureml_local.json_fields import JsonObject, as_document, object_of, text_of
from azureml_local.scoring.conda_files import find_conda_file
from azureml_local.scoring.deployment_files import DeploymentFiles
from azureml_local.state import State

OUTPUT = "score"
SCORING = "batchscoring"


@dataclass(frozen=True)
class _Invocation:
    """A request to a batch endpoint: the deployment, the new job, and the request's properties."""

    job: Job
    endpoint: str
    deployment: Deployment
    call: JsonObject

    @cached_property
    def inputs(self) -> InputMap:
        """Its inputs with the types of jobs."""
        return parse_inputs(object_of(self.call, "inputData"))

    @cached_property
    def outputs(self) -> OutputMap:
        """Its outputs with the types of jobs."""
        return parse_outputs(object_of(self.call, "outputData"))

    @property
    def experiment(self) -> str:
        """The experiment of its jobs; the endpoint's name by default."""
        return text_of(object_of(self.call, "properties"), "experimentName") or self.endpoint

    def spec(self, target: Path) -> ScoringSpec:
        """The specification for :mod:`azureml_local.batch.driver`."""
        properties, folder = self.deployment.properties, self.deployment.folder
        output = self.outputs.get(OUTPUT, {})
        one_file = output.get("jobOutputType") == "uri_file" and bool(output.get("uri"))
        run_settings = parse_settings(properties, self.call)
        files = DeploymentFiles(**self.deployment.files)
        path = target if one_file else target / run_settings.file_name
        own = object_of(properties, "environmentVariables")
        variables = {
            "AZUREML_BI_OUTPUT_PATH": str(path.parent),
            **{name: str(value) for name, value in own.items()},
        }
        spec: ScoringSpec = {
            "mini_batch_size": run_settings.mini_batch_size,
            "error_threshold": run_settings.error_threshold,
            "max_retries": run_settings.max_retries,
            "seconds": run_settings.seconds,
            "append_row": run_settings.append_row,
            "processes": run_settings.processes,
            "output": str(path),
            "environment": variables,
        }
        if files.model or not files.script:
            spec["model"] = variables["AZUREML_MODEL_DIR"] = str(folder / files.model)
        if files.script:
            spec["script"], spec["code"] = files.script, str(folder / files.code)
        return spec


class Invocations:
    """Creates and runs the jobs of batch endpoints."""

    def __init__(self, state: State, runner: Runner, workers: ForkedWorkers) -> None:
        self._state = state
        self._runner = runner
        # The deployments' folders that jobs use, and those of them that are to be removed.
        self._in_use: Counter[Path] = Counter()
        self._obsolete: set[Path] = set()
        self._workers = workers

    def import_modules(self) -> None:
        """Import what workers need: an invocation will follow."""
        self._workers.import_all()

    def submit(self, endpoint: str, deployment: Deployment, call: JsonObject) -> JobResource:
        """Create the job of an invocation and run it in the background.

        Args:
            endpoint: the name of the endpoint.
            deployment: the invoked deployment.
            call: the properties of the request.

        Raises:
            BadRequest: the invocation is not valid.
            NotFound: an input does not exist.
            Conflict: a job with that name exists.
        """
        name = text_of(call, "name") or f"batchjob-{uuid.uuid4()}"
        if not validation.NAME.match(name):
            raise BadRequest(f"job name {name!r} is not valid", "UserError", target="name")
        job = Job(deployment.workspace, name)
        if job.exists:
            raise BadRequest(f"a job named {name} already exists", "UserError", target="name")
        invocation = _Invocation(job, endpoint, deployment, call)
        if component_of(deployment.properties):
            return self._submit_pipeline(invocation)
        return self._submit_scoring(invocation)

    def _submit_pipeline(self, invocation: _Invocation) -> JobResource:
        """A job of the deployment's pipeline component, with the call's inputs and outputs."""
        job, deployment = invocation.job, invocation.deployment
        configuration = object_of(deployment.properties, "deploymentConfiguration")
        component = component_of(deployment.properties)
        spec = Assets(job.workspace, COMPONENTS).find_by_id(component).body["componentSpec"]
        job_inputs = resolve_inputs(spec, invocation.inputs)
        for each in job_inputs.values():
            validation.check_input(job.workspace, each)
        properties: JobProperties = {
            "jobType": "Pipeline",
            "displayName": deployment.own_name,
            "experimentName": invocation.experiment,
            "tags": {"azureml.batchrun": "true", "azureml.jobtype": "azureml.pipelinejob"},
            "properties": {},
            "services": {},
            "inputs": job_inputs,
            "outputs": resolve_outputs(spec, invocation.outputs),
            "jobs": spec.get("jobs") or {},
            "settings": as_document(PipelineSettings, object_of(configuration, "settings")),
        }
        plan = planner.make_plan(job.workspace, properties, reuse=False)
        document = job.create(properties=properties, endpoint=invocation.endpoint)
        self._state.background(pipeline_jobs.run_pipeline(self._runner, job, plan))
        return document

    def _submit_scoring(self, invocation: _Invocation) -> JobResource:
        """The parent job and its scoring child."""
        job, deployment = invocation.job, invocation.deployment
        if len(invocation.inputs) != 1:
            raise BadRequest(
                "invoke a model deployment with one input", "UserError", target="inputData"
            )
        source = next(iter(invocation.inputs.values()))
        if source["jobInputType"] not in ("uri_file", "uri_folder"):  # an mltable neither
            raise BadRequest(
                "a model deployment takes a file or a folder "
                f"(got {source['jobInputType']}); use a pipeline component deployment",
                "UserError",
                target="inputData",
            )
        validation.check_input(job.workspace, source)
        child = job.sibling(str(uuid.uuid4()))
        target, outputs = _output_path(child, invocation.outputs)
        spec = invocation.spec(target)
        common: JobProperties = {
            "experimentName": invocation.experiment,
            "properties": {},
            "services": {},
            "inputs": {},
        }
        # The tag is how the SDK's download knows a scoring run, and looks for its child.
        properties: JobProperties = {
            **common,
            "jobType": "Pipeline",
            "displayName": deployment.name,
            "tags": {"azureml.batchrun": "true"},
            "outputs": {},
        }
        scoring: JobProperties = {
            **common,
            "jobType": "Command",
            "displayName": SCORING,
            "tags": {},
        }
        started: JobDocument = {"status": "Starting", "endpoint": invocation.endpoint}
        parent_body: JobDocument = {**started, "properties": properties}
        child_body: JobDocument = {
            **started,
            "properties": scoring,
            "parent": job.name,
            "outputs": outputs,
        }
        with self._state.store.transaction():
            document = job.create(**parent_body)
            child.create(**child_body)
        self._in_use[deployment.folder] += 1
        self._state.background(self._run(job, child, deployment, spec, source))
        return document

    async def remove_files(self, deployments: Iterable[Deployment]) -> None:
        """Remove the copies of the models and code of deleted or replaced deployments.

        Those that a job uses are removed when it ends.
        """
        for folder in {each.folder for each in deployments if "folder" in each.body}:
            if folder in self._in_use:
                self._obsolete.add(folder)
            else:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _release(self, folder: Path) -> None:
        """Record that a job no longer uses the folder of a deployment."""
        self._in_use[folder] -= 1
        if self._in_use[folder] > 0:
            return
        del self._in_use[folder]
        if folder in self._obsolete:
            self._obsolete.remove(folder)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _isolate(self, child: Job, deployment: Deployment, spec: ScoringSpec) -> None:
        """Let the specification start workers in the deployment's environment.

        It stays as it is without isolation, and without a conda file.

        Raises:
            AzureError: the environment cannot be built.
        """
        if self._runner.interpreters is None:
            return
        model = Path(spec["model"]) if "model" in spec else None
        conda_file = await asyncio.to_thread(find_conda_file, deployment, model)
        text = conda_file.text if conda_file else None
        interpreter = await self._runner.build_interpreter(child, text)
        if interpreter is not None:
            spec["python"] = interpreter.python
            spec["environment"] = interpreter.add_variables(spec["environment"])

    async def _run(
        self,
        parent: Job,
        child: Job,
        deployment: Deployment,
        spec: ScoringSpec,
        source: JobInput,
    ) -> None:
        runner = self._runner
        log = partial(parent.log_file, records.EXECUTION_LOG)

        async def score() -> int:
            async with runner.instances(child, text_of(deployment.properties, "compute")):
                folder = child.folder("jobs")
                folder.mkdir(parents=True)
                values = await asyncio.to_thread(
                    inputs.resolve_inputs, child.workspace, {"input": source}, folder / "inputs"
                )
                spec["input"] = values["input"]
                await self._isolate(child, deployment, spec)
                file = folder / "spec.json"
                file.write_text(json.dumps(spec), encoding="utf-8")
                command = [sys.executable, "-m", "azureml_local.batch.driver", str(file)]
                extra = {"AZUREML_RUN_ID": child.name}
                own_process = "script" in spec or "python" in spec
                if not own_process and (address := self._workers.preload()) is not None:
                    extra[PRELOADED_PROCESS] = str(address)
                return await runner.run_process(
                    child, command, folder=folder, log=log(), variables=extra
                )

        async def whole() -> int:
            await runner.supervise(child, log, score)
            shutil.copyfile(log(), child.log_file(records.SCORING_LOG))
            return 0 if child.status == "Completed" else 1

        try:
            await runner.supervise(parent, log, whole)
        finally:
            await self._release(deployment.folder)


def _output_path(child: Job, outputs: OutputMap) -> tuple[Path, dict[str, str]]:
    """The path of the output, a folder or a file; and its URI if the invocation sets one."""
    if set(outputs) - {OUTPUT}:
        raise BadRequest(f"a model deployment has one output, {OUTPUT}", target="outputData")
    uri = text_of(outputs.get(OUTPUT, {}), "uri")
    if not uri:
        return inputs.default_output_path(child, OUTPUT), {}
    uri = resolve_job_uri(child.workspace, uri)
    path = child.workspace.local_path(uri)
    if outputs[OUTPUT]["jobOutputType"] == "uri_file":
        return path, {OUTPUT: uri.rpartition("/")[0]}
    return path, {OUTPUT: uri}
