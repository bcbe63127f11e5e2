"""Logins by workload identity federation, with ID tokens that expire.

An AzureCLI task of Azure Pipelines exchanges an ID token for an access token of Azure Resource
Manager. The ID token is valid for about ten minutes. An access token is valid for about one hour,
and the Azure CLI stores it in its cache. So after ten minutes only resources with a token in the
cache can be used, and after one hour none.
Sources: azure-cli issue 28708, azure-pipelines-tasks PR 19989.

A client requests such a login in its ``X-IDENTITY-HEADER``, as pipelines-local does:
``HEADER;login=ID,TIME,SECONDS`` has the time of the login in seconds since 1970 and the lifetime of
its ID token. This is a simulation and protects nothing: a client can leave the login out.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from azureml_local.errors import BadRequest

ACCESS_TOKEN_LIFETIME = 6
"""The lifetime of an access token in lifetimes of an ID token: one hour in ten minutes."""
ERROR_CODE = "AADSTS700024"
_SEPARATOR = ";login="
_LOGIN = re.compile(r"([0-9a-f]{8,64}),(\d{1,12}(?:\.\d+)?),(\d{1,6}(?:\.\d+)?)")
_PUBLIC_RESOURCE_MANAGER = ("https://management.azure.com", "https://management.core.windows.net")


class IdTokenExpired(Exception):
    """The login has no valid ID token to get an access token for this resource."""

    def __init__(self, login: Login, now: float) -> None:
        def text(seconds: float) -> str:
            return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")

        super().__init__(
            f"{ERROR_CODE}: Client assertion is not within its valid time range. "
            f"Current time: {text(now)}, assertion valid from {text(login.time)}, expiry time of "
            f"assertion {text(login.id_token_expiry)}. Set keepAzSessionActive: true in the "
            "AzureCLI step. (Simulated by azureml-local; --id-token-seconds of pipelines-local "
            "sets the lifetime of the ID token.)"
        )


@dataclass(frozen=True)
class Login:
    """A login; times are in seconds since 1970."""

    id: str
    time: float
    id_token_seconds: float

    @property
    def id_token_expiry(self) -> float:
        """When the ID token expires."""
        return self.time + self.id_token_seconds

    def access_token_expiry(self, issued: float) -> int:
        """When an access token expires that was issued at this time, in whole seconds."""
        return math.ceil(issued + ACCESS_TOKEN_LIFETIME * self.id_token_seconds)


def split_header(header: str) -> tuple[str, Login | None]:
    """Return the identity header without the login, and the login if there is one.

    Raises:
        BadRequest: the login has another form.
    """
    identity, separator, text = header.partition(_SEPARATOR)
    if not separator:
        return identity, None
    match = _LOGIN.fullmatch(text)
    if match is None or float(match[3]) <= 0:
        raise BadRequest("X-IDENTITY-HEADER: the login must be ID,TIME,SECONDS")
    return identity, Login(match[1], float(match[2]), float(match[3]))


class TokenCaches:
    """The access tokens of each login, as the cache of the Azure CLI in a step has them."""

    def __init__(self, resource_manager: str) -> None:
        """Start without tokens; ``resource_manager`` is the address of this server."""
        self._resource_managers = {
            _normalize(each) for each in (resource_manager, *_PUBLIC_RESOURCE_MANAGER)
        }
        self._expiries: dict[tuple[str, str], int] = {}

    def token_expiry(self, login: Login, resource: str, now: float | None = None) -> int:
        """Return when the token for a resource expires, in seconds since 1970.

        The token is a cached one, or a new one while the ID token is valid.

        Raises:
            IdTokenExpired: there is neither.
        """
        now = time.time() if now is None else now
        key = login.id, _normalize(resource)
        if key[1] in self._resource_managers:  # `az login` gets this token
            self._expiries.setdefault(key, login.access_token_expiry(login.time))
        cached = self._expiries.get(key)
        if cached is not None and cached > now:
            return cached
        if now >= login.id_token_expiry:
            raise IdTokenExpired(login, now)
        self._expiries = {each: at for each, at in self._expiries.items() if at > now}
        self._expiries[key] = login.access_token_expiry(now)
        return self._expiries[key]


def _normalize(resource: str) -> str:
    return resource.rstrip("/").lower()
