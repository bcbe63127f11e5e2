"""The operations on online endpoints and their deployments, and scoring."""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import uuid
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import auth
from azureml_local.errors import (
    AzureError,
    BadRequest,
    Conflict,
    NotFound,
    NotSupported,
    TimedOut,
    Unauthorized,
)
from azureml_local.lro import Operations
from azureml_local.online.collector import Collector
from azureml_local.online.serving import Serving
from azureml_local.online.traffic import checked, draw
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.scoring.files import copy_model
from azureml_local.state import LOCATION, State, Workspace, json_of
from azureml_local.store import Resource

ENDPOINTS = "onlineEndpoints"
DEPLOYMENTS = "onlineDeployments"
BASE = WORKSPACE + "/onlineEndpoints/{endpoint}"
ONE = BASE + "/deployments/{deployment}"
DEFAULT_SKU = {"name": "Default", "capacity": 1}


class OnlineEndpoints:
    """Online endpoints: their documents in the store, their processes in ``serving``."""

    def __init__(self, state: State, serving: Serving, operations: Operations) -> None:
        self._state = state
        self._serving = serving
        self._operations = operations
        self._collector = Collector(state)

    def stop(self) -> None:
        """Write what was collected and waits."""
        self._collector.flush()

    async def recover(self) -> None:
        """Start again what was deployed when a former server ended; what has traffic first."""
        for found in sorted(self._state.store.all(DEPLOYMENTS), key=self._share, reverse=True):
            workspace = self._state.by_key(found.workspace)
            self._state.background(self._provision(workspace, found.name, None))

    def _share(self, deployment: Resource) -> int:
        endpoint, name = _split(deployment)
        found = self._state.store.get(deployment.workspace, ENDPOINTS, endpoint)
        return int(found.body["properties"]["traffic"].get(name, 0)) if found else 0

    def register(self, routes: Routes) -> None:
        """Add the operations."""
        add = routes.add
        add("PUT|PATCH", BASE, "Online endpoints - Create or update")(self._put_endpoint)
        add("GET", BASE, "Online endpoints - Get")(self._get_endpoint)
        add("GET", WORKSPACE + "/onlineEndpoints", "Online endpoints - List")(self._list_endpoints)
        add("DELETE", BASE, "Online endpoints - Delete")(self._delete_endpoint)
        add("POST", BASE + "/listKeys", "Online endpoints - List keys")(self._list_keys)
        add("POST", BASE + "/regenerateKeys", "Online endpoints - Regenerate keys")(
            self._regenerate_keys
        )
        add("PUT|PATCH", ONE, "Online deployments - Create or update")(self._put_deployment)
        add("GET", ONE, "Online deployments - Get")(self._get_deployment)
        add("GET", BASE + "/deployments", "Online deployments - List")(self._list_deployments)
        add("DELETE", ONE, "Online deployments - Delete")(self._delete_deployment)
        add("POST", ONE + "/getLogs", "Online deployments - Get logs")(self._get_logs)
        add("POST", "/online/{key}/{endpoint}/score", "Online endpoints - Score")(self._score)

    # Endpoints

    async def _put_endpoint(self, request: Request) -> Response:
        workspace, name = self._state.workspace(request), request.path_params["endpoint"]
        body = await json_of(request)
        properties = body.get("properties", {})
        if properties.get("authMode", "Key") != "Key":
            raise NotSupported("azureml-local has online endpoints with auth_mode key")
        if any((properties.get("mirrorTraffic") or {}).values()):
            raise NotSupported("azureml-local does not mirror traffic")
        names = {_split(each)[1] for each in self._deployments(workspace, name)}
        properties["traffic"] = checked(properties.get("traffic"), names)
        old = self._state.store.get(workspace.key, ENDPOINTS, name)
        keys = old.body["keys"] if old else {"primaryKey": _key(), "secondaryKey": _key()}
        kept = {"tags": body.get("tags") or {}, "properties": properties, "keys": keys}
        found = self._state.store.put(workspace.key, ENDPOINTS, name, "", kept)
        return JSONResponse(self._endpoint(workspace, found), status_code=200 if old else 201)

    async def _get_endpoint(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        return JSONResponse(self._endpoint(workspace, self._found(workspace, request)))

    async def _list_endpoints(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = self._state.store.entries(workspace.key, ENDPOINTS)
        return JSONResponse({"value": [self._endpoint(workspace, each) for each in found]})

    async def _delete_endpoint(self, request: Request) -> Response:
        workspace, name = self._state.workspace(request), request.path_params["endpoint"]
        with self._state.store.transaction():
            deployments = self._deployments(workspace, name)
            for each in deployments:
                self._state.store.delete(workspace.key, DEPLOYMENTS, each.name)
            there = self._state.store.delete(workspace.key, ENDPOINTS, name)
        for each in deployments:
            await self._serving.stop(_process(workspace, each.name))
        return Response(status_code=200 if there else 204)

    async def _list_keys(self, request: Request) -> Response:
        found = self._found(self._state.workspace(request), request)
        return JSONResponse(found.body["keys"])

    async def _regenerate_keys(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = self._found(workspace, request)
        which = str((await json_of(request)).get("keyType", "Primary")).lower()
        found.body["keys"][f"{which}Key"] = _key()
        self._state.store.put(workspace.key, ENDPOINTS, found.name, "", found.body)
        return Response(status_code=200)

    def _found(self, workspace: Workspace, request: Request) -> Resource:
        name = request.path_params["endpoint"]
        found = self._state.store.get(workspace.key, ENDPOINTS, name)
        if found is None:
            raise NotFound(f"Online endpoint {name} was not found in workspace {workspace.name}.")
        return found

    def _endpoint(self, workspace: Workspace, found: Resource) -> dict[str, Any]:
        uri = f"{self._state.url}/online/{workspace.key}/{found.name}"
        return {
            "id": f"{workspace.path}/onlineEndpoints/{found.name}",
            "name": found.name,
            "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
            "location": LOCATION,
            "tags": found.body["tags"],
            "identity": {"type": "SystemAssigned", "principalId": auth.TENANT},
            "properties": {
                "properties": {},
                "mirrorTraffic": {},
                **found.body["properties"],
                "authMode": "Key",
                "scoringUri": f"{uri}/score",
                "swaggerUri": f"{uri}/swagger.json",
                "provisioningState": "Succeeded",
            },
        }

    # Deployments

    async def _put_deployment(self, request: Request) -> Response:
        workspace, params = self._state.workspace(request), request.path_params
        self._found(workspace, request)
        body = await json_of(request)
        properties = body.get("properties", {})
        if properties.get("codeConfiguration"):
            raise NotSupported("azureml-local serves MLflow models; scoring scripts not yet")
        request_seconds(properties)
        name = f"{params['endpoint']}/{params['deployment']}"
        old = self._state.store.get(workspace.key, DEPLOYMENTS, name)
        folder = self._state.data / "online" / workspace.key / name / uuid.uuid4().hex[:8] / "model"
        await asyncio.to_thread(copy_model, self._state, workspace, properties.get("model"), folder)
        kept = {
            "tags": body.get("tags") or {},
            "sku": body.get("sku") or DEFAULT_SKU,
            "properties": properties,
            "state": "Updating" if old else "Creating",
            "folder": str(folder.relative_to(self._state.data)),
        }
        found = self._state.store.put(workspace.key, DEPLOYMENTS, name, "", kept)
        operation = self._operations.begin(workspace)
        self._state.background(self._provision(workspace, name, operation))
        return JSONResponse(
            _shown(workspace, found),
            status_code=201,
            headers=self._operations.headers(workspace, operation),
        )

    async def _provision(self, workspace: Workspace, name: str, operation: str | None) -> None:
        """Start a deployment's process and say in its document what became of it."""
        found = self._state.store.get(workspace.key, DEPLOYMENTS, name)
        if found is None:
            return
        error = None
        try:
            await self._serving.start(
                _process(workspace, name),
                self._state.data / found.body["folder"],
                dict(found.body["properties"].get("environmentVariables") or {}),
            )
        except AzureError as failed:
            error = {"code": failed.code, "message": failed.message}
        found.body["state"] = "Failed" if error else "Succeeded"
        self._state.store.put(workspace.key, DEPLOYMENTS, name, "", found.body)
        if operation is not None:
            self._operations.end(operation, error)

    async def _get_deployment(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        return JSONResponse(_shown(workspace, self._found_deployment(workspace, request)))

    async def _list_deployments(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = self._deployments(workspace, request.path_params["endpoint"])
        return JSONResponse({"value": [_shown(workspace, each) for each in found]})

    async def _delete_deployment(self, request: Request) -> Response:
        workspace, params = self._state.workspace(request), request.path_params
        name = f"{params['endpoint']}/{params['deployment']}"
        endpoint = self._found(workspace, request)
        share = endpoint.body["properties"]["traffic"].get(params["deployment"], 0)
        if share:
            raise Conflict(
                f"Deployment {params['deployment']} has {share} % of the traffic; "
                "move the traffic before you delete it."
            )
        there = self._state.store.delete(workspace.key, DEPLOYMENTS, name)
        await self._serving.stop(_process(workspace, name))
        return Response(status_code=200 if there else 204)

    async def _get_logs(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = self._found_deployment(workspace, request)
        log = self._serving.log_file(self._state.data / found.body["folder"])
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        tail = (await json_of(request)).get("tail")
        return JSONResponse({"content": "\n".join(lines[-int(tail) :] if tail else lines)})

    def _found_deployment(self, workspace: Workspace, request: Request) -> Resource:
        params = request.path_params
        name = f"{params['endpoint']}/{params['deployment']}"
        found = self._state.store.get(workspace.key, DEPLOYMENTS, name)
        if found is None:
            raise NotFound(
                f"Deployment {params['deployment']} was not found under online endpoint "
                f"{params['endpoint']}."
            )
        return found

    def _deployments(self, workspace: Workspace, endpoint: str) -> list[Resource]:
        found = self._state.store.entries(workspace.key, DEPLOYMENTS)
        return [each for each in found if _split(each)[0] == endpoint]

    # Scoring

    async def _score(self, request: Request) -> Response:
        workspace = self._state.by_key(request.path_params["key"])
        endpoint = self._found(workspace, request)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        keys = endpoint.body["keys"].values()
        if scheme.lower() != "bearer" or not any(hmac.compare_digest(given, key) for key in keys):
            raise Unauthorized("the key is not one of the endpoint's", "key_auth_access_denied")
        name = request.headers.get("azureml-model-deployment")
        name = name or draw(endpoint.body["properties"]["traffic"])
        if name is None:
            raise NotFound(f"no deployment of {endpoint.name} has traffic", "NoTraffic")
        path = f"{endpoint.name}/{name}"
        deployment = self._state.store.get(workspace.key, DEPLOYMENTS, path)
        if deployment is None:
            raise NotFound(f"{endpoint.name} has no deployment {name}", "DeploymentNotFound")
        scorer = await self._serving.ready(_process(workspace, path))
        if scorer is None:
            raise BadRequest(f"deployment {name} does not run", "DeploymentNotHealthy")
        properties, body = deployment.body["properties"], await request.body()
        request_id = request.headers.get("x-ms-client-request-id") or str(uuid.uuid4())
        seconds = request_seconds(properties)
        try:
            answer = await scorer.client.post(
                "/score",
                content=body,
                headers={"content-type": request.headers.get("content-type", "application/json")},
                timeout=seconds,
            )
        except httpx.TimeoutException:
            message = f"deployment {name} did not answer within {seconds:g} s"
            raise TimedOut(message) from None
        except httpx.TransportError as error:
            raise AzureError(f"deployment {name}: {error!r}", "ModelError") from None
        if answer.status_code == 200:
            self._collector.collect(workspace, path, properties, request_id, body, answer.content)
        return Response(
            answer.content,
            answer.status_code,
            media_type=answer.headers.get("content-type"),
            headers={"azureml-model-deployment": name, "x-ms-request-id": request_id},
        )


def request_seconds(properties: dict[str, Any]) -> float:
    """How long a deployment may take for an answer: ``request_timeout_ms``, 5 s by default.

    Raises:
        BadRequest: it is no duration in seconds as the SDK writes it.
    """
    given = (properties.get("requestSettings") or {}).get("requestTimeout") or "PT5S"
    match = re.fullmatch(r"PT(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", str(given))
    if match is None or not any(match.groups()):
        raise BadRequest(f"requestTimeout {given!r} is no duration like PT5S", "UserError")
    return 60 * float(match[1] or 0) + float(match[2] or 0)


def _key() -> str:
    return secrets.token_urlsafe(24)


def _split(found: Resource) -> tuple[str, str]:
    endpoint, _, name = found.name.partition("/")
    return endpoint, name


def _process(workspace: Workspace, name: str) -> str:
    return f"{workspace.key}/{name}"


def _shown(workspace: Workspace, found: Resource) -> dict[str, Any]:
    endpoint, name = _split(found)
    return {
        "id": f"{workspace.path}/onlineEndpoints/{endpoint}/deployments/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments",
        "location": LOCATION,
        "tags": found.body["tags"],
        "sku": found.body["sku"],
        "properties": {
            "properties": {},
            "endpointComputeType": "Managed",
            # The client never sends it and cannot read an answer without it.
            "scaleSettings": {"scaleType": "Default"},
            **{k: v for k, v in found.body["properties"].items() if v is not None},
            "provisioningState": found.body["state"],
        },
    }
