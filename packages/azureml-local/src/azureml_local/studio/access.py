"""Access to the studio pages, by a key in the link or by a cookie.

The key is an HMAC of the server's secret. It opens the pages of one workspace, or of all
(``azureml-local studio``), and nothing else. The first request with a key gets a cookie
(``HttpOnly``, ``Secure``, ``SameSite=Lax``, for the path of the pages) and a redirect to the
address without the key, so that the key is not in the browser's history. Requests without key and
cookie are refused. The ``Host`` header must name this server, against DNS rebinding, and the
``Origin`` of a form must be this server.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from azureml_local.errors import Forbidden
from azureml_local.identity import auth
from azureml_local.state import State

ROOT = "/studio/"
ALL = ""
"""The workspace key for the pages of all workspaces."""
NAMES = ("localhost", "127.0.0.1")
COOKIE_SECONDS = 30 * 24 * 3600
READ_METHODS = ("GET", "HEAD")


def link(state: State, workspace: str = ALL, path: str = "") -> str:
    """A link with the key to the pages of a workspace, or of all."""
    place = f"{workspace}/{path}" if workspace else path
    return f"{state.url}{ROOT}{place}?key={auth.page_key(state.secret, workspace)}"


def check_access(state: State, request: Request, workspace: str = ALL) -> Response | None:
    """Accept a request (None), or redirect it to the same address without the key.

    Raises:
        Forbidden: it has no valid key or cookie, or comes from another host or page.
    """
    url = urlsplit(state.url)
    if request.headers.get("host") not in [f"{name}:{url.port}" for name in NAMES]:
        raise Forbidden("use localhost as host name for these pages")
    key = request.query_params.get("key")
    if key is not None and request.method in READ_METHODS:
        auth.require_page_key(state.secret, workspace, key)
        return _redirect_without_key(request, workspace, key)
    cookies = request.cookies
    if not any(
        auth.equal_in_constant_time(
            cookies.get(_cookie(each), ""), auth.page_key(state.secret, each)
        )
        for each in {workspace, ALL}
    ):
        raise Forbidden(
            "open this page with the link that the SDK or `azureml-local studio` prints"
        )
    if request.method not in READ_METHODS:
        allowed = [f"https://{name}:{url.port}" for name in NAMES]
        if request.headers.get("origin") not in allowed:
            raise Forbidden("this request was not sent by a page of this server")
    return None


def _redirect_without_key(request: Request, workspace: str, key: str) -> Response:
    # The SDK adds the tenant (tid) to every link.
    items = request.query_params.multi_items()
    query = [(name, value) for name, value in items if name not in ("key", "tid")]
    target = URL(path=request.url.path, query=urlencode(query))
    response = RedirectResponse(str(target), status_code=303)
    response.set_cookie(
        _cookie(workspace),
        key,
        max_age=COOKIE_SECONDS,
        path=f"{ROOT}{workspace}".rstrip("/"),
        secure=True,
        httponly=True,
        samesite="lax",
    )
    response.headers["referrer-policy"] = "no-referrer"
    return response


def _cookie(workspace: str) -> str:
    return f"azureml-local-{workspace or 'all'}"


def new_nonce() -> str:
    """A nonce for the style and the script of one response."""
    return secrets.token_urlsafe(16)


def headers(nonce: str) -> dict[str, str]:
    """The security headers of a page: no external content, no frames, only its own script."""
    return {
        "content-security-policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",  # with no-referrer, forms would send no origin
        "cache-control": "no-store",
    }
