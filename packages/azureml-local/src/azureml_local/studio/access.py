"""Who may see the pages: browsers that were led there by a link of this server.

A link carries a key, an HMAC of the server's secret that is good for the pages of one workspace
(or, from ``azureml-local studio``, of all) and for nothing else. The first request with it gets a
cookie instead, ``HttpOnly``, ``Secure``, ``SameSite=Lax`` and for the pages' path alone, and is led
on to the address without the key, so that it stays in no history. Whoever has neither is refused.
Beyond that a request must name this server as its host, which a page that was rebound to loopback
cannot; and one that changes something must come from a page of this server (``Origin``).
"""

from __future__ import annotations

import secrets
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from azureml_local import auth
from azureml_local.errors import Forbidden
from azureml_local.state import State

ROOT = "/studio/"
ALL = ""
"""In place of a workspace's key: the pages of all."""
NAMES = ("localhost", "127.0.0.1")
COOKIE_SECONDS = 30 * 24 * 3600
SAFE = ("GET", "HEAD")


def link(state: State, workspace: str = ALL, path: str = "") -> str:
    """An address that opens the pages of a workspace, or of all."""
    place = f"{workspace}/{path}" if workspace else path
    return f"{state.url}{ROOT}{place}?key={auth.page_key(state.secret, workspace)}"


def admit(state: State, request: Request, workspace: str = ALL) -> Response | None:
    """Let a request pass, or lead it on to the same address without the key in it.

    Raises:
        Forbidden: it has no key and no cookie of this server, or comes from elsewhere.
    """
    url = urlsplit(state.url)
    if request.headers.get("host") not in [f"{name}:{url.port}" for name in NAMES]:
        raise Forbidden("these pages are shown under localhost alone")
    given = request.query_params.get("key")
    if given is not None and request.method in SAFE:
        auth.require_page_key(state.secret, workspace, given)
        return _led_on(request, workspace, given)
    cookies = request.cookies
    if not any(
        auth.equal_in_constant_time(
            cookies.get(_cookie(each), ""), auth.page_key(state.secret, each)
        )
        for each in {workspace, ALL}
    ):
        raise Forbidden("open this page by the link that the SDK or azureml-local studio prints")
    if request.method not in SAFE:
        allowed = [f"https://{name}:{url.port}" for name in NAMES]
        if request.headers.get("origin") not in allowed:
            raise Forbidden("this request does not come from a page of this server")
    return None


def _led_on(request: Request, workspace: str, key: str) -> Response:
    # The SDK adds the tenant (tid) to every link.
    given = request.query_params.multi_items()
    kept = [(name, value) for name, value in given if name not in ("key", "tid")]
    target = URL(path=request.url.path, query=urlencode(kept))
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


def nonce() -> str:
    """What marks the style and the script of one answer as the page's own."""
    return secrets.token_urlsafe(16)


def headers(own: str) -> dict[str, str]:
    """The headers of a page: nothing from elsewhere, no frame, no script but its own."""
    return {
        "content-security-policy": (
            f"default-src 'none'; style-src 'nonce-{own}'; script-src 'nonce-{own}'; "
            "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",  # with none at all a form would name no origin
        "cache-control": "no-store",
    }
