"""Fake secrets, generated in each test run, so that no scanner finds them in this repository."""

from __future__ import annotations

import random
import string
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

ALNUM = string.ascii_letters + string.digits
B64 = ALNUM + "+/"
HEX = "0123456789abcdef"
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"

UPPER = string.ascii_uppercase + "23456789"
DIGITS = string.digits

# Text with the token at @, prefix, alphabet and length, end.
TOKENS: dict[str, tuple[str, str, str, int] | tuple[str, str, str, int, str]] = {
    "endpoint key": ('{"primaryKey": "@", "keyType": "Primary"}', "", ALNUM, 32),
    "key of 32 hex digits": ("api-key: @", "", HEX, 32),
    "bare AWS secret": ("AKIAQ2W3E4R5T6Y7U234 @", "", B64, 40),
    "AWS secret in CSV": (
        "User name,Access key ID,Secret access key\nci,AKIAQ2W3E4R5T6Y7U234,@", "", B64, 40,
    ),
    "Slack app": ("started with @", "xapp-1-A0123456789-", DIGITS, 13, "-" + "0a1b2c3d" * 8),
    "Slack workflow": ("https://hooks.slack.com/triggers/@", "T0123ABCD/", ALNUM, 40),
    "GitLab runner": ("registered by @", "glrt-", ALNUM, 20),
    "GitLab deployment": ("pulled with @", "gldt-", ALNUM, 20),
    "Docker": ("docker login of ada: @", "dckr_pat_", ALNUM, 27),
    "Docker organization": ("pushed with @", "dckr_oat_", ALNUM, 32),
    "Google key": ("maps: @", "AIza", ALNUM, 35),
    "Google refresh token": ("refreshed with @", "1//0", ALNUM, 60),
    "Google signed URL": (
        "https://storage.googleapis.com/b/o?X-Goog-Signature=@&x=1", "", HEX, 256,
    ),
    "W&B login": ("wandb login @", "", HEX, 40),
    "W&B variable": ("WANDB_API_KEY=@", "", HEX, 40),
    "Kaggle": ('{"username":"ada","key":"@"}', "", HEX, 32),
    "Groq": ("asked with @", "gsk_", ALNUM, 52),
    "Replicate": ("ran with @", "r8_", ALNUM, 37),
    "Terraform": ("planned with @", "a1B2c3D4e5F6g7.atlasv1.", ALNUM, 67),
    "Telegram": ("https://api.telegram.org/bot@/getMe", "1234567890:AA", ALNUM, 33),
    "Sentry user": ("released by @", "sntryu_", HEX, 64),
    "Sentry organization": (
        "uploaded by @", "sntrys_eyJpYXQiOjE3MDAwMDAwMDAsInVybCI6", ALNUM, 60, "_" + "aB3" * 14 + "c",
    ),
    "Sentry address": ("SENTRY_DSN: https://@@o1.ingest.sentry.io/2".replace("@@", "@\0"), "", HEX, 32),
    "Grafana account": ("pushed with @", "glsa_", ALNUM, 32, "_0a1b2c3d"),
    "Grafana cloud": ("pushed by @", "glc_", ALNUM, 80),
    "age": ("decrypted with @", "AGE-SECRET-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "PuTTY": (
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\n@\nPrivate-MAC: 0a",
        "", B64, 64,
    ),
    "cookie of a session": ("Set-Cookie: session=@; Path=/; HttpOnly", "", ALNUM, 40),
    "cookies of a request": ("Cookie: theme=dark; sessionid=@", "", ALNUM, 32),
    "Anthropic": ("asked by @", "sk-ant-api03-", ALNUM, 93, "AA"),
    "Perplexity": ("searched with @", "pplx-", ALNUM, 48),
    "Mailgun": ("sent with @", "key-", HEX, 32),
    "Mailchimp": ("sent by @", "", HEX, 32, "-us12"),
    "Twilio": ("called with @", "SK", HEX, 32),
    "Notion": ("read with @", "ntn_12345678901", ALNUM, 35),
    "Postman": ("collected with @", "PMAK-0123456789abcdef01234567-", HEX, 34),
    "Shopify": ("sold with @", "shpat_", HEX, 32),
    "New Relic": ("measured with @", "NRAK-", UPPER, 27),
    "Pulumi": ("deployed with @", "pul-", HEX, 40),
    "Artifactory": ("installed with @", "AKCp", ALNUM, 69),
    "Atlassian": ("asked by @", "ATATT3xFfGF0", ALNUM, 180),
    "xAI": ("asked with @", "xai-", ALNUM, 80),
    "LangSmith": ("traced with @", "lsv2_pt_", HEX, 32, "_0123456789"),
    "Dynatrace": ("watched with @", "dt0c01.ABCDEFGHIJKLMNOPQRSTUVWX.", UPPER, 64),
    "signed URL of S3": ("https://b.s3.amazonaws.com/o?X-Amz-Signature=@", "", HEX, 64),
}  # fmt: skip

# Text with a password at @; at @@ the password has the characters @ : /
PHRASES = {
    "DB_PASS": "DB_PASS=@",
    "pw": "pw = '@'",
    "PWD": "DRIVER={ODBC};UID=sa;PWD=@",
    "password in Japanese": "パスワード\uff1a@",
    "password in German": "Passwort: @",
    "password in French": "mot de passe : @",
    "numbered password": "PASSWORD_2=@",
    "password in prose": "the password is @",
    "curl": "curl -u ada:@ https://example.org/api",
    "curl with quotes": "curl --silent --user 'ada:@' https://example.org",
    "mysql": "mysql -u root -p@ shop",
    "login file": "machine example.org login ada password @",
    "password file of PostgreSQL": "db.example.org:5432:shop:ada:@",
    "database address": "postgresql://app:@@db.example.org:5432/m",
    "cache address": "redis://:@@cache:6380/0",
    "SQL user": "CREATE LOGIN ada WITH PASSWORD = '@';",
    "SQL identified by": "CREATE USER ada IDENTIFIED BY '@';",
    "HTML table": "<table><tr><th>DB_PASS</th><td>@</td></tr></table>",
    "column of an HTML table": (
        "<table><thead><tr><th></th><th>user</th><th>password</th></tr></thead>"
        "<tr><th>0</th><td>ada</td><td>@</td></tr></table>"
    ),
    "Markdown table": "| name | value |\n|---|---|\n| db_password | @ |",
    "column of a Markdown table": "| user | password |\n|---|---|\n| ada | @ |",
    "text table": "         name         value\n0        user           ada\n1    password  @",
    "column of a text table": "  user       password\n0  ada  @",
    "tabs": "user\tada\npassword\t@",
    "column of CSV": "user,password\nada,@",
}


@dataclass(frozen=True)
class Planted:
    """A text with a secret, and the part that must not be in any file."""

    form: str
    text: str
    secret: str


class Maker:
    """Generates secrets of more than ninety forms."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, alphabet: str, length: int) -> str:
        """Random characters, with a digit and a lower-case letter if the alphabet has them."""
        while True:
            created = "".join(self._random.choice(alphabet) for _ in range(length))
            required = [
                set(kind) & set(alphabet) for kind in (string.digits, string.ascii_lowercase)
            ]
            if all(not kind or kind & set(created) for kind in required):
                return created

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
            **{name: partial(self.token, *token) for name, token in TOKENS.items()},
            **{name: partial(self.phrase, template) for name, template in PHRASES.items()},
            "base64 of a setting": lambda: self.encoded("DB_PASS=@"),
            "base64 of a token": lambda: self.encoded("ghp_@", 36),
            "base64 of an address": lambda: self.encoded("postgresql://app:@@db:5432/m"),
            "login of a registry": lambda: self.encoded(
                "ada:@", template='{"auths": {"r.example.org": {"auth": "@"}}}'
            ),
        }  # fmt: skip

    def token(
        self, template: str, prefix: str, alphabet: str, length: int, end: str = ""
    ) -> tuple[str, str]:
        """A token in an issuer's format, and a text with it."""
        created = f"{prefix}{self.of(alphabet, length)}{end}"
        return template.replace("@", created), created

    def phrase(self, template: str) -> tuple[str, str]:
        """A password that a person made up, and a text with it."""
        created = (
            f"{self.of(string.ascii_lowercase, 4)}-{self.of(ALNUM, 4)}!{self.of('0123456789', 3)}"
        )
        if "@@" in template:  # an address
            created = f"{created[:4]}@{created[5:8]}:{created[9:]}/{created[-2:]}"
            return template.replace("@@", f"{created}@"), created
        return template.replace("@", created), created

    def encoded(self, clear: str, length: int = 14, template: str = "data: @") -> tuple[str, str]:
        """A text with the base64 form of a text with a secret."""
        created = b64encode(clear.replace("@", self.of(ALNUM, length), 1).encode()).decode()
        return template.replace("@", created), created

    def plant(self, form: str) -> Planted:
        """A secret of one form."""
        text, secret = self.forms()[form]()
        return Planted(form, text.replace("\0", "@"), secret)
