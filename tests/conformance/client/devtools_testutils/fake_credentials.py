"""The credential of tests that play recordings."""

from __future__ import annotations

from typing import Any

from azure.core.credentials import AccessToken

SANITIZED = "Sanitized"


class FakeTokenCredential:
    def get_token(self, *args: Any, **kwargs: Any) -> AccessToken:
        return AccessToken("fake", 4102444800)
