"""Who may ask: tokens of our own identity endpoint, and signatures for the storage.

A token says nothing but that its owner read the client environment of this server; there are no
roles on one's own machine. It has the shape of a JWT because the SDK looks into it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

from starlette.requests import Request

from azureml_local.errors import Unauthorized

VALID_SECONDS = 10 * 365 * 24 * 3600
TENANT = "00000000-0000-0000-0000-000000000000"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _sign(secret: str, text: str) -> str:
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def token(secret: str, audience: str) -> tuple[str, int]:
    """A token for an audience, and when it ends (seconds since 1970)."""
    expires = int(time.time()) + VALID_SECONDS
    claims = {"aud": audience, "tid": TENANT, "oid": TENANT, "exp": expires, "iss": "azureml-local"}
    text = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{text}.{_sign(secret, text)}", expires


def valid_token(secret: str, value: str) -> bool:
    """Whether this server gave the token out and it has not ended."""
    text, _, signature = value.rpartition(".")
    if not hmac.compare_digest(signature, _sign(secret, text)):
        return False
    claims = text.partition(".")[2]
    padded = claims + "=" * (-len(claims) % 4)
    return bool(json.loads(base64.urlsafe_b64decode(padded))["exp"] > time.time())


def require_token(secret: str, request: Request) -> None:
    """Let only requests with one of our tokens pass.

    Raises:
        Unauthorized: it has none, or another.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not valid_token(secret, value.strip()):
        raise Unauthorized(
            "no valid token; clients get one through the variables that azureml-local env prints"
        )


def signature(secret: str, account: str) -> str:
    """The shared access signature of a storage account, as the query of an address."""
    return f"sv=2026-10-06&sr=c&sp=racwdl&sig={_sign(secret, f'sas/{account}')}"


def require_signature(secret: str, account: str, request: Request) -> None:
    """Let only requests pass that carry the account's signature, or one of our tokens.

    Raises:
        Unauthorized: neither is there.
    """
    given = request.query_params.get("sig", "")
    if not hmac.compare_digest(given, _sign(secret, f"sas/{account}")):
        require_token(secret, request)
