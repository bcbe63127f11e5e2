"""The operations on online deployments: create and update in the background, scale, delete."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import uuid
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.endpoints import ONLINE, split_name
from azureml_local.errors import AzureError, BadRequest, Conflict, NotFound
from azureml_local.online.environments import DeploymentEnvironments
from azureml_local.online.limits import parse_limits
from azureml_local.online.monitoring import SAMPLING_RATES
from azureml_local.online.resources import (
    BASE,
    DEPLOYMENTS,
    ENDPOINTS,
    ONE,
    pool_key,
    traffic_shares,
    validate_name,
)
from azureml_local.online.serving import Serving
from azureml_local.online.worker import LaunchSettings
from azureml_local.operations import Operations
from azureml_local.routing import Routes
from azureml_local.scoring.deployment_files import DeploymentFiles, copy_deployment_files
from azureml_local.state import State, Workspace, json_of, object_of, text_of
from azureml_local.store import Resource

DEFAULT_SKU = {"name": "Default", "capacity": 1}
BUSY = ("Creating", "Updating")
STORAGE_INITIALIZER = "storageinitializer"
DEFAULT_LOG_LINES = 5000
VARIABLE_NAME = re.compile(r"[^=\0]+\Z")


class Deployments:
    """Online deployments: their documents in the store, their processes in ``serving``."""

    def __init__(
        self,
        state: State,
        serving: Serving,
        operations: Operations,
        environments: DeploymentEnvironments,
    ) -> None:
        self._state = state
        self._serving = serving
        self._operations = operations
        self._environments = environments

    def register(self, routes: Routes) -> None:
        """Add the operations."""
        add = routes.add
        add("PUT|PATCH", ONE, "Online deployments - Create or update")(self._put)
        add("GET", ONE, "Online deployments - Get")(self._get)
        add("GET", BASE + "/deployments", "Online deployments - List")(self._list)
        add("DELETE", ONE, "Online deployments - Delete")(self._delete)
        add("POST", ONE + "/getLogs", "Online deployments - Get logs")(self._get_logs)

    def preload(self) -> None:
        """Start the preloaded process, before the first deployment of a new endpoint."""
        self._serving.processes.preload()

    def recover(self) -> None:
        """Restart the deployments of the previous server process, those with traffic first."""
        for deployment in sorted(
            self._state.store.all(DEPLOYMENTS), key=self._live_share, reverse=True
        ):
            workspace = self._state.workspace_by_key(deployment.workspace)
            if deployment.body["state"] == "Failed" and "before" in deployment.body:
                self._state.background(self._restart_previous(workspace, deployment))
            else:
                operation = deployment.body.get("operation")
                if operation:
                    self._operations.mark_resumed(operation)
                self._state.background(self._provision(workspace, deployment, operation))

    def _live_share(self, deployment: Resource) -> int:
        endpoint, name = split_name(deployment)
        endpoint_document = self._state.store.get(deployment.workspace, ENDPOINTS, endpoint)
        return traffic_shares(endpoint_document, name)[0] if endpoint_document else 0

    async def _restart_previous(self, workspace: Workspace, deployment: Resource) -> None:
        """Start the version that was served before an update failed."""
        with contextlib.suppress(AzureError):  # its log has the reason
            await self._start(workspace, deployment, deployment.body["before"])

    async def _put(self, request: Request) -> Response:
        state = self._state
        workspace, params = state.workspace(request), request.path_params
        endpoint = ONLINE.endpoint(workspace, params["endpoint"])
        name = f"{endpoint.name}/{validate_name('Deployment', params['deployment'])}"
        body = await json_of(request)
        old = workspace.documents.get(DEPLOYMENTS, name)
        if old is not None and old.body["state"] in BUSY:
            raise Conflict(f"deployment {name} is being updated; wait until it is done")
        properties, sku = object_of(body, "properties"), object_of(body, "sku")
        if old is not None and request.method == "PATCH":
            properties = {**old.body["properties"], **properties}
        sku = {**(old.body["sku"] if old else DEFAULT_SKU), **sku}
        _validate(properties, sku)
        folder = state.data / "online" / workspace.key / name / uuid.uuid4().hex[:8]
        files = await asyncio.to_thread(copy_deployment_files, workspace, properties, folder)
        tags = object_of(body, "tags") if "tags" in body or old is None else old.body["tags"]
        document = {
            "tags": tags,
            "sku": sku,
            "properties": properties,
            "state": "Updating" if old else "Creating",
            "folder": str(folder.relative_to(state.data)),
            "files": vars(files),
        }
        if old is not None:
            document["before"] = old.body.get("before") if _failed(old) else _version(old.body)
        with state.store.transaction():
            operation = document["operation"] = self._operations.start(workspace)
            deployment = workspace.documents.put(DEPLOYMENTS, name, document)
        state.background(self._provision(workspace, deployment, operation))
        return JSONResponse(
            _document(workspace, deployment),
            status_code=200 if old else 201,
            headers=self._operations.polling_headers(workspace, operation),
        )

    async def _provision(
        self, workspace: Workspace, deployment: Resource, operation: str | None
    ) -> None:
        """Start a deployment and write the result into its document."""
        error = None
        try:
            await self._start(workspace, deployment, deployment.body)
        except AzureError as failed:
            error = {"code": failed.code, "message": failed.message}
        with self._state.store.transaction():
            if operation is not None:
                self._operations.finish(workspace, operation, error)
            now = workspace.documents.get(DEPLOYMENTS, deployment.name)
            if now is not None and now.serial == deployment.serial:  # not deleted meanwhile
                before = now.body.pop("before", None)
                if error and before:
                    now.body["before"] = before
                now.body["state"] = "Failed" if error else "Succeeded"
                now.body.pop("operation", None)
                workspace.documents.put(DEPLOYMENTS, deployment.name, now.body)
                if before and not error:
                    self._remove(before["folder"])

    async def _start(
        self, workspace: Workspace, deployment: Resource, body: dict[str, Any]
    ) -> None:
        folder = self._state.data / body["folder"]
        properties, name = body["properties"], deployment.name
        files = DeploymentFiles(**body.get("files") or {})
        spec = {"name": name.partition("/")[0]}
        environment = {
            "AML_APP_ROOT": str(folder),
            SAMPLING_RATES: json.dumps(_sampling_rates(properties)),
        }
        if files.model or not files.script:
            spec["model"] = environment["AZUREML_MODEL_DIR"] = str(folder / files.model)
        if files.script:
            spec |= {"script": files.script, "code": str(folder / files.code)}
            environment["AML_APP_ROOT"] = spec["code"]
            environment["AZUREML_ENTRY_SCRIPT"] = files.script
        own = object_of(properties, "environmentVariables")
        working_directory = Path(spec.get("code", folder))
        launch = LaunchSettings(
            spec, working_directory, _log_file(folder), environment | own, forkable=not own
        )
        launch = await self._environments.prepare(
            workspace, properties, launch, _build_log_file(folder)
        )
        now = workspace.documents.get(DEPLOYMENTS, name)
        if now is None or now.serial != deployment.serial:
            raise NotFound(f"{name} was deleted while its environment was built")
        await self._serving.start(
            pool_key(workspace, name), launch, parse_limits(properties, body["sku"])
        )

    async def _get(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        return JSONResponse(_document(workspace, self._find(workspace, request)))

    async def _list(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        deployments = ONLINE.deployments_of(workspace, request.path_params["endpoint"])
        return JSONResponse({"value": [_document(workspace, each) for each in deployments]})

    async def _delete(self, request: Request) -> Response:
        workspace, params = self._state.workspace(request), request.path_params
        endpoint = ONLINE.endpoint(workspace, params["endpoint"])
        live, mirror = traffic_shares(endpoint, params["deployment"])
        if live or mirror:
            kind = "traffic" if live else "mirrored traffic"
            raise Conflict(
                f"Deployment {params['deployment']} has {live or mirror} % of the {kind}; "
                "move the traffic before you delete it."
            )
        name = f"{endpoint.name}/{params['deployment']}"
        deployment = workspace.documents.get(DEPLOYMENTS, name)
        if deployment is None:
            return Response(status_code=204)
        self.delete_document(workspace, deployment)
        await self.end(workspace, deployment)
        return Response(status_code=200)

    def delete_document(self, workspace: Workspace, deployment: Resource) -> None:
        """Delete a deployment's document."""
        workspace.documents.delete(DEPLOYMENTS, deployment.name)

    async def end(self, workspace: Workspace, deployment: Resource) -> None:
        """End a deployment's processes and delete its files."""
        await self._serving.stop(pool_key(workspace, deployment.name))
        for each in (deployment.body, deployment.body.get("before") or {}):
            if "folder" in each:
                await asyncio.to_thread(self._remove, each["folder"])

    def _remove(self, relative: str) -> None:
        folder = self._state.data / relative
        shutil.rmtree(folder, ignore_errors=True)
        for log in (_log_file(folder), _build_log_file(folder)):
            log.unlink(missing_ok=True)

    async def _get_logs(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        deployment = self._find(workspace, request)
        body = await json_of(request)
        tail = body.get("tail")
        if tail is not None and (isinstance(tail, bool) or not isinstance(tail, int) or tail < 0):
            raise BadRequest(f"tail must be a number of lines, not {tail!r}", target="tail")
        folder = self._state.data / deployment.body["folder"]
        lines = _read_lines(_build_log_file(folder))
        if text_of(body, "containerType").lower() == STORAGE_INITIALIZER:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            lines += [
                f"copied {path.relative_to(folder)}"
                for path in files
                if "__pycache__" not in path.parts
            ]
        else:
            lines += _read_lines(_log_file(folder))
        count = DEFAULT_LOG_LINES if tail is None else tail
        return JSONResponse({"content": "\n".join(lines[-count:] if count else [])})

    def _find(self, workspace: Workspace, request: Request) -> Resource:
        params = request.path_params
        return ONLINE.deployment(workspace, params["endpoint"], params["deployment"])


def _validate(properties: dict[str, Any], sku: dict[str, Any]) -> None:
    """Check a deployment's settings.

    Raises:
        BadRequest: Azure does not accept a setting.
    """
    parse_limits(properties, sku)
    for key, value in object_of(properties, "environmentVariables").items():
        if not isinstance(value, str) or "\0" in value or not VARIABLE_NAME.match(key):
            raise BadRequest(f"the environment variable {key!r} is not valid", "UserError")
    collections = object_of(object_of(properties, "dataCollector"), "collections")
    for name in collections:
        rate = object_of(collections, name).get("samplingRate", 1)
        number = isinstance(rate, int | float) and not isinstance(rate, bool)
        if not number or not 0 <= rate <= 1:
            raise BadRequest(
                f"the samplingRate of {name} must lie between 0 and 1, not {rate!r}",
                "UserError",
                target="dataCollector",
            )
    scale = object_of(properties, "scaleSettings")
    if scale.get("scaleType", "Default") not in ("Default", "TargetUtilization"):
        raise BadRequest(f"{scale['scaleType']!r} is not a scaleType", target="scaleSettings")


def _sampling_rates(properties: dict[str, Any]) -> dict[str, float]:
    """The sampling rate of each enabled collection."""
    collections = object_of(object_of(properties, "dataCollector"), "collections")
    return {
        name: float((settings or {}).get("samplingRate") or 1)
        for name, settings in collections.items()
        if str((settings or {}).get("dataCollectionMode")).lower() == "enabled"
    }


def _failed(deployment: Resource) -> bool:
    return str(deployment.body["state"]) == "Failed"


def _version(body: dict[str, Any]) -> dict[str, Any]:
    """The part of a deployment's document that is needed to start this version again."""
    return {key: body[key] for key in ("sku", "properties", "folder", "files") if key in body}


def _log_file(folder: Path) -> Path:
    """The log of a deployment's processes, next to its folder."""
    return folder.with_name(f"{folder.name}.log")


def _build_log_file(folder: Path) -> Path:
    """The log of the build of a deployment's environment, next to its folder."""
    return folder.with_name(f"{folder.name}.build.log")


def _read_lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines() if log.is_file() else []


def _document(workspace: Workspace, deployment: Resource) -> dict[str, Any]:
    properties = {
        "properties": {},
        "endpointComputeType": "Managed",
        # The SDK does not send it, and cannot parse a response without it.
        "scaleSettings": {"scaleType": "Default"},
        **{k: v for k, v in deployment.body["properties"].items() if v is not None},
        "provisioningState": deployment.body["state"],
    }
    return ONLINE.document(workspace, deployment, properties, sku=deployment.body["sku"])
