"""The operations on online deployments: created and updated in the background, scaled, deleted."""

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

from azureml_local import assets
from azureml_local.errors import AzureError, BadRequest, Conflict
from azureml_local.jobs import packages
from azureml_local.online.limits import limits
from azureml_local.online.monitoring import RATES
from azureml_local.online.resources import (
    BASE,
    DEPLOYMENTS,
    ENDPOINTS,
    ONE,
    checked_name,
    deployment_of,
    deployments_of,
    endpoint_of,
    process,
    share,
    split,
)
from azureml_local.online.serving import Serving
from azureml_local.online.worker import Launch
from azureml_local.operations import Operations
from azureml_local.routing import Routes
from azureml_local.scoring.files import Copied, copy_all
from azureml_local.state import LOCATION, State, Workspace, json_of, object_of, text_of
from azureml_local.store import Resource

DEFAULT_SKU = {"name": "Default", "capacity": 1}
BUSY = ("Creating", "Updating")
STORAGE = "storageinitializer"
DEFAULT_LINES = 5000
VARIABLE = re.compile(r"[^=\0]+\Z")


class Deployments:
    """Online deployments: their documents in the store, their processes in ``serving``."""

    def __init__(self, state: State, serving: Serving, operations: Operations) -> None:
        self._state = state
        self._serving = serving
        self._operations = operations

    def register(self, routes: Routes) -> None:
        """Add the operations."""
        add = routes.add
        add("PUT|PATCH", ONE, "Online deployments - Create or update")(self._put)
        add("GET", ONE, "Online deployments - Get")(self._get)
        add("GET", BASE + "/deployments", "Online deployments - List")(self._list)
        add("DELETE", ONE, "Online deployments - Delete")(self._delete)
        add("POST", ONE + "/getLogs", "Online deployments - Get logs")(self._get_logs)

    def warm(self) -> None:
        """Be ready for the first deployment of a new endpoint."""
        self._serving.nursery.warm()

    def recover(self) -> None:
        """Start again what was deployed when a former server ended; what has traffic first."""
        for found in sorted(self._state.store.all(DEPLOYMENTS), key=self._share, reverse=True):
            workspace = self._state.workspace_by_key(found.workspace)
            if found.body["state"] == "Failed" and "before" in found.body:
                self._state.background(self._again(workspace, found))
            else:
                operation = found.body.get("operation")
                if operation:
                    self._operations.mark_resumed(operation)
                self._state.background(self._provision(workspace, found, operation))

    def _share(self, deployment: Resource) -> int:
        endpoint, name = split(deployment)
        found = self._state.store.get(deployment.workspace, ENDPOINTS, endpoint)
        return share(found, name)[0] if found else 0

    async def _again(self, workspace: Workspace, found: Resource) -> None:
        """Start what was served before an update that failed."""
        with contextlib.suppress(AzureError):  # its log says why
            await self._start(workspace, found.name, found.body["before"])

    async def _put(self, request: Request) -> Response:
        state = self._state
        workspace, params = state.workspace(request), request.path_params
        endpoint = endpoint_of(state, workspace, params["endpoint"])
        name = f"{endpoint.name}/{checked_name('Deployment', params['deployment'])}"
        body = await json_of(request)
        old = state.store.get(workspace.key, DEPLOYMENTS, name)
        if old is not None and old.body["state"] in BUSY:
            raise Conflict(f"deployment {name} is being changed; wait until that is done")
        properties, sku = object_of(body, "properties"), object_of(body, "sku")
        if old is not None and request.method == "PATCH":
            properties = {**old.body["properties"], **properties}
        sku = {**(old.body["sku"] if old else DEFAULT_SKU), **sku}
        _check(properties, sku)
        folder = state.data / "online" / workspace.key / name / uuid.uuid4().hex[:8]
        files = await asyncio.to_thread(copy_all, state, workspace, properties, folder)
        tags = object_of(body, "tags") if "tags" in body or old is None else old.body["tags"]
        kept = {
            "tags": tags,
            "sku": sku,
            "properties": properties,
            "state": "Updating" if old else "Creating",
            "folder": str(folder.relative_to(state.data)),
            "files": vars(files),
        }
        if old is not None:
            kept["before"] = old.body.get("before") if _failed(old) else _run(old.body)
        with state.store.transaction():
            operation = kept["operation"] = self._operations.start(workspace)
            found = state.store.put(workspace.key, DEPLOYMENTS, name, "", kept)
        state.background(self._provision(workspace, found, operation))
        return JSONResponse(
            _shown(workspace, found),
            status_code=200 if old else 201,
            headers=self._operations.polling_headers(workspace, operation),
        )

    async def _provision(
        self, workspace: Workspace, found: Resource, operation: str | None
    ) -> None:
        """Start a deployment and say in its document what became of it."""
        error = None
        try:
            await self._start(workspace, found.name, found.body)
        except AzureError as failed:
            error = {"code": failed.code, "message": failed.message}
        with self._state.store.transaction():
            if operation is not None:
                self._operations.finish(workspace, operation, error)
            now = self._state.store.get(workspace.key, DEPLOYMENTS, found.name)
            if now is not None and now.serial == found.serial:  # not deleted meanwhile
                before = now.body.pop("before", None)
                if error and before:
                    now.body["before"] = before
                now.body["state"] = "Failed" if error else "Succeeded"
                now.body.pop("operation", None)
                self._state.store.put(workspace.key, DEPLOYMENTS, found.name, "", now.body)
                if before and not error:
                    self._remove(before["folder"])

    async def _start(self, workspace: Workspace, name: str, body: dict[str, Any]) -> None:
        folder = self._state.data / body["folder"]
        properties = body["properties"]
        files = Copied(**body.get("files") or {})
        spec = {"name": name.partition("/")[0]}
        environment = {"AML_APP_ROOT": str(folder), RATES: json.dumps(_rates(properties))}
        if files.model or not files.script:
            spec["model"] = environment["AZUREML_MODEL_DIR"] = str(folder / files.model)
        if files.script:
            spec |= {"script": files.script, "code": str(folder / files.code)}
            environment["AML_APP_ROOT"] = spec["code"]
            environment["AZUREML_ENTRY_SCRIPT"] = files.script
        own = object_of(properties, "environmentVariables")
        place = Path(spec.get("code", folder))
        plain = not own and not files.script
        launch = Launch(spec, place, _log(folder), environment | own, plain)
        await asyncio.to_thread(self._warn, workspace, properties, launch)
        await self._serving.start(process(workspace, name), launch, limits(properties, body["sku"]))

    def _warn(self, workspace: Workspace, properties: dict[str, Any], launch: Launch) -> None:
        """Write into the log which packages of the environment this interpreter lacks."""
        reference = text_of(properties, "environmentId")
        if not reference:
            return
        try:
            found = assets.find_by_id(self._state, workspace, "environments", reference)
        except AzureError:
            return  # one of Azure's own registry: what it holds is not known here
        named = found.name if found.name not in assets.ANONYMOUS_NAMES else "the environment"
        for line in packages.warnings(named, found.body.get("condaFile")):
            launch.say(line.removeprefix("azureml-local: "))

    async def _get(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        return JSONResponse(_shown(workspace, self._found(workspace, request)))

    async def _list(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = deployments_of(self._state, workspace, request.path_params["endpoint"])
        return JSONResponse({"value": [_shown(workspace, each) for each in found]})

    async def _delete(self, request: Request) -> Response:
        workspace, params = self._state.workspace(request), request.path_params
        endpoint = endpoint_of(self._state, workspace, params["endpoint"])
        live, mirror = share(endpoint, params["deployment"])
        if live or mirror:
            kind = "traffic" if live else "mirrored traffic"
            raise Conflict(
                f"Deployment {params['deployment']} has {live or mirror} % of the {kind}; "
                "move the traffic before you delete it."
            )
        name = f"{endpoint.name}/{params['deployment']}"
        found = self._state.store.get(workspace.key, DEPLOYMENTS, name)
        if found is None:
            return Response(status_code=204)
        self.forget(workspace, found)
        await self.end(workspace, found)
        return Response(status_code=200)

    def forget(self, workspace: Workspace, found: Resource) -> None:
        """Delete a deployment's document."""
        self._state.store.delete(workspace.key, DEPLOYMENTS, found.name)

    async def end(self, workspace: Workspace, found: Resource) -> None:
        """End a deployment's processes and delete its files."""
        await self._serving.stop(process(workspace, found.name))
        for each in (found.body, found.body.get("before") or {}):
            if "folder" in each:
                await asyncio.to_thread(self._remove, each["folder"])

    def _remove(self, relative: str) -> None:
        folder = self._state.data / relative
        shutil.rmtree(folder, ignore_errors=True)
        _log(folder).unlink(missing_ok=True)

    async def _get_logs(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = self._found(workspace, request)
        body = await json_of(request)
        tail = body.get("tail")
        if tail is not None and (isinstance(tail, bool) or not isinstance(tail, int) or tail < 0):
            raise BadRequest(f"tail must be a number of lines, not {tail!r}", target="tail")
        folder = self._state.data / found.body["folder"]
        if text_of(body, "containerType").lower() == STORAGE:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            lines = [f"copied {path.relative_to(folder)}" for path in files]
        else:
            log = _log(folder)
            lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        count = DEFAULT_LINES if tail is None else tail
        return JSONResponse({"content": "\n".join(lines[-count:] if count else [])})

    def _found(self, workspace: Workspace, request: Request) -> Resource:
        params = request.path_params
        return deployment_of(self._state, workspace, params["endpoint"], params["deployment"])


def _check(properties: dict[str, Any], sku: dict[str, Any]) -> None:
    """Let only deployments pass that can be tried.

    Raises:
        BadRequest: a setting is none that Azure takes.
    """
    limits(properties, sku)
    for key, value in object_of(properties, "environmentVariables").items():
        if not isinstance(value, str) or "\0" in value or not VARIABLE.match(key):
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
        raise BadRequest(f"{scale['scaleType']!r} is no scaleType", target="scaleSettings")


def _rates(properties: dict[str, Any]) -> dict[str, float]:
    """The collections that are kept, each with its share of the requests."""
    collections = object_of(object_of(properties, "dataCollector"), "collections")
    return {
        name: float((given or {}).get("samplingRate") or 1)
        for name, given in collections.items()
        if str((given or {}).get("dataCollectionMode")).lower() == "enabled"
    }


def _failed(found: Resource) -> bool:
    return str(found.body["state"]) == "Failed"


def _run(body: dict[str, Any]) -> dict[str, Any]:
    """What is needed to serve a version of a deployment again."""
    return {key: body[key] for key in ("sku", "properties", "folder", "files") if key in body}


def _log(folder: Path) -> Path:
    """Where a deployment's processes write: beside its files."""
    return folder.with_name(f"{folder.name}.log")


def _shown(workspace: Workspace, found: Resource) -> dict[str, Any]:
    endpoint, name = split(found)
    return {
        "id": f"{workspace.path}/onlineEndpoints/{endpoint}/deployments/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments",
        "location": LOCATION,
        "tags": found.body["tags"],
        "sku": found.body["sku"],
        "systemData": found.system_data,
        "properties": {
            "properties": {},
            "endpointComputeType": "Managed",
            # The client never sends it and cannot read an answer without it.
            "scaleSettings": {"scaleType": "Default"},
            **{k: v for k, v in found.body["properties"].items() if v is not None},
            "provisioningState": found.body["state"],
        },
    }
