"""The request form of an online endpoint; requests are sent to the endpoint's address."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import httpx
from starlette.requests import Request

from azureml_local.endpoints import Endpoint, validate_name
from azureml_local.errors import BadRequest
from azureml_local.identity import auth
from azureml_local.json_fields import JsonObject
from azureml_local.online.access import AUDIENCE, auth_mode, create_endpoint_token

MAX_BODY_BYTES = 1_500_000
TIMEOUT_SECONDS, SWAGGER_SECONDS = 180.0, 3.0


@dataclass(frozen=True)
class ScoringForm:
    """The body of a request and its deployment; empty: chosen by the traffic."""

    body: str
    deployment: str


@dataclass(frozen=True)
class ScoringResponse:
    """A response, and the deployment that sent it."""

    status: int
    text: str
    deployment: str


async def read_form(request: Request) -> ScoringForm:
    """The content of the submitted form.

    Raises:
        BadRequest: it is not a form, or too long for an endpoint.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0]
    if content_type != "application/x-www-form-urlencoded":
        raise BadRequest("only the form of this page can be submitted")
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > 3 * MAX_BODY_BYTES:
        raise BadRequest(f"body: must have at most {MAX_BODY_BYTES} bytes")
    try:
        fields = parse_qs((await request.body()).decode("ascii"), max_num_fields=10)
    except ValueError:
        raise BadRequest("only the form of this page can be submitted") from None
    form = ScoringForm(fields.get("body", [""])[0], fields.get("deployment", [""])[0])
    if form.deployment:
        validate_name("Deployment", form.deployment)
    return form


async def send_request(authorities: Path, endpoint: Endpoint, form: ScoringForm) -> ScoringResponse:
    """Send a request with the endpoint's credentials, which the page does not contain."""
    headers = {"content-type": "application/json"}
    if form.deployment:
        headers["azureml-model-deployment"] = form.deployment
    try:
        async with _client(authorities, endpoint, TIMEOUT_SECONDS) as client:
            response = await client.post("score", content=form.body.encode(), headers=headers)
    except httpx.HTTPError as error:
        return ScoringResponse(0, f"the endpoint does not respond: {error}", form.deployment)
    deployment = response.headers.get("azureml-model-deployment", "")
    return ScoringResponse(response.status_code, _indent_json(response.text), deployment)


async def read_swagger(authorities: Path, endpoint: Endpoint, deployment: str) -> JsonObject:
    """The swagger document of a deployment; empty if it has none, or does not respond soon."""
    headers = {"azureml-model-deployment": deployment}
    try:
        async with _client(authorities, endpoint, SWAGGER_SECONDS) as client:
            for version in ("2", "3", "3.1"):
                response = await client.get(f"swagger.json?version={version}", headers=headers)
                document = response.json() if response.status_code == 200 else None
                if isinstance(document, dict):
                    return document
    except (httpx.HTTPError, ValueError):
        pass
    return {}


def _client(authorities: Path, endpoint: Endpoint, seconds: float) -> httpx.AsyncClient:
    """A client of an endpoint, with its credentials."""
    workspace = endpoint.workspace
    return httpx.AsyncClient(
        base_url=f"{workspace.state.url}/online/{workspace.key}/{endpoint.name}/",
        headers={"authorization": f"Bearer {_credential(endpoint)}"},
        verify=ssl.create_default_context(capath=str(authorities)),
        timeout=seconds,
        trust_env=False,
    )


def _credential(endpoint: Endpoint) -> str:
    mode = auth_mode(endpoint)
    if mode == "Key":
        return endpoint.keys["primaryKey"]
    if mode == "AMLToken":
        return create_endpoint_token(endpoint)[0]
    workspace = endpoint.workspace
    return auth.issue_token(workspace.state.secret, AUDIENCE, workspace.key)[0]


def _indent_json(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
