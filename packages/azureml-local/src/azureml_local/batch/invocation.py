"""A call of a batch endpoint: the jobs that it makes, and how they run."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

from azureml_local import assets, compute
from azureml_local.addresses import resolve_job_uri
from azureml_local.batch.calls import component_of, declared_inputs, declared_outputs, typed
from azureml_local.batch.driver import ZYGOTE
from azureml_local.batch.settings import settings
from azureml_local.errors import BadRequest
from azureml_local.jobs import inputs, pipeline_jobs, plans, records, validation
from azureml_local.jobs.runner import Cancelled, Runner
from azureml_local.nursery import Nursery
from azureml_local.scoring.files import Copied
from azureml_local.state import State, Workspace, object_of, text_of
from azureml_local.store import Resource

OUTPUT = "score"
SCORING = "batchscoring"
# What most models without code need.
COMMON = ("azureml_local.batch.worker", "azureml_local.batch.tables", "pandas", "skops.io")


class Invocations:
    """Makes and runs the jobs of batch endpoints."""

    def __init__(self, state: State, runner: Runner) -> None:
        self._state = state
        self._runner = runner
        self.nursery = Nursery(COMMON, env=runner.environment, log=state.data / "batch.log")

    def submit(
        self, workspace: Workspace, endpoint: str, deployment: Resource, call: dict[str, Any]
    ) -> Resource:
        """Make the job of a call and run it in the background.

        Args:
            workspace: of the endpoint.
            endpoint: its name.
            deployment: the one that is asked.
            call: the properties of the request.

        Raises:
            BadRequest: it says something impossible.
            NotFound: an input is not there.
            Conflict: there is a job of that name.
        """
        name = text_of(call, "name") or f"batchjob-{uuid.uuid4()}"
        if not validation.NAME.match(name):
            raise BadRequest(f"job name {name!r} is not valid", "UserError", target="name")
        if self._state.store.get(workspace.key, records.KIND, name) is not None:
            raise BadRequest(f"there is a job {name} already", "UserError", target="name")
        experiment = text_of(object_of(call, "properties"), "experimentName") or endpoint
        if component_of(deployment.body["properties"]):
            return self._pipeline(workspace, endpoint, deployment, call, name, experiment)
        return self._scoring(workspace, endpoint, deployment, call, name, experiment)

    def _pipeline(
        self,
        workspace: Workspace,
        endpoint: str,
        deployment: Resource,
        call: dict[str, Any],
        name: str,
        experiment: str,
    ) -> Resource:
        """A job of the deployment's pipeline component, with the call's inputs and outputs."""
        configuration = object_of(deployment.body["properties"], "deploymentConfiguration")
        component = component_of(deployment.body["properties"])
        spec = assets.find_by_id(self._state, workspace, "components", component).body[
            "componentSpec"
        ]
        given = typed("jobInputType", object_of(call, "inputData"))
        asked = declared_inputs(object_of(spec, "inputs"), given)
        for each in asked.values():
            validation.check_input(self._state, workspace, each)
        properties = {
            "jobType": "Pipeline",
            "displayName": deployment.name.partition("/")[2],
            "experimentName": experiment,
            "tags": {"azureml.batchrun": "true", "azureml.jobtype": "azureml.pipelinejob"},
            "properties": {},
            "services": {},
            "inputs": asked,
            "outputs": declared_outputs(
                object_of(spec, "outputs"), typed("jobOutputType", object_of(call, "outputData"))
            ),
            "jobs": spec.get("jobs") or {},
            "settings": object_of(configuration, "settings"),
        }
        plan = plans.Plan.read(self._state, workspace, properties)
        body = {
            "properties": properties,
            "status": "NotStarted",
            "submitted": records.utc_now(),
            "endpoint": endpoint,
        }
        found = self._state.store.put(workspace.key, records.KIND, name, "", body)
        self._state.background(
            pipeline_jobs.run_pipeline(self._state, self._runner, workspace, name, plan)
        )
        return found

    def _scoring(
        self,
        workspace: Workspace,
        endpoint: str,
        deployment: Resource,
        call: dict[str, Any],
        name: str,
        experiment: str,
    ) -> Resource:
        """The parent job and its scoring child."""
        given = typed("jobInputType", object_of(call, "inputData"))
        if len(given) != 1:
            raise BadRequest(
                "invoke a model's deployment with one input", "UserError", target="inputData"
            )
        source = next(iter(given.values()))
        if source["jobInputType"] not in ("uri_file", "uri_folder", "mltable"):
            raise BadRequest(
                "a model's deployment takes a file or a folder", "UserError", target="inputData"
            )
        validation.check_input(self._state, workspace, source)
        child = str(uuid.uuid4())
        target, outputs = self._target(workspace, child, call)
        spec = self._spec(deployment, call, target)
        common = {"experimentName": experiment, "properties": {}, "services": {}, "inputs": {}}
        # The tag is how the SDK's download knows a scoring run, and looks for its child.
        document = {
            "status": "Starting",
            "submitted": records.utc_now(),
            "endpoint": endpoint,
            "properties": {
                **common,
                "jobType": "Pipeline",
                "displayName": deployment.name,
                "tags": {"azureml.batchrun": "true"},
                "outputs": {},
            },
        }
        scoring = {
            **document,
            "parent": name,
            "outputs": outputs,
            "properties": {**common, "jobType": "Command", "displayName": SCORING, "tags": {}},
        }
        with self._state.store.transaction():
            found = self._state.store.put(workspace.key, records.KIND, name, "", document)
            self._state.store.put(workspace.key, records.KIND, child, "", scoring)
        self._state.background(self._run(workspace, name, child, deployment, spec, source))
        return found

    def _target(
        self, workspace: Workspace, child: str, call: dict[str, Any]
    ) -> tuple[Path, dict[str, str]]:
        """Where the output goes, a folder or a file; and the address, where the call says one."""
        asked = typed("jobOutputType", object_of(call, "outputData"))
        if set(asked) - {OUTPUT}:
            raise BadRequest(f"a model's deployment has one output, {OUTPUT}", target="outputData")
        uri = text_of(asked.get(OUTPUT, {}), "uri")
        if not uri:
            return inputs.default_output_path(self._state, workspace, child, OUTPUT), {}
        uri = resolve_job_uri(self._state, workspace, uri)
        path = self._state.local_path(workspace, uri)
        if asked[OUTPUT]["jobOutputType"] == "uri_file":
            return path, {OUTPUT: uri.rpartition("/")[0]}
        return path, {OUTPUT: uri}

    def _spec(self, deployment: Resource, call: dict[str, Any], target: Path) -> dict[str, Any]:
        """What the driver is told; see :mod:`azureml_local.batch.driver`."""
        properties = deployment.body["properties"]
        asked = typed("jobOutputType", object_of(call, "outputData")).get(OUTPUT, {})
        one_file = asked.get("jobOutputType") == "uri_file" and bool(asked.get("uri"))
        found = settings(properties, call)
        folder = self._state.data / deployment.body["folder"]
        files = Copied(**deployment.body.get("files") or {})
        output = target if one_file else target / found.file_name
        variables = {
            "AZUREML_BI_OUTPUT_PATH": str(output.parent),
            **object_of(properties, "environmentVariables"),
        }
        spec: dict[str, Any] = {
            **asdict(found),
            "processes": found.processes,
            "output": str(output),
            "environment": variables,
        }
        if files.model or not files.script:
            spec["model"] = variables["AZUREML_MODEL_DIR"] = str(folder / files.model)
        if files.script:
            spec |= {"script": files.script, "code": str(folder / files.code)}
        return spec

    async def _run(
        self,
        workspace: Workspace,
        parent: str,
        child: str,
        deployment: Resource,
        spec: dict[str, Any],
        source: dict[str, Any],
    ) -> None:
        state, runner = self._state, self._runner
        log = runner.log_file(workspace, parent, records.EXECUTION_LOG)
        named = compute.compute_name(text_of(deployment.body["properties"], "compute"))
        key = (workspace.key, named.lower())

        def queued() -> None:
            records.update(state, workspace, child, status="Queued")

        async def score() -> int:
            most = lambda: compute.max_concurrent_jobs(state, workspace, named)  # noqa: E731
            if not await runner.slots.acquire(
                key, most, runner.cancel_event(workspace, child), queued
            ):
                raise Cancelled
            try:
                folder = state.data / "jobs" / workspace.key / child
                folder.mkdir(parents=True)
                places = await asyncio.to_thread(
                    inputs.resolve_inputs, state, workspace, {"input": source}, folder / "inputs"
                )
                file = folder / "spec.json"
                file.write_text(json.dumps(spec | places), encoding="utf-8")
                command = [sys.executable, "-m", "azureml_local.batch.driver", str(file)]
                extra = {"AZUREML_RUN_ID": child}
                if "script" not in spec and (address := self.nursery.warm()) is not None:
                    extra[ZYGOTE] = str(address)
                return await runner.run_process(
                    workspace, child, command, folder=folder, log=log, extra=extra
                )
            finally:
                runner.slots.release(key)

        async def whole() -> int:
            await runner.supervise(workspace, child, log, score)
            shutil.copyfile(log, runner.log_file(workspace, child, records.SCORING_LOG))
            return 0 if records.find(state, workspace, child).body["status"] == "Completed" else 1

        await runner.supervise(workspace, parent, log, whole)
