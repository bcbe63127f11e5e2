"""Fake secrets, generated in each test run, so that no scanner finds them in this repository."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits
B64 = ALNUM + "+/"
HEX = "0123456789abcdef"
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Planted:
    """A text with a secret, and the part that must not be in any file."""

    form: str
    text: str
    secret: str


class Maker:
    """Generates secrets of twenty forms."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, alphabet: str, length: int) -> str:
        """Random characters, with a digit and a lower-case letter if the alphabet has them."""
        while True:
            made = "".join(self._random.choice(alphabet) for _ in range(length))
            required = [
                set(kind) & set(alphabet) for kind in (string.digits, string.ascii_lowercase)
            ]
            if all(not kind or kind & set(made) for kind in required):
                return made

    def forms(self) -> dict[str, Callable[[], tuple[str, str]]]:
        """Functions that return (text, secret), by form."""

        def text(template: str, alphabet: str, length: int, end: str = "") -> tuple[str, str]:
            secret = self.of(alphabet, length) + end
            return template.replace("@", secret), secret

        return {
            "storage key": lambda: text(
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=@;"
                "EndpointSuffix=core.windows.net", B64, 86, "==",
            ),
            "SAS": lambda: text(
                "https://a.blob.core.windows.net/c/x.csv?sv=2024-11-04&sp=r&sig=@&se=2026", ALNUM,
                43, "%3D",
            ),
            "service bus": lambda: text(
                "Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=Root;"
                "SharedAccessKey=@", B64, 43, "=",
            ),
            "bare key of 512 bits": lambda: text("key1 @ of the account", B64, 86, "=="),
            "identifiable key": lambda: (lambda key: (f"the key {key} of the registry", key))(
                f"{self.of(ALNUM, 42)}+ACR{self.of(ALNUM, 6)}"
            ),
            "client secret": lambda: (lambda key: (f"app secret {key}.", key))(
                f"{self.of(ALNUM, 3)}8Q~{self.of(ALNUM, 34)}"
            ),
            "Azure DevOps token": lambda: text("pat of the agent: @", BASE32, 52),
            "new Azure DevOps token": lambda: (lambda key: (f"logged in with {key}", key))(
                f"{self.of(ALNUM, 76)}AZDO{self.of(ALNUM, 4)}"
            ),
            "bearer": lambda: text("Authorization: Bearer @", ALNUM + "._-", 40),
            "basic": lambda: text("authorization: Basic @", ALNUM, 30, "=="),
            "JSON web token": lambda: (lambda key: (f"id_token {key}", key))(
                f"eyJ{self.of(ALNUM, 30)}.eyJ{self.of(ALNUM, 60)}.{self.of(ALNUM, 43)}"
            ),
            "private key": lambda: (lambda body: (
                f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----", body
            ))("\n".join(self.of(B64, 64) for _ in range(3))),
            "address": lambda: text("postgresql://app:@@db.example.org:5432/m".replace(
                "@@", "@\0"), ALNUM, 14),
            "SQL": lambda: text(
                "Server=tcp:s.database.windows.net;User ID=app;Password=@!;Encrypt=True", ALNUM, 14
            ),
            "AWS": lambda: (lambda key: (f"profile {key} is used", key))(
                f"AKIA{self.of(string.ascii_uppercase + '234567', 16)}"
            ),
            "AWS secret": lambda: text("aws_secret_access_key = @", B64, 40),
            "GitHub": lambda: (lambda key: (f"cloned with {key}", key))(f"ghp_{self.of(ALNUM, 36)}"),
            "API key": lambda: (lambda key: (f"asked with {key}", key))(
                f"sk-proj-{self.of(ALNUM, 40)}"
            ),
            "cognitive services": lambda: text("Ocp-Apim-Subscription-Key: @", HEX, 32),
            "function": lambda: text("https://f.azurewebsites.net/api/score?code=@", ALNUM, 54, "=="),
        }  # fmt: skip

    def plant(self, form: str) -> Planted:
        """A secret of one form."""
        text, secret = self.forms()[form]()
        return Planted(form, text.replace("\0", "@"), secret)
