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
from typing import Any

from starlette.requests import Request

from azureml_local.errors import Forbidden, Unauthorized
from azureml_local.state import workspace_key

VALID_SECONDS = 10 * 365 * 24 * 3600
TENANT = "00000000-0000-0000-0000-000000000000"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _sign(secret: str, text: str) -> str:
    digest = hmac.new(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def identity_header(secret: str, workspace: str = "") -> str:
    """What a client shows to get tokens: for everything, or for one workspace alone.

    Jobs get the second kind, so that none of them reaches another workspace by it.
    """
    return f"{workspace}.{_sign(secret, f'identity/{workspace}')}"


def identity_scope(secret: str, given: str) -> str:
    """The workspace's key that an identity is good for; empty where it is good for all.

    Raises:
        Unauthorized: this server did not give it out.
    """
    workspace = given.partition(".")[0]
    if not equal_in_constant_time(given, identity_header(secret, workspace)):
        raise Unauthorized("X-IDENTITY-HEADER is not this server's")
    return workspace


def issue_token(secret: str, audience: str, workspace: str = "") -> tuple[str, int]:
    """A token for an audience, and when it ends (seconds since 1970)."""
    expires = int(time.time()) + VALID_SECONDS
    said = {"aud": audience, "tid": TENANT, "oid": TENANT, "exp": expires, "iss": "azureml-local"}
    return sign_token(secret, {**said, "ws": workspace}), expires


def sign_token(secret: str, said: dict[str, Any]) -> str:
    """A token that says ``said``; ``exp`` is when it ends."""
    text = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(said)}"
    return f"{text}.{_sign(secret, text)}"


def decode_token(secret: str, value: str) -> dict[str, Any] | None:
    """What a token says; None where this server did not give it out, or it has ended."""
    text, _, signature = value.rpartition(".")
    if not equal_in_constant_time(signature, _sign(secret, text)):
        return None
    middle = text.partition(".")[2]
    padded = middle + "=" * (-len(middle) % 4)
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return found if found["exp"] > time.time() else None


def valid_token(secret: str, value: str) -> bool:
    """Whether this server gave the token out and it has not ended."""
    return decode_token(secret, value) is not None


def require_token(secret: str, request: Request) -> None:
    """Let only requests with one of our tokens pass, and only to the workspace that it is for.

    Raises:
        Unauthorized: it has none, or another.
        Forbidden: the token is a job's, and the request is for another workspace.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    found = decode_token(secret, value.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        raise Unauthorized(
            "no valid token; clients get one through the variables that azureml-local env prints"
        )
    if found.get("ws") and found["ws"] != _key_in(request):
        raise Forbidden("this token is a job's, and good for the job's own workspace alone")


def _key_in(request: Request) -> str:
    """The key of the workspace that a request's path names."""
    found = request.path_params
    if "workspace" in found:
        return workspace_key(found["subscription"], found["group"], found["workspace"])
    return str(found.get("key") or found.get("account") or "")


def sas_token(secret: str, account: str) -> str:
    """The shared access signature of a storage account, as the query of an address."""
    return f"sv=2026-10-06&sr=c&sp=racwdl&sig={_sign(secret, f'sas/{account}')}"


def require_signature(secret: str, account: str, request: Request) -> None:
    """Let only requests pass that carry the account's signature, or one of our tokens.

    Raises:
        Forbidden: the signature is not the account's.
        Unauthorized: there is neither.
    """
    given = request.query_params.get("sig")
    if given is None:
        require_token(secret, request)
    elif not equal_in_constant_time(given, _sign(secret, f"sas/{account}")):
        raise Forbidden("Signature did not match.", "AuthenticationFailed")


def page_key(secret: str, workspace: str) -> str:
    """What the address of a workspace's pages carries: it opens them, and nothing else."""
    return _sign(secret, f"studio/{workspace}")


def require_page_key(secret: str, workspace: str, given: str) -> None:
    """Let only those see a workspace's pages who have its address from this server.

    Raises:
        Forbidden: the key is missing or another one.
    """
    if not equal_in_constant_time(given, page_key(secret, workspace)):
        raise Forbidden("open this page by the link that the SDK or azureml-local printed")


def equal_in_constant_time(given: str, right: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
