"""The request form of an online endpoint; requests are sent to the endpoint's address."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import httpx
from starlette.requests import Request

from azureml_local.endpoints import Endpoint
from azureml_local.errors import BadRequest
from azureml_local.identity import auth
from azureml_local.online.access import AUDIENCE, auth_mode, create_endpoint_token
from azureml_local.online.resources import validate_name

EXAMPLE = '{"input_data": [[1, 2]]}'
MAX_BODY_BYTES = 1_500_000
TIMEOUT_SECONDS = 180.0


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
    headers = {
        "authorization": f"Bearer {_credential(endpoint)}",
        "content-type": "application/json",
    }
    if form.deployment:
        headers["azureml-model-deployment"] = form.deployment
    address = (
        f"{endpoint.workspace.state.url}/online/{endpoint.workspace.key}/{endpoint.name}/score"
    )
    try:
        async with httpx.AsyncClient(
            verify=ssl.create_default_context(capath=str(authorities)),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        ) as client:
            response = await client.post(address, content=form.body.encode(), headers=headers)
    except httpx.HTTPError as error:
        return ScoringResponse(0, f"the endpoint does not respond: {error}", form.deployment)
    deployment = response.headers.get("azureml-model-deployment", "")
    return ScoringResponse(response.status_code, _indent_json(response.text), deployment)


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
