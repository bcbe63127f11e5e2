"""The request form of an online endpoint: asks it as anybody does, at its own address."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import httpx
from starlette.requests import Request

from azureml_local import auth
from azureml_local.errors import BadRequest
from azureml_local.online.access import AUDIENCE, auth_mode, create_endpoint_token
from azureml_local.online.resources import validate_name
from azureml_local.state import State, Workspace
from azureml_local.store import Resource

EXAMPLE = '{"input_data": [[1, 2]]}'
LONGEST = 1_500_000
SECONDS = 180.0


@dataclass(frozen=True)
class Ask:
    """What is sent, and to which deployment; empty: by the traffic."""

    body: str
    deployment: str


@dataclass(frozen=True)
class ScoringResponse:
    """What came back, from which deployment."""

    status: int
    text: str
    deployment: str


async def read(request: Request) -> Ask:
    """What was filled in.

    Raises:
        BadRequest: it is no form, or too long for an endpoint.
    """
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind != "application/x-www-form-urlencoded":
        raise BadRequest("this page takes what its own form sends")
    said = request.headers.get("content-length", "")
    if not said.isdigit() or int(said) > 3 * LONGEST:
        raise BadRequest(f"a request to an online endpoint has at most {LONGEST} bytes")
    try:
        fields = parse_qs((await request.body()).decode("ascii"), max_num_fields=10)
    except ValueError:
        raise BadRequest("this page takes what its own form sends") from None
    asked = Ask(fields.get("body", [""])[0], fields.get("deployment", [""])[0])
    if asked.deployment:
        validate_name("Deployment", asked.deployment)
    return asked


async def send(
    state: State, authorities: Path, workspace: Workspace, endpoint: Resource, ask: Ask
) -> ScoringResponse:
    """Send it with the endpoint's own kind of credentials, which never reach the page."""
    headers = {
        "authorization": f"Bearer {_credential(state, workspace, endpoint)}",
        "content-type": "application/json",
    }
    if ask.deployment:
        headers["azureml-model-deployment"] = ask.deployment
    address = f"{state.url}/online/{workspace.key}/{endpoint.name}/score"
    try:
        async with httpx.AsyncClient(
            verify=_trust(authorities), timeout=SECONDS, trust_env=False
        ) as client:
            answer = await client.post(address, content=ask.body.encode(), headers=headers)
    except httpx.HTTPError as error:
        return ScoringResponse(0, f"the endpoint does not answer: {error}", ask.deployment)
    named = answer.headers.get("azureml-model-deployment", "")
    return ScoringResponse(answer.status_code, _pretty(answer.text), named)


def _credential(state: State, workspace: Workspace, endpoint: Resource) -> str:
    mode = auth_mode(endpoint)
    if mode == "Key":
        return str(endpoint.body["keys"]["primaryKey"])
    if mode == "AMLToken":
        return create_endpoint_token(state.secret, workspace, endpoint)[0]
    return auth.issue_token(state.secret, AUDIENCE, workspace.key)[0]


def _trust(authorities: Path) -> ssl.SSLContext:
    return ssl.create_default_context(capath=str(authorities))


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
