"""The operations on online deployments: create and update in the background, scale, delete."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import traceback
import uuid
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.arm import ArmResource, ErrorDetail, Sku
from azureml_local.documents.endpoints import DeploymentDocument, DeploymentProperties, FileNames
from azureml_local.endpoints import ONLINE, Deployment, read_properties, read_tags, validate_name
from azureml_local.errors import AzureError, BadRequest, Conflict, NotFound
from azureml_local.failures import as_azure_error, write_final
from azureml_local.files import read_end
from azureml_local.json_fields import as_document, json_of, object_of, text_of, with_fields
from azureml_local.online.collector import sampling_rates
from azureml_local.online.environments import DeploymentEnvironments
from azureml_local.online.limits import parse_limits
from azureml_local.online.monitoring import SAMPLING_RATES
from azureml_local.online.resources import BASE, ONE
from azureml_local.online.serving import Serving
from azureml_local.online.worker import LaunchSettings
from azureml_local.operations import Operations
from azureml_local.routing import Routes
from azureml_local.scoring.deployment_files import DeploymentFiles, copy_deployment_files
from azureml_local.state import State

DEFAULT_SKU: Sku = {"name": "Default", "capacity": 1}
BUSY = ("Creating", "Updating")
STORAGE_INITIALIZER = "storageinitializer"
DEFAULT_LOG_LINES = 5000
SHOWN_LOG_BYTES = 4_000_000
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
        """Import what deployments need, before the first deployment of a new endpoint."""
        self._serving.workers.import_all()

    def recover(self) -> None:
        """Restart the deployments of the previous server process, those with traffic first."""
        deployments = [
            Deployment(ONLINE, self._state.workspace_by_key(each.workspace), each)
            for each in self._state.store.all(ONLINE.deployments)
        ]
        for deployment in sorted(deployments, key=_live_share, reverse=True):
            if deployment.body["state"] == "Failed" and deployment.previous is not None:
                self._state.background(self._restart_previous(deployment.previous))
            else:
                operation = deployment.body.get("operation")
                if operation:
                    self._operations.mark_resumed(operation)
                self._state.background(self._provision(deployment, operation))

    async def _restart_previous(self, previous: Deployment) -> None:
        """Start the version that was served before an update failed."""
        try:
            await self._start(previous)
        except AzureError:
            pass  # its log has the reason
        except Exception:  # noqa: BLE001 - as for a new deployment, whose operation has the error
            traceback.print_exc()

    async def _put(self, request: Request) -> Response:
        state = self._state
        workspace, params = state.workspace(request), request.path_params
        endpoint = ONLINE.find(workspace, params["endpoint"])
        own_name = validate_name("Deployment", params["deployment"])
        name = f"{endpoint.name}/{own_name}"
        body = await json_of(request)
        old = ONLINE.deployment(workspace, endpoint.name, own_name)
        if old is not None and old.body["state"] in BUSY:
            raise Conflict(f"deployment {name} is being updated; wait until it is done")
        properties = as_document(DeploymentProperties, read_properties(request, body, old))
        sku = with_fields(old.body["sku"] if old else DEFAULT_SKU, object_of(body, "sku"))
        _validate(properties, sku)
        folder = state.data / "online" / workspace.key / name / uuid.uuid4().hex[:8]
        files = await asyncio.to_thread(copy_deployment_files, workspace, properties, folder)
        document: DeploymentDocument = {
            "tags": read_tags(body, old),
            "sku": sku,
            "properties": properties,
            "state": "Updating" if old else "Creating",
            "folder": str(folder.relative_to(state.data)),
            "files": as_document(FileNames, vars(files)),
        }
        if old is not None:
            document["before"] = old.body.get("before") if _is_failed(old) else _version(old.body)
        try:
            with state.store.transaction():
                endpoint.require_unchanged(own_name, old)
                operation = document["operation"] = self._operations.start(workspace)
                deployment = ONLINE.put_deployment(workspace, endpoint.name, own_name, document)
        except BaseException:
            await asyncio.to_thread(_remove, folder)
            raise
        state.background(self._provision(deployment, operation))
        return JSONResponse(
            _document(deployment),
            status_code=200 if old else 201,
            headers=self._operations.polling_headers(workspace, operation),
        )

    async def _provision(self, deployment: Deployment, operation: str | None) -> None:
        """Start a deployment and write the result into its document."""
        error: ErrorDetail | None = None
        try:
            await self._start(deployment)
        except Exception as failed:  # noqa: BLE001 - the operation must get a final status
            shown = as_azure_error(failed, self._state.data)
            error = {"code": shown.code, "message": shown.message}

        async def record() -> None:
            self._record_result(deployment, operation, error)

        await write_final(record)
        if deployment.previous is not None and not error:
            await asyncio.to_thread(_remove, deployment.previous.folder)

    def _record_result(
        self, deployment: Deployment, operation: str | None, error: ErrorDetail | None
    ) -> None:
        with self._state.store.transaction():
            if operation is not None:
                self._operations.finish(deployment.workspace, operation, error)
            now = deployment.reread()
            if now is not None:
                before = now.body.pop("before", None)
                if error and before:
                    now.body["before"] = before
                now.body["state"] = "Failed" if error else "Succeeded"
                now.body.pop("operation", None)
                deployment.workspace.documents.put(ONLINE.deployments, now.name, now.body)

    async def _start(self, deployment: Deployment) -> None:
        folder, properties = deployment.folder, deployment.properties
        files = DeploymentFiles(**deployment.files)
        spec = {"name": deployment.endpoint_name}
        environment = {
            "AML_APP_ROOT": str(folder),
            SAMPLING_RATES: json.dumps(sampling_rates(properties)),
        }
        if files.model or not files.script:
            spec["model"] = environment["AZUREML_MODEL_DIR"] = str(folder / files.model)
        if files.script:
            spec |= {"script": files.script, "code": str(folder / files.code)}
            environment["AML_APP_ROOT"] = spec["code"]
            environment["AZUREML_ENTRY_SCRIPT"] = files.script
        variables = object_of(properties, "environmentVariables")
        own = {name: str(value) for name, value in variables.items()}
        working_directory = Path(spec.get("code", folder))
        launch = LaunchSettings(
            spec, working_directory, _log_file(folder), environment | own, forkable=not own
        )
        launch = await self._environments.prepare(deployment, launch, _build_log_file(folder))
        if deployment.reread() is None:
            raise NotFound(f"{deployment.name} was deleted while its environment was built")
        limits = parse_limits(properties, deployment.body["sku"])
        await self._serving.start(deployment.key, launch, limits)

    async def _get(self, request: Request) -> Response:
        return JSONResponse(_document(self._find(request)))

    async def _list(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        deployments = ONLINE.deployments_in(workspace, request.path_params["endpoint"])
        return JSONResponse({"value": [_document(each) for each in deployments]})

    async def _delete(self, request: Request) -> Response:
        workspace, params = self._state.workspace(request), request.path_params
        endpoint = ONLINE.find(workspace, params["endpoint"])
        live, mirror = endpoint.shares(params["deployment"])
        if live or mirror:
            kind = "traffic" if live else "mirrored traffic"
            raise Conflict(
                f"Deployment {params['deployment']} has {live or mirror} % of the {kind}; "
                "move the traffic before you delete it."
            )
        deployment = ONLINE.deployment(workspace, endpoint.name, params["deployment"])
        if deployment is None:
            return Response(status_code=204)
        deployment.delete()
        await self.end(deployment)
        return Response(status_code=200)

    async def end(self, deployment: Deployment) -> None:
        """End a deployment's processes and delete its files."""
        await self._serving.stop(deployment.key)
        for version in (deployment, deployment.previous):
            if version is not None and "folder" in version.body:
                await asyncio.to_thread(_remove, version.folder)

    async def _get_logs(self, request: Request) -> Response:
        deployment = self._find(request)
        body = await json_of(request)
        tail = body.get("tail")
        if tail is not None and (isinstance(tail, bool) or not isinstance(tail, int) or tail < 0):
            raise BadRequest(f"tail must be a number of lines, not {tail!r}", target="tail")
        folder = deployment.folder
        lines = await asyncio.to_thread(_read_lines, _build_log_file(folder))
        if text_of(body, "containerType").lower() == STORAGE_INITIALIZER:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            lines += [
                f"copied {path.relative_to(folder)}"
                for path in files
                if "__pycache__" not in path.parts
            ]
        else:
            lines += await asyncio.to_thread(_read_lines, _log_file(folder))
        count = DEFAULT_LOG_LINES if tail is None else tail
        return JSONResponse({"content": "\n".join(lines[-count:] if count else [])})

    def _find(self, request: Request) -> Deployment:
        workspace, params = self._state.workspace(request), request.path_params
        return ONLINE.require_deployment(workspace, params["endpoint"], params["deployment"])


def _live_share(deployment: Deployment) -> int:
    endpoint = ONLINE.get(deployment.workspace, deployment.endpoint_name)
    return endpoint.shares(deployment.own_name)[0] if endpoint else 0


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for log in (_log_file(folder), _build_log_file(folder)):
        log.unlink(missing_ok=True)


def _validate(properties: DeploymentProperties, sku: Sku) -> None:
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
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise BadRequest(
                f"the samplingRate of {name} must lie between 0 and 1, not {rate!r}",
                "UserError",
                target="dataCollector",
            )
    scale = object_of(properties, "scaleSettings")
    if scale.get("scaleType", "Default") not in ("Default", "TargetUtilization"):
        raise BadRequest(f"{scale['scaleType']!r} is not a scaleType", target="scaleSettings")


def _is_failed(deployment: Deployment) -> bool:
    return deployment.body["state"] == "Failed"


def _version(body: DeploymentDocument) -> DeploymentDocument:
    """The part of a deployment's document that is needed to start this version again."""
    needed = ("sku", "properties", "folder", "files")
    return as_document(DeploymentDocument, {k: v for k, v in body.items() if k in needed})


def log_files(folder: Path) -> list[Path]:
    """The logs of a deployment: of the build of its environment, and of its processes."""
    return [_build_log_file(folder), _log_file(folder)]


def _log_file(folder: Path) -> Path:
    """The log of a deployment's processes, next to its folder."""
    return folder.with_name(f"{folder.name}.log")


def _build_log_file(folder: Path) -> Path:
    """The log of the build of a deployment's environment, next to its folder."""
    return folder.with_name(f"{folder.name}.build.log")


def _read_lines(log: Path) -> list[str]:
    return read_end(log, SHOWN_LOG_BYTES).splitlines()


def _document(deployment: Deployment) -> ArmResource:
    properties = {
        "endpointComputeType": "Managed",
        # The SDK does not send it, and cannot parse a response without it.
        "scaleSettings": {"scaleType": "Default"},
        **{k: v for k, v in deployment.properties.items() if v is not None},
        "provisioningState": deployment.body["state"],
    }
    return deployment.show(properties, sku=deployment.body["sku"])
