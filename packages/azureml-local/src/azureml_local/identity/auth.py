"""Credentials: tokens of the identity endpoint, and signatures for the storage and the pages.

A token proves that its owner has read the client environment of this server. There are no roles.
Tokens are JWTs because the SDK reads their claims.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import NotRequired, TypedDict

import jwt
from starlette.requests import Request

from azureml_local.errors import Forbidden, Unauthorized
from azureml_local.json_fields import as_document
from azureml_local.state import workspace_key

VALID_SECONDS = 10 * 365 * 24 * 3600
TENANT = "00000000-0000-0000-0000-000000000000"
ALGORITHM = "HS256"


class Claims(TypedDict):
    """The claims of a token."""

    aud: str
    exp: int
    ws: str
    """The key of the only workspace that it opens; empty: all."""
    iss: NotRequired[str]
    tid: NotRequired[str]
    oid: NotRequired[str]
    # ID tokens of service connections.
    sub: NotRequired[str]
    iat: NotRequired[int]
    client: NotRequired[str]
    tenant: NotRequired[str]


def _sign(secret: str, text: str) -> str:
    digest = hmac.new(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def identity_header(secret: str, workspace: str = "") -> str:
    """The ``X-IDENTITY-HEADER`` that a client exchanges for tokens.

    Args:
        secret: the server's secret.
        workspace: the key of the only workspace that the tokens open; empty: all. Jobs get a
            header for their own workspace.
    """
    return f"{workspace}.{_sign(secret, f'identity/{workspace}')}"


def identity_scope(secret: str, header: str) -> str:
    """The key of the workspace that an identity header is valid for; empty: all.

    Raises:
        Unauthorized: this server did not issue the header.
    """
    workspace = header.partition(".")[0]
    if not equal_in_constant_time(header, identity_header(secret, workspace)):
        raise Unauthorized("X-IDENTITY-HEADER was not issued by this server")
    return workspace


def issue_token(
    secret: str, audience: str, workspace: str = "", expiry: int | None = None
) -> tuple[str, int]:
    """A token for an audience, and its expiry in seconds since 1970.

    Args:
        secret: the server's secret.
        audience: the resource.
        workspace: the key of the only workspace that the token opens; empty: all.
        expiry: None for a token that does not expire during the life of a workspace.
    """
    expires = int(time.time()) + VALID_SECONDS if expiry is None else expiry
    claims: Claims = {
        "aud": audience,
        "tid": TENANT,
        "oid": TENANT,
        "exp": expires,
        "iss": "azureml-local",
        "ws": workspace,
    }
    return sign_token(secret, claims), expires


def sign_token(secret: str, claims: Claims) -> str:
    """A token with these claims."""
    return jwt.encode({**claims}, secret, ALGORITHM)


def decode_token(secret: str, token: str) -> Claims | None:
    """The claims of a token; None if this server did not issue it, or if it has expired."""
    try:
        claims = jwt.decode(
            token, secret, [ALGORITHM], options={"require": ["exp"], "verify_aud": False}
        )
    except jwt.InvalidTokenError:
        return None
    return as_document(Claims, claims)


def require_token(secret: str, request: Request) -> None:
    """Refuse a request without a token of this server, or with the token of another workspace.

    Raises:
        Unauthorized: the request has no valid token.
        Forbidden: the token belongs to a job in another workspace.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    claims = decode_token(secret, token.strip()) if scheme.lower() == "bearer" else None
    if claims is None:
        raise Unauthorized(
            "no valid token; set the variables that `azureml-local env` prints, and the client "
            "gets one"
        )
    if claims.get("ws") and claims["ws"] != _workspace_key_in(request):
        raise Forbidden("this token belongs to a job and is valid for the job's workspace only")


def _workspace_key_in(request: Request) -> str:
    """The key of the workspace that a request's path names."""
    params = request.path_params
    if "workspace" in params:
        return workspace_key(params["subscription"], params["group"], params["workspace"])
    return str(params.get("key") or params.get("account") or "")


def sas_token(secret: str, account: str) -> str:
    """The shared access signature of a storage account, as the query of a URL."""
    return f"sv=2026-10-06&sr=c&sp=racwdl&sig={_sign(secret, f'sas/{account}')}"


def require_signature(secret: str, account: str, request: Request) -> None:
    """Refuse a request that has neither the account's signature nor a token of this server.

    Raises:
        Forbidden: the signature is wrong.
        Unauthorized: the request has neither.
    """
    signature = request.query_params.get("sig")
    if signature is None:
        require_token(secret, request)
    elif not equal_in_constant_time(signature, _sign(secret, f"sas/{account}")):
        raise Forbidden("Signature did not match.", "AuthenticationFailed")


def page_key(secret: str, workspace: str) -> str:
    """The key in the links to a workspace's studio pages; it opens these pages only."""
    return _sign(secret, f"studio/{workspace}")


def require_page_key(secret: str, workspace: str, key: str) -> None:
    """Refuse a wrong key for a workspace's studio pages.

    Raises:
        Forbidden: the key is wrong.
    """
    if not equal_in_constant_time(key, page_key(secret, workspace)):
        raise Forbidden(
            "the key in this link is wrong; use the link that the SDK or `azureml-local studio` "
            "prints"
        )


def equal_in_constant_time(value: str, expected: str) -> bool:
    """Whether two texts are equal; the time taken does not depend on where they differ."""
    return hmac.compare_digest(value.encode("utf-8", "replace"), expected.encode())
