"""The scoring requests of an endpoint: routing to a deployment, mirroring, status codes."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from azureml_local.endpoints import ONLINE, Deployment, Endpoint
from azureml_local.errors import AzureError, NotFound, TooLarge, Unavailable
from azureml_local.online.access import authorize
from azureml_local.online.collector import Collector
from azureml_local.online.limits import MAX_BODY
from azureml_local.online.pool import Pool
from azureml_local.online.serving import Serving
from azureml_local.online.traffic import choose_deployment, choose_mirror
from azureml_local.routing import Routes
from azureml_local.scoring.frames import ScoringRequest, ScoringResponse
from azureml_local.state import State

DEPLOYMENT_HEADER = "azureml-model-deployment"
NOT_FORWARDED = frozenset(
    {"authorization", "connection", "transfer-encoding", "keep-alive", "upgrade"}
)
"""Request headers that the endpoint does not forward to the container."""
SET_BY_SERVER = frozenset(
    {"content-length", "connection", "transfer-encoding", "server", "date", DEPLOYMENT_HEADER}
)
"""Response headers of the container that the endpoint sets itself."""
SERVER_VERSION = "azureml-local"
START_SECONDS = 5.0
MAX_CACHED = 1000
T = TypeVar("T")
ADDRESS = "/online/{key}/{endpoint}"


class Scoring:
    """The data plane of online endpoints."""

    def __init__(self, state: State, serving: Serving, collector: Collector) -> None:
        self._state = state
        self._serving = serving
        self._collector = collector
        self._cache: dict[tuple[str, ...], Any] = {}
        self._cached_at = -1

    def register(self, routes: Routes) -> None:
        """Add the operations."""
        add = routes.add
        add("GET|POST|OPTIONS", f"{ADDRESS}/score", "Online endpoints - Score")(self._score)
        add("GET", f"{ADDRESS}/swagger.json", "Online endpoints - Swagger")(self._swagger)

    async def _score(self, request: Request) -> Response:
        endpoint = self._authorized_endpoint(request)
        name, is_named = self._choose_deployment(endpoint, request)
        deployment, pool = await self._deployment_pool(endpoint, name)
        scoring_request = await _read_request(request)
        if not scoring_request.header("x-request-id"):
            scoring_request.headers.append(["x-request-id", str(uuid.uuid4())])
        ids = ("x-ms-request-id", "x-ms-client-request-id", "x-request-id")
        request_id = next(filter(None, map(scoring_request.header, ids)))
        mirror_traffic = endpoint.properties.get("mirrorTraffic") or {}
        mirror = None if is_named else choose_mirror(mirror_traffic)
        if mirror is not None:
            self._state.background(self._mirror(endpoint, mirror, request_id, scoring_request))
        response = await pool.send(scoring_request)
        self._collect(deployment, request_id, scoring_request, response)
        return _render_response(response, name, request_id)

    async def _mirror(
        self,
        endpoint: Endpoint,
        name: str,
        request_id: str,
        request: ScoringRequest,
    ) -> None:
        """Send a copy of a request to a deployment; its response is collected only."""
        with contextlib.suppress(AzureError):
            deployment, pool = await self._deployment_pool(endpoint, name)
            response = await pool.send(request)
            self._collect(deployment, request_id, request, response)

    async def _swagger(self, request: Request) -> Response:
        endpoint = self._authorized_endpoint(request)
        name, _ = self._choose_deployment(endpoint, request)
        _, pool = await self._deployment_pool(endpoint, name)
        query = request.scope["query_string"].decode("latin-1")
        response = await pool.send(ScoringRequest(b"", "GET", "/swagger.json", query))
        headers = {DEPLOYMENT_HEADER: name}
        return Response(response.body, response.status, headers, media_type="application/json")

    def _authorized_endpoint(self, request: Request) -> Endpoint:
        params = request.path_params

        def read() -> Endpoint:
            workspace = self._state.workspace_by_key(params["key"])
            return ONLINE.find(workspace, params["endpoint"])

        endpoint = self._read_cached((params["key"], params["endpoint"]), read)
        authorize(endpoint, request)
        return endpoint

    def _choose_deployment(self, endpoint: Endpoint, request: Request) -> tuple[str, bool]:
        """The deployment of a request, and whether the request names it.

        Raises:
            NotFound: no deployment has traffic.
        """
        header = request.headers.get(DEPLOYMENT_HEADER)
        name = header or choose_deployment(endpoint.properties["traffic"])
        if name is None:
            raise NotFound(f"no deployment of {endpoint.name} has traffic", "NoTraffic")
        return name, bool(header)

    def _read_cached(self, key: tuple[str, ...], read: Callable[[], T]) -> T:
        """What ``read`` returned last time, until something in the store changes."""
        changes = self._state.store.changes
        if self._cached_at != changes or len(self._cache) > MAX_CACHED:
            self._cache, self._cached_at = {}, changes
        if key not in self._cache:
            self._cache[key] = read()
        value: T = self._cache[key]
        return value

    async def _deployment_pool(self, endpoint: Endpoint, name: str) -> tuple[Deployment, Pool]:
        """A deployment and its processes.

        Raises:
            NotFound: the deployment does not exist.
            Unavailable: it does not run.
        """
        deployment = self._read_cached(
            (endpoint.workspace.key, endpoint.name, name),
            lambda: ONLINE.deployment(endpoint.workspace, endpoint.name, name),
        )
        if deployment is None:
            raise NotFound(f"{endpoint.name} has no deployment {name}", "DeploymentNotFound")
        pool = await self._serving.wait_for_pool(deployment.key, START_SECONDS)
        if pool is None:
            raise Unavailable(f"deployment {name} does not run", "DeploymentNotHealthy")
        return deployment, pool

    def _collect(
        self,
        deployment: Deployment,
        request_id: str,
        request: ScoringRequest,
        response: ScoringResponse,
    ) -> None:
        for collection, correlation, rows in response.collected:
            self._collector.append(deployment, collection, correlation, rows)
        if response.status == 200 and not deployment.properties.get("codeConfiguration"):
            self._collector.collect(deployment, request_id, request.body, response.body)


async def _read_request(request: Request) -> ScoringRequest:
    """The request as a worker gets it.

    Raises:
        TooLarge: its body is longer than an endpoint accepts.
    """
    length = request.headers.get("content-length", "")
    body = b""
    if not length.isdigit() or int(length) <= MAX_BODY:
        chunks, size = [], 0
        async for chunk in request.stream():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                break
        body = b"".join(chunks)
    if len(body) > MAX_BODY or (length.isdigit() and int(length) > MAX_BODY):
        raise TooLarge(f"a request to an online endpoint has at most {MAX_BODY} bytes")
    headers = [
        [name.decode("latin-1"), value.decode("latin-1")]
        for name, value in request.scope["headers"]
        if name.decode("latin-1") not in NOT_FORWARDED
    ]
    query = request.scope["query_string"].decode("latin-1")
    return ScoringRequest(body, request.method, "/score", query, headers)


def _render_response(response: ScoringResponse, name: str, request_id: str) -> Response:
    """The response to the caller: 424 for any status but 200, with the model's own in a header."""
    good = response.status == 200
    rendered = Response(response.body, response.status if good else 424)
    headers = [pair for pair in response.headers if pair[0] not in SET_BY_SERVER]
    headers.append([DEPLOYMENT_HEADER, name])
    for key, value in (("x-ms-server-version", SERVER_VERSION), ("x-ms-request-id", request_id)):
        if not any(name == key for name, _ in headers):
            headers.append([key, value])
    if not good:
        headers.append(["ms-azureml-model-error-reason", "model_error"])
        headers.append(["ms-azureml-model-error-statuscode", str(response.status)])
    rendered.raw_headers += [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers]
    return rendered
