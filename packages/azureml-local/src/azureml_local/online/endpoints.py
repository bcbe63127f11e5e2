"""The operations on online endpoints: traffic, keys and tokens."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.arm import ArmResource, Identity
from azureml_local.documents.endpoints import EndpointDocument, EndpointProperties
from azureml_local.endpoints import ONLINE, Endpoint, read_properties, read_tags, validate_name
from azureml_local.errors import BadRequest
from azureml_local.identity import auth
from azureml_local.json_fields import as_document, json_of, text_of
from azureml_local.online.access import AUTH_MODES, auth_mode, create_endpoint_token
from azureml_local.online.deployments import Deployments
from azureml_local.online.resources import BASE
from azureml_local.online.traffic import validate_mirror_traffic, validate_traffic
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State


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
        name = validate_name("Endpoint", request.path_params["endpoint"])
        body = await json_of(request)
        old = ONLINE.get(workspace, name)
        ONLINE.require_unique_name(workspace, name)
        properties = as_document(EndpointProperties, read_properties(request, body, old))
        mode = text_of(properties, "authMode", "Key")
        if mode.lower() not in AUTH_MODES:
            known = ", ".join(AUTH_MODES.values())
            raise BadRequest(f"{mode!r} is not an authMode; use one of {known}", target="authMode")
        properties["authMode"] = AUTH_MODES[mode.lower()]
        names = {each.own_name for each in ONLINE.deployments_in(workspace, name)}
        properties["traffic"] = validate_traffic(properties.get("traffic"), names)
        properties["mirrorTraffic"] = validate_mirror_traffic(
            properties.get("mirrorTraffic"), names, properties["traffic"]
        )
        keys = old.keys if old else {"primaryKey": _create_key(), "secondaryKey": _create_key()}
        document: EndpointDocument = {
            "tags": read_tags(body, old),
            "properties": properties,
            "keys": keys,
        }
        endpoint = ONLINE.put(workspace, name, document)
        if old is None:
            self._deployments.preload()
        return JSONResponse(self._document(endpoint), status_code=200 if old else 201)

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._document(self._find(request)))

    async def _list(self, request: Request) -> Response:
        workspace = self._state.workspace(request)
        endpoints = ONLINE.all_in(workspace)
        return JSONResponse({"value": [self._document(each) for each in endpoints]})

    async def _delete(self, request: Request) -> Response:
        workspace, name = self._state.workspace(request), request.path_params["endpoint"]
        with self._state.store.transaction():
            existed = workspace.documents.delete(ONLINE.endpoints, name)
            deployments = ONLINE.deployments_in(workspace, name)
            for each in deployments:
                each.delete()
        for each in deployments:
            await self._deployments.end(each)
        return Response(status_code=200 if existed else 204)

    async def _list_keys(self, request: Request) -> Response:
        endpoint = self._find(request)
        if auth_mode(endpoint) != "Key":
            raise BadRequest(
                f"endpoint {endpoint.name} has no keys; its auth_mode is {auth_mode(endpoint)}",
                "UserError",
            )
        return JSONResponse(endpoint.keys)

    async def _regenerate_keys(self, request: Request) -> Response:
        endpoint = self._find(request)
        key_type = text_of(await json_of(request), "keyType", "Primary").lower()
        if key_type not in ("primary", "secondary"):
            raise BadRequest(
                f"keyType must be Primary or Secondary, not {key_type!r}", target="keyType"
            )
        endpoint.keys[f"{key_type}Key"] = _create_key()
        ONLINE.put(endpoint.workspace, endpoint.name, endpoint.body)
        return Response(status_code=200)

    async def _token(self, request: Request) -> Response:
        endpoint = self._find(request)
        mode = auth_mode(endpoint)
        if mode != "AMLToken":
            raise BadRequest(
                f"endpoint {endpoint.name} issues no tokens; its auth_mode is {mode}",
                "UserError",
            )
        value, expires, refresh = create_endpoint_token(endpoint)
        return JSONResponse(
            {
                "accessToken": value,
                "expiryTimeUtc": expires,
                "refreshAfterTimeUtc": refresh,
                "tokenType": "Bearer",
            }
        )

    def _find(self, request: Request) -> Endpoint:
        return ONLINE.find(self._state.workspace(request), request.path_params["endpoint"])

    def _document(self, endpoint: Endpoint) -> ArmResource:
        uri = f"{self._state.url}/online/{endpoint.workspace.key}/{endpoint.name}"
        properties = {
            "mirrorTraffic": {},
            "publicNetworkAccess": "Enabled",
            **endpoint.properties,
            "scoringUri": f"{uri}/score",
            "swaggerUri": f"{uri}/swagger.json",
            "provisioningState": "Succeeded",
        }
        identity: Identity = {"type": "SystemAssigned", "principalId": auth.TENANT}
        return endpoint.show(properties, identity=identity)


def _create_key() -> str:
    return secrets.token_urlsafe(24)
