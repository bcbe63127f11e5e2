"""The operations on online endpoints: their maps of traffic, and what lets callers in."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import auth
from azureml_local.errors import BadRequest
from azureml_local.online.access import AUTH_MODES, endpoint_token, mode_of
from azureml_local.online.deployments import Deployments
from azureml_local.online.resources import (
    BASE,
    ENDPOINTS,
    checked_name,
    deployments_of,
    endpoint_of,
    split,
)
from azureml_local.online.traffic import checked, checked_mirror
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import LOCATION, State, Workspace, json_of, object_of, text_of
from azureml_local.store import Resource


class Endpoints:
    """Online endpoints in the store."""

    def __init__(self, state: State, deployments: Deployments) -> None:
        self._state = state
        self._deployments = deployments

    def register(self, routes: Routes) -> None:
        """Add the operations."""
        add = routes.add
        add("PUT|PATCH", BASE, "Online endpoints - Create or update")(self._put)
        add("GET", BASE, "Online endpoints - Get")(self._get)
        add("GET", WORKSPACE + "/onlineEndpoints", "Online endpoints - List")(self._list)
        add("DELETE", BASE, "Online endpoints - Delete")(self._delete)
        add("POST", BASE + "/listKeys", "Online endpoints - List keys")(self._list_keys)
        add("POST", BASE + "/regenerateKeys", "Online endpoints - Regenerate keys")(
            self._regenerate_keys
        )
        add("POST", BASE + "/token", "Online endpoints - Get token")(self._token)

    async def _put(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        name = checked_name("Endpoint", request.path_params["endpoint"])
        body = await json_of(request)
        properties = object_of(body, "properties")
        old = self._state.store.get(workspace.key, ENDPOINTS, name)
        if old is not None and request.method == "PATCH":
            properties = {**old.body["properties"], **properties}
        mode = text_of(properties, "authMode", "Key")
        if mode.lower() not in AUTH_MODES:
            known = ", ".join(AUTH_MODES.values())
            raise BadRequest(f"{mode!r} is no authMode; there are {known}", target="authMode")
        properties["authMode"] = AUTH_MODES[mode.lower()]
        names = {split(each)[1] for each in deployments_of(self._state, workspace, name)}
        properties["traffic"] = checked(properties.get("traffic"), names)
        properties["mirrorTraffic"] = checked_mirror(
            properties.get("mirrorTraffic"), names, properties["traffic"]
        )
        tags = object_of(body, "tags") if "tags" in body or old is None else old.body["tags"]
        keys = old.body["keys"] if old else {"primaryKey": _key(), "secondaryKey": _key()}
        kept = {"tags": tags, "properties": properties, "keys": keys}
        found = self._state.store.put(workspace.key, ENDPOINTS, name, "", kept)
        if old is None:
            self._deployments.warm()
        return JSONResponse(self._shown(workspace, found), status_code=200 if old else 201)

    async def _get(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        return JSONResponse(self._shown(workspace, self._found(workspace, request)))

    async def _list(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = self._state.store.entries(workspace.key, ENDPOINTS)
        return JSONResponse({"value": [self._shown(workspace, each) for each in found]})

    async def _delete(self, request: Request) -> Response:
        workspace, name = self._state.workspace(request), request.path_params["endpoint"]
        with self._state.store.transaction():
            there = self._state.store.delete(workspace.key, ENDPOINTS, name)
            found = deployments_of(self._state, workspace, name)
            for each in found:
                self._deployments.forget(workspace, each)
        for each in found:
            await self._deployments.end(workspace, each)
        return Response(status_code=200 if there else 204)

    async def _list_keys(self, request: Request) -> Response:
        found = self._found(self._state.workspace(request), request)
        if mode_of(found) != "Key":
            raise BadRequest(
                f"endpoint {found.name} has no keys: its auth_mode is {mode_of(found)}", "UserError"
            )
        return JSONResponse(found.body["keys"])

    async def _regenerate_keys(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = self._found(workspace, request)
        which = text_of(await json_of(request), "keyType", "Primary").lower()
        if which not in ("primary", "secondary"):
            raise BadRequest(f"keyType is Primary or Secondary, not {which!r}", target="keyType")
        found.body["keys"][f"{which}Key"] = _key()
        self._state.store.put(workspace.key, ENDPOINTS, found.name, "", found.body)
        return Response(status_code=200)

    async def _token(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        found = self._found(workspace, request)
        if mode_of(found) != "AMLToken":
            raise BadRequest(
                f"endpoint {found.name} gives out no tokens: its auth_mode is {mode_of(found)}",
                "UserError",
            )
        value, expires, refresh = endpoint_token(self._state.secret, workspace, found)
        return JSONResponse(
            {
                "accessToken": value,
                "expiryTimeUtc": expires,
                "refreshAfterTimeUtc": refresh,
                "tokenType": "Bearer",
            }
        )

    def _found(self, workspace: Workspace, request: Request) -> Resource:
        return endpoint_of(self._state, workspace, request.path_params["endpoint"])

    def _shown(self, workspace: Workspace, found: Resource) -> dict[str, Any]:
        uri = f"{self._state.url}/online/{workspace.key}/{found.name}"
        return {
            "id": f"{workspace.path}/onlineEndpoints/{found.name}",
            "name": found.name,
            "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
            "location": LOCATION,
            "tags": found.body["tags"],
            "identity": {"type": "SystemAssigned", "principalId": auth.TENANT},
            "systemData": found.system_data,
            "properties": {
                "properties": {},
                "mirrorTraffic": {},
                "publicNetworkAccess": "Enabled",
                **found.body["properties"],
                "scoringUri": f"{uri}/score",
                "swaggerUri": f"{uri}/swagger.json",
                "provisioningState": "Succeeded",
            },
        }


def _key() -> str:
    return secrets.token_urlsafe(24)
