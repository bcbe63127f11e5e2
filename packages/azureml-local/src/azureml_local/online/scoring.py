"""What callers of an endpoint get: the deployment that answers, the copy, the codes of errors."""

from __future__ import annotations

import contextlib
import http
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from azureml_local.errors import AzureError, NotFound, TooLarge, Unavailable
from azureml_local.online.access import admit
from azureml_local.online.collector import Collector
from azureml_local.online.limits import MAX_BODY
from azureml_local.online.pool import Pool
from azureml_local.online.resources import DEPLOYMENTS, endpoint_of, process
from azureml_local.online.serving import Serving
from azureml_local.online.traffic import draw, mirrored
from azureml_local.routing import Routes
from azureml_local.scoring.frames import Answer, Asked
from azureml_local.state import State, Workspace
from azureml_local.store import Resource

NAMED = "azureml-model-deployment"
HIDDEN = frozenset({"authorization", "connection", "transfer-encoding", "keep-alive", "upgrade"})
"""Headers of a request that are the endpoint's own affair."""
OWN = frozenset({"content-length", "connection", "transfer-encoding", "server", "date", NAMED})
"""Headers of an answer that the server says itself."""
START_SECONDS = 5.0
MOST_KNOWN = 1000
T = TypeVar("T")
ADDRESS = "/online/{key}/{endpoint}"


class Scoring:
    """The data plane of online endpoints."""

    def __init__(self, state: State, serving: Serving, collector: Collector) -> None:
        self._state = state
        self._serving = serving
        self._collector = collector
        self._known: dict[tuple[str, ...], Any] = {}
        self._known_at = -1

    def register(self, routes: Routes) -> None:
        """Add the operations."""
        add = routes.add
        add("GET|POST|OPTIONS", f"{ADDRESS}/score", "Online endpoints - Score")(self._score)
        add("GET", f"{ADDRESS}/swagger.json", "Online endpoints - Swagger")(self._swagger)

    async def _score(self, request: Request) -> Response:
        workspace, endpoint = self._admitted(request)
        named = request.headers.get(NAMED)
        properties = endpoint.body["properties"]
        name = named or draw(properties["traffic"])
        if name is None:
            raise NotFound(f"no deployment of {endpoint.name} has traffic", "NoTraffic")
        deployment, pool = await self._pool(workspace, endpoint, name)
        asked = await _asked(request)
        request_id = asked.header("x-ms-client-request-id") or str(uuid.uuid4())
        copy = None if named else mirrored(properties.get("mirrorTraffic") or {})
        if copy is not None:
            self._state.background(self._show(workspace, endpoint, copy, request_id, asked))
        answer = await pool.ask(asked)
        self._collect(workspace, deployment, request_id, asked, answer)
        return _response(answer, name, request_id)

    async def _show(
        self, workspace: Workspace, endpoint: Resource, name: str, request_id: str, asked: Asked
    ) -> None:
        """Show a deployment a copy of a request; what it says is collected, and goes nowhere."""
        with contextlib.suppress(AzureError):
            deployment, pool = await self._pool(workspace, endpoint, name)
            answer = await pool.ask(asked)
            self._collect(workspace, deployment, request_id, asked, answer)

    async def _swagger(self, request: Request) -> Response:
        workspace, endpoint = self._admitted(request)
        name = request.headers.get(NAMED) or draw(endpoint.body["properties"]["traffic"])
        if name is None:
            raise NotFound(f"no deployment of {endpoint.name} has traffic", "NoTraffic")
        _, pool = await self._pool(workspace, endpoint, name)
        answer = await pool.ask(Asked(b"", "GET", "/swagger.json", request.url.query))
        return Response(answer.body, answer.status, {NAMED: name}, media_type="application/json")

    def _admitted(self, request: Request) -> tuple[Workspace, Resource]:
        params = request.path_params
        workspace, endpoint = self._remembered(
            (params["key"], params["endpoint"]), lambda: self._endpoint(params)
        )
        admit(self._state.secret, workspace, endpoint, request)
        return workspace, endpoint

    def _endpoint(self, params: dict[str, str]) -> tuple[Workspace, Resource]:
        workspace = self._state.workspace_by_key(params["key"])
        return workspace, endpoint_of(self._state, workspace, params["endpoint"])

    def _remembered(self, key: tuple[str, ...], read: Callable[[], T]) -> T:
        """What was read last time, as long as nothing in the store has changed since."""
        changes = self._state.store.changes
        if self._known_at != changes or len(self._known) > MOST_KNOWN:
            self._known, self._known_at = {}, changes
        if key not in self._known:
            self._known[key] = read()
        found: T = self._known[key]
        return found

    async def _pool(
        self, workspace: Workspace, endpoint: Resource, name: str
    ) -> tuple[Resource, Pool]:
        """A deployment and its processes.

        Raises:
            NotFound: there is no such deployment.
            Unavailable: it does not run.
        """
        path = f"{endpoint.name}/{name}"
        deployment = self._remembered(
            (workspace.key, endpoint.name, name),
            lambda: self._state.store.get(workspace.key, DEPLOYMENTS, path),
        )
        if deployment is None:
            raise NotFound(f"{endpoint.name} has no deployment {name}", "DeploymentNotFound")
        pool = await self._serving.ready(process(workspace, path), START_SECONDS)
        if pool is None:
            raise Unavailable(f"deployment {name} does not run", "DeploymentNotHealthy")
        return deployment, pool

    def _collect(
        self,
        workspace: Workspace,
        deployment: Resource,
        request_id: str,
        asked: Asked,
        answer: Answer,
    ) -> None:
        for collection, correlation, rows in answer.collected:
            self._collector.keep(workspace, deployment.name, collection, correlation, rows)
        properties = deployment.body["properties"]
        if answer.status == 200 and not properties.get("codeConfiguration"):
            self._collector.collect(
                workspace, deployment.name, properties, request_id, asked.body, answer.body
            )


async def _asked(request: Request) -> Asked:
    """The request as a scorer gets it.

    Raises:
        TooLarge: it has more bytes than an endpoint takes.
    """
    said = request.headers.get("content-length", "")
    body = b""
    if not said.isdigit() or int(said) <= MAX_BODY:
        parts, size = [], 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > MAX_BODY:
                break
        body = b"".join(parts)
    if len(body) > MAX_BODY or (said.isdigit() and int(said) > MAX_BODY):
        raise TooLarge(f"a request to an online endpoint has at most {MAX_BODY} bytes")
    headers = [
        [name.decode("latin-1"), value.decode("latin-1")]
        for name, value in request.scope["headers"]
        if name.decode("latin-1") not in HIDDEN
    ]
    query = request.scope["query_string"].decode("latin-1")
    return Asked(body, request.method, "/score", query, headers)


def _response(answer: Answer, name: str, request_id: str) -> Response:
    """What the caller gets: a model's error is Azure's 424, with the model's own status beside."""
    good = 200 <= answer.status < 300
    response = Response(answer.body, answer.status if good else 424)
    headers = [pair for pair in answer.headers if pair[0] not in OWN]
    headers += [[NAMED, name], ["x-ms-request-id", request_id]]
    if not good:
        with contextlib.suppress(ValueError):
            reason = http.HTTPStatus(answer.status).phrase
            headers.append(["ms-azureml-model-error-reason", reason])
        headers.append(["ms-azureml-model-error-statuscode", str(answer.status)])
    response.raw_headers += [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers]
    return response
