"""Logins of jobs in Azure Pipelines: the endpoints that ``AzurePipelinesCredential`` requests.

A job requests an ID token for a service connection from Azure DevOps, with its
``System.AccessToken``. Microsoft Entra exchanges the ID token for an access token. The credential
does this for each new access token, so its login does not expire during the job.

The ``System.AccessToken`` of pipelines-local is ``HEADER;job=JOB``: the ``X-IDENTITY-HEADER`` of
this server, and the job with its service connections as JSON in base64url.
Sources: ``azure_pipelines.py`` of azure-identity; sigstore/fulcio issue 1803 (claims and lifetime
of an ID token); dotnet/docker-tools issues 2012 and 2028 (a job gets ID tokens only for the service
connections that it references; the status 404 is not documented).
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qsl

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import BadRequest, Unauthorized
from azureml_local.identity import auth
from azureml_local.json_fields import as_document
from azureml_local.routing import Routes
from azureml_local.state import State

ID_TOKEN_SECONDS = 600
ACCESS_TOKEN_SECONDS = 3600
PLANS = "/pipelines/_apis/distributedtask/hubs/build/plans/"
ID_TOKEN = PLANS + "{plan}/jobs/{job}/oidctoken"
ACCESS_TOKEN = "/{tenant}/oauth2/v2.0/token"  # noqa: S105 - a path
_PATHS = re.compile(rf"{re.escape(PLANS)}.*|/[^/]+/oauth2/v2\.0/token", re.IGNORECASE)
_SEPARATOR = ";job="
_ISSUER = "https://vstoken.dev.azure.local"
_AUDIENCE = "api://AzureADTokenExchange"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DEFAULT_SCOPE = "/.default"


@dataclass(frozen=True)
class Connection:
    """A service connection; its ids are those of its page in Azure DevOps."""

    id: str
    client: str
    tenant: str


@dataclass(frozen=True)
class PipelineJob:
    """A job; its path is ``STAGE.JOB.INSTANCE``."""

    path: str
    connections: tuple[Connection, ...]


class LoginError(Exception):
    """An error of the token endpoint, in the form of Microsoft Entra."""

    def __init__(self, error: str, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error = error
        self.code = code
        self.status = status

    def response(self) -> Response:
        """The response that clients parse."""
        body = {
            "error": self.error,
            "error_description": f"AADSTS{self.code}: {self}",
            "error_codes": [self.code],
            "trace_id": str(uuid.uuid4()),
        }
        return JSONResponse(body, self.status)


def is_login(request: Request) -> bool:
    """Whether a request is for one of these endpoints, which check their own credentials."""
    path = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
    return _PATHS.fullmatch(path) is not None


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""
    # A key of its own, so that an ID token is not accepted as an access token.
    key = f"{state.secret}/id-token"

    @routes.add("POST", ID_TOKEN, "ID token of a service connection")
    async def issue_id_token(request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("no System.AccessToken of a job")
        workspace, job = _read_job_token(state.secret, token.strip())
        name = request.query_params.get("serviceConnectionId", "")
        connection = next((each for each in job.connections if each.id == name.lower()), None)
        if connection is None:
            message = (
                f"There is no explicit reference to service connection {name} from current stage "
                f"{job.path}."
            )
            return JSONResponse({"count": len(message), "value": message}, status_code=404)
        now = int(time.time())
        claims: auth.Claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": f"sc://azureml-local/pipelines-local/{connection.id}",
            "iat": now,
            "exp": now + ID_TOKEN_SECONDS,
            "ws": workspace,
            "client": connection.client,
            "tenant": connection.tenant,
        }
        return JSONResponse({"oidcToken": auth.sign_token(key, claims)})

    @routes.add("POST", ACCESS_TOKEN, "Access token for an ID token")
    async def exchange(request: Request) -> Response:
        try:
            form = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
            claims = _check_exchange(key, request.path_params["tenant"], form)
        except LoginError as error:
            return error.response()
        resource = form["scope"].removesuffix(_DEFAULT_SCOPE)
        expiry = int(time.time()) + ACCESS_TOKEN_SECONDS
        value, _ = auth.issue_token(state.secret, resource, claims["ws"], expiry)
        seconds = ACCESS_TOKEN_SECONDS - 1
        return JSONResponse(
            {
                "token_type": "Bearer",
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "access_token": value,
            }
        )


def _read_job_token(secret: str, token: str) -> tuple[str, PipelineJob]:
    """Read a ``System.AccessToken``: the key of its only workspace (empty: all), and the job.

    Raises:
        Unauthorized: the token has no header of this server.
        BadRequest: the job is not valid.
    """
    header, separator, text = token.partition(_SEPARATOR)
    if not separator:
        raise Unauthorized("the token is not the System.AccessToken of a job of pipelines-local")
    workspace = auth.identity_scope(secret, header)
    try:
        value = json.loads(base64.urlsafe_b64decode(text))
        connections = tuple(
            Connection(*(str(each[name]).lower() for name in ("id", "client", "tenant")))
            for each in value["connections"]
        )
        return workspace, PipelineJob(str(value["path"]), connections)
    except (ValueError, KeyError, TypeError):
        message = "System.AccessToken: the job must be JSON with path and connections, in base64url"
        raise BadRequest(message) from None


def _check_exchange(key: str, tenant: str, form: dict[str, str]) -> auth.Claims:
    """Return the claims of the ID token of a valid request.

    Raises:
        LoginError: Microsoft Entra would refuse the request.
    """
    if form.get("client_assertion_type") != _ASSERTION_TYPE or "client_assertion" not in form:
        message = "azureml-local supports only the ID token of a service connection as assertion."
        raise LoginError("invalid_client", 7000216, message, 401)
    if form.get("grant_type") != "client_credentials":
        message = "The app requested an unsupported grant type"
        raise LoginError("unsupported_grant_type", 70003, f"{message} '{form.get('grant_type')}'.")
    if not form.get("scope", "").endswith(_DEFAULT_SCOPE):
        message = f"The scope {form.get('scope')} must end with {_DEFAULT_SCOPE}."
        raise LoginError("invalid_scope", 1002012, message)
    try:
        claims = as_document(
            auth.Claims,
            jwt.decode(
                form["client_assertion"], key, [auth.ALGORITHM], audience=_AUDIENCE, issuer=_ISSUER
            ),
        )
    except jwt.ExpiredSignatureError:
        message = "Client assertion is not within its valid time range."
        raise LoginError("invalid_client", 700024, message, 401) from None
    except jwt.InvalidTokenError:
        raise LoginError("invalid_request", 50027, "JWT token is invalid or malformed.") from None
    if tenant.lower() != claims["tenant"]:
        raise LoginError("invalid_request", 90002, f"Tenant '{tenant}' not found.")
    client = form.get("client_id", "")
    if client.lower() != claims["client"]:
        message = f"Application with identifier '{client}' was not found in the directory."
        raise LoginError("unauthorized_client", 700016, message)
    return claims
