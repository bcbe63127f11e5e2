"""Authentication of callers by the endpoint's ``auth_mode``: keys, AML tokens or Entra tokens."""

from __future__ import annotations

import hmac
import time

from starlette.requests import Request

from azureml_local.endpoints import Endpoint
from azureml_local.errors import Forbidden, Unauthorized
from azureml_local.identity import auth

AUTH_MODES = {"key": "Key", "amltoken": "AMLToken", "aadtoken": "AADToken"}
VALID_SECONDS = 3600
REFRESH_SECONDS = 1800
AUDIENCE = "https://ml.azure.com"
"""The audience of tokens for endpoints with ``aad_token``; other audiences are refused."""


def auth_mode(endpoint: Endpoint) -> str:
    """The endpoint's ``auth_mode``."""
    return str(endpoint.properties.get("authMode") or "Key")


def create_endpoint_token(endpoint: Endpoint) -> tuple[str, int, int]:
    """A token for one endpoint, its expiry and refresh time (seconds since 1970)."""
    now = int(time.time())
    expires = now + VALID_SECONDS
    # The workspace does not exist, so that the token is valid for nothing but the endpoint.
    claims: auth.Claims = {"aud": _audience(endpoint), "exp": expires, "ws": "endpoint"}
    return auth.sign_token(endpoint.workspace.state.secret, claims), expires, now + REFRESH_SECONDS


def authorize(endpoint: Endpoint, request: Request) -> None:
    """Check a caller's key or token against the endpoint's ``auth_mode``.

    Raises:
        Unauthorized: the request has none, or one that is not valid.
        Forbidden: the token is valid for something else.
    """
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    credential = credential.strip() if scheme.lower() == "bearer" else ""
    mode = auth_mode(endpoint)
    if mode == "Key":
        keys = endpoint.keys.values()
        if not any(hmac.compare_digest(credential.encode(), key.encode()) for key in keys):
            raise Unauthorized("the key is not a key of the endpoint", "key_auth_access_denied")
        return
    secret = endpoint.workspace.state.secret
    claims = auth.decode_token(secret, credential) if credential else None
    if claims is None:
        raise Unauthorized("the request has no valid token", "token_auth_access_denied")
    if mode == "AMLToken":
        _require_audience(claims, _audience(endpoint))
    elif claims.get("ws") and claims["ws"] != endpoint.workspace.key:
        raise Forbidden("this token belongs to a job of another workspace")
    else:
        _require_audience(claims, AUDIENCE)


def _require_audience(claims: auth.Claims, audience: str) -> None:
    if claims.get("aud", "").rstrip("/") != audience:
        raise Forbidden(f"this token is for {claims.get('aud')!r}, not for {audience}")


def _audience(endpoint: Endpoint) -> str:
    return f"{endpoint.workspace.path}/{endpoint.path}".lower()
