"""Requests to the server of the local workspace; they do not need the SDK."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from azureml_local.az.errors import AzError, NotFound
from azureml_local.identity.federated_logins import ERROR_CODE
from azureml_local.json_fields import JsonObject, as_document

TIMEOUT_SECONDS = 60.0
HEADER = "IDENTITY_HEADER"


class AccessToken(TypedDict):
    """A token for a resource."""

    access_token: str
    expires_on: str
    resource: str
    token_type: str


@dataclass(frozen=True)
class ServerClient:
    """A client of a running server.

    Attributes:
        url: the server's address.
        env: the client environment.
    """

    url: str
    env: dict[str, str]

    @classmethod
    def from_folder(cls, data: Path) -> ServerClient:
        """The client of the server of a data folder.

        Raises:
            AzError: no server is running.
        """
        from azureml_local.server_file import read_server_file

        content = read_server_file(data)
        if content is None:
            raise AzError(
                f"the local workspace in {data} is not running; start it: azureml-local start"
            )
        env = dict(content["env"])
        header = os.environ.get(HEADER, "")
        if header.startswith(f"{env[HEADER]};"):  # with the login of a pipeline step
            env[HEADER] = header
        return cls(content["url"], env)

    def token(self, resource: str) -> AccessToken:
        """A token for a resource."""
        query = urllib.parse.urlencode({"resource": resource, "api-version": "2019-08-01"})
        headers = {"X-IDENTITY-HEADER": self.env[HEADER]}
        url = f"{self.env['IDENTITY_ENDPOINT']}?{query}"
        return as_document(AccessToken, self._send("GET", url, headers))

    def request(self, method: str, path: str) -> JsonObject:
        """Send a request with a token.

        Raises:
            NotFound: status 404.
            AzError: another error.
        """
        token = self.token(f"{self.url}/")["access_token"]
        return self._send(method, self.url + path, {"Authorization": f"Bearer {token}"})

    def _send(self, method: str, url: str, headers: dict[str, str]) -> JsonObject:
        request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310
        context = ssl.create_default_context(capath=self.env["REQUESTS_CA_BUNDLE"])
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
        opener = urllib.request.build_opener(*handlers)
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                content: JsonObject = json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            if ERROR_CODE in text:
                text = json.loads(text)["message"]
            raise (NotFound if error.code == 404 else AzError)(text) from None
        except urllib.error.URLError as error:
            raise AzError(f"the local workspace does not respond: {error.reason}") from None
        return content
