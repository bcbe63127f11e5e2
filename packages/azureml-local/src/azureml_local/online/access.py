"""Who may ask an endpoint: by its keys, its own tokens or the identity service's: ``auth_mode``."""

from __future__ import annotations

import hmac
import time
from typing import Any

from starlette.requests import Request

from azureml_local import auth
from azureml_local.errors import Forbidden, Unauthorized
from azureml_local.state import Workspace
from azureml_local.store import Resource

AUTH_MODES = {"key": "Key", "amltoken": "AMLToken", "aadtoken": "AADToken"}
VALID_SECONDS = 3600
REFRESH_SECONDS = 1800
AUDIENCE = "https://ml.azure.com"
"""Of tokens for endpoints with ``aad_token``; one for anything else does not let in."""


def mode_of(endpoint: Resource) -> str:
    """How an endpoint lets callers in."""
    return str(endpoint.body["properties"].get("authMode") or "Key")


def endpoint_token(secret: str, workspace: Workspace, endpoint: Resource) -> tuple[str, int, int]:
    """A token for one endpoint, when it ends, and when to ask for the next (seconds since 1970)."""
    now = int(time.time())
    expires = now + VALID_SECONDS
    # With a workspace that there is not, it opens nothing but the endpoint.
    said = {"aud": _audience(workspace, endpoint), "exp": expires, "ws": "endpoint"}
    return auth.sign_token(secret, said), expires, now + REFRESH_SECONDS


def admit(secret: str, workspace: Workspace, endpoint: Resource, request: Request) -> None:
    """Let only callers pass who show what the endpoint's ``auth_mode`` asks for.

    Raises:
        Unauthorized: they show nothing, or something that is not good (any more).
        Forbidden: their token is good for something else.
    """
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    given = given.strip() if scheme.lower() == "bearer" else ""
    mode = mode_of(endpoint)
    if mode == "Key":
        keys = endpoint.body["keys"].values()
        if not any(hmac.compare_digest(given.encode(), key.encode()) for key in keys):
            raise Unauthorized("the key is not one of the endpoint's", "key_auth_access_denied")
        return
    claims = auth.decode_token(secret, given) if given else None
    if claims is None:
        raise Unauthorized("there is no valid token in the request", "token_auth_access_denied")
    if mode == "AMLToken":
        _require(claims, _audience(workspace, endpoint))
    elif claims.get("ws") and claims["ws"] != workspace.key:
        raise Forbidden("this token is a job's, and good for the job's own workspace alone")
    else:
        _require(claims, AUDIENCE)


def _require(claims: dict[str, Any], audience: str) -> None:
    if str(claims.get("aud", "")).rstrip("/") != audience:
        raise Forbidden(f"this token is for {claims.get('aud')!r}, not for {audience}")


def _audience(workspace: Workspace, endpoint: Resource) -> str:
    return f"{workspace.path}/onlineEndpoints/{endpoint.name}".lower()
