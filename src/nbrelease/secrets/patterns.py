"""Patterns of secrets by their own format: of Azure, of protocols and files, of other issuers."""

from __future__ import annotations

import re

from nbrelease.secrets.encoded import decode
from nbrelease.secrets.issuers import ISSUERS
from nbrelease.secrets.pattern import (
    B64,
    EQUALS,
    PLACEHOLDER,
    WORD,
    SecretPattern,
    has_mixed_case,
    looks_random,
    pattern,
)

# Maps the characters of Azure DevOps tokens to x: 52 of them in a row are then a substring search.
_TOKEN_CHARACTERS = bytes(
    b"x"[0] if chr(n) in "abcdefghijklmnopqrstuvwxyz234567" else 0 for n in range(256)
)


def _has_token_characters(text: str) -> bool:
    return b"x" * 52 in text.encode("utf-8", "replace").translate(_TOKEN_CHARACTERS)


# Identifiable Azure keys contain a signature of the service near the end. The list is in
# https://github.com/microsoft/security-utilities
AZURE_SIGNATURES = r"\+ASt|\+?ACDb|\+ASb|\+AEh|\+ABa|\+ARm|AIoT|AzFu|AzSe|AzCa|\+ACR|APIM|JQQJ9[9D]"

AZURE: tuple[SecretPattern, ...] = (
    pattern(
        "an Azure storage account key",
        rf"(?i:AccountKey){EQUALS}(?P<s>[{B64}%]{{20,}}={{0,2}})",
        "AccountKey",
    ),
    pattern(
        "an Azure shared access signature",
        rf"(?:(?<![A-Za-z0-9_])|(?<=u0026)|(?<=%26))sig{EQUALS}(?P<s>[A-Za-z0-9%+/_-]{{20,}}={{0,2}})",
        "sig=",
        "sig%",
    ),
    pattern(
        "an Azure Service Bus or Event Hubs key",
        rf"(?i:SharedAccessKey){EQUALS}(?P<s>[{B64}%]{{20,}}={{0,2}})",
        "SharedAccessKey",
    ),
    pattern(
        "an Application Insights connection string",
        rf"(?i:InstrumentationKey){EQUALS}(?P<s>[0-9A-Fa-f-]{{32,36}})",
        "InstrumentationKey",
    ),
    # A SHA-512 digest has 88 characters too; npm writes it as sha512-...
    pattern(
        "a 512-bit key",
        rf"(?<![{B64}=])(?<!sha512-)[{B64}]{{86}}==(?![{B64}=])",
        "==",
        check=has_mixed_case,
    ),
    pattern(
        "an identifiable Azure key",
        rf"(?<![{B64}_-])[{B64}_-]{{33,80}}(?:{AZURE_SIGNATURES})[{B64}]{{4,27}}={{0,2}}(?![{B64}=])",
        *("+ast", "acdb", "+asb", "+aeh", "+aba", "+arm", "aiot", "azfu", "azse", "azca"),
        *("+acr", "apim", "jqqj9"),
        check=has_mixed_case,
    ),
    pattern(
        "a Microsoft Entra ID client secret",
        r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])",
        "q~",
    ),
    pattern(
        "an Azure DevOps personal access token",
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])",
        "azdo",
    ),
    pattern(
        "an Azure DevOps personal access token",
        r"(?<![A-Za-z0-9])(?=[a-z]*[2-7])[a-z2-7]{52}(?![A-Za-z0-9])",
        likely=_has_token_characters,
    ),
)

# A host after the @ of an address.
_HOST = r"(?=(?:[\w-]+\.)*[\w-]+(?:[:/?\s\"'<>),;]|$)|\[)"


def _has_random_value(text: str) -> bool:
    """Whether one of the values of a cookie header looks random."""
    return any(looks_random(value) for value in re.split(r"[=;\s]+", text))


def _is_password(text: str) -> bool:
    return not PLACEHOLDER.match(text)


def _is_no_word(text: str) -> bool:
    return _is_password(text) and not text.isalpha()


def _is_password_of_database(text: str) -> bool:
    """Not the port and the path of an address with an @ in its query."""
    port = text.partition("/")[0].partition("?")[0]
    return _is_password(text) and not (port.isdigit() and len(port) < len(text))


PROTOCOLS: tuple[SecretPattern, ...] = (
    pattern(
        "an authorization header",
        r"(?i:authorization[\"']?\s*(?:[:=,]|%3A)\s*[\"']?(?:bearer|basic|token|apikey)\s+)"
        r"(?P<s>[A-Za-z0-9._~+/=-]{6,})",
        "authorization",
        check=_is_password,
        multiline=True,
    ),
    pattern(
        "a bearer token",
        r"[Bb]earer(?<!\w[Bb]earer)\s+(?P<s>[A-Za-z0-9._~+/-]{16,}=*)",
        "bearer",
        check=looks_random,
        multiline=True,
    ),
    pattern(
        "a JSON web token",
        rf"(?<![{WORD}])eyJ[{WORD}]{{10,}}(?:\.[{WORD}]{{6,}}){{2,4}}",
        "eyj",
    ),
    pattern(
        "a private key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?P<s>(?:\\[rn]|[\s\"',]|(?!-----)[A-Za-z0-9+/=:.() \\-]){40,}+)",
        "private key",
        multiline=True,
    ),
    pattern(
        "a password in a URL",
        rf"(?i)\b[a-z][a-z0-9+.-]{{1,30}}://[^\s:/@\"'<>]{{0,128}}:(?P<s>[^\s/\"'<>]{{3,256}})@{_HOST}",
        "://",
        check=_is_password_of_database,
    ),
    # In the address of a database a password often has the characters @ : / unescaped.
    pattern(
        "a password in a URL",
        r"(?i)\b(?!(?:https?|file|wss?|azureml|abfss?|wasbs?|s3|gs)\b)[a-z][a-z0-9+.-]{1,30}://"
        rf"[^\s:/@\"'<>]{{0,128}}:(?P<s>[^\s\"'<>]{{3,256}})@{_HOST}",
        "://",
        check=_is_password_of_database,
    ),
    pattern(
        "a key in a URL",
        r"(?i)[?&](?:amp;|u0026)?(?!casa_token)"  # see names.PUBLIC
        r"(?:code|key|token|auth|sas|[a-z_-]{0,20}[-_](?:key|token|auth))"
        rf"{EQUALS}(?P<s>[^\s&\"'<>#\\(){{}}]{{16,}})",
        *("code=", "key=", "token=", "auth=", "sas="),
        check=looks_random,
    ),
    pattern(
        "a password of a command",
        r"\bcurl\b[^\n|]*?(?:\s|[\"'])(?:-u|--user|-U|--proxy-user)(?:[ =]*|[\"'],\s*)"
        r"(?:\"[^\":]*:(?P<a>[^\"\n]{3,256})\"|'[^':]*:(?P<b>[^'\n]{3,256})'|"
        r"[^\s:\"']+:(?P<c>[^\s\"']{3,256}))",
        "curl",
        check=_is_password,
    ),
    pattern(
        "a password of a command",
        r"\b(?:mysql(?:dump|admin|import)?|mariadb|sshpass)\b[^\n|]*?\s-p ?[\"']?"
        r"(?P<s>[^\s\"'-][^\s\"']{5,})",
        *("mysql", "mariadb", "sshpass"),
        check=_is_no_word,
    ),
    pattern(
        "a password in a login file",
        r"\blogin\s+\S+\s+password\s+(?P<s>\S{4,256})",
        "password",
        check=_is_password,
        multiline=True,
    ),
    pattern(
        "a password in a login file",
        r"(?<![\w.*-])[\w.*-]+:\d{2,5}:[\w*-]+:[\w.@-]+:(?P<s>[^\s\"'\\<]{6,256})",
        *(":5432:", ":5433:", ":6432:"),
        check=_is_no_word,
    ),
    pattern(
        "a login of a container registry",
        rf"auth(?:\\*\"|'|&quot;)\s*:\s*(?:\\*\"|'|&quot;)(?P<s>[{B64}]{{12,}}={{0,2}})",
        *('auth"', "auth\\", "auth'", "auth&quot;"),
        check=lambda text: ":" in (decode(text) or ""),
    ),
    pattern(
        "a password in SQL",
        r"(?i)\bpassword\s+'(?P<s>[^'\n]{6,256})'",
        "password '",
        check=_is_no_word,
    ),
    pattern(
        "a password of a cache",
        r"\brequirepass\s+(?P<s>[^\s\"'<]{6,256})",
        "requirepass",
        check=_is_password,
    ),
    pattern(
        "a key of a service",
        r"(?i)\bkey ?\d?[ ]+(?P<s>(?-i:[A-Za-z0-9]{32}))\b",
        "key",
        check=has_mixed_case,
    ),
    pattern(
        "a password in SQL",
        r"(?i)\bidentified\s+(?:with\s+\S+\s+)?by\s+(?:password\s+)?(?:'|&\#x27;|&\#39;)(?P<s>[^'\n&]{3,256})",
        "identified",
        check=_is_password,
    ),
    pattern(
        "a private key",
        r"Private-Lines:\s*\d+(?P<s>(?:\\[rn]|[\s\"',]|(?!Private-MAC)[A-Za-z0-9+/=]){20,}+)",
        "private-lines",
        multiline=True,
    ),
    pattern(
        "a cookie",
        r"(?i)(?:\bset-cookie|(?<![\w-])cookie)[\"']?\s*[:=]\s*[\"']?(?P<s>[^\s\"'<>=;,(){}]{1,64}=[^\n\"'<>]{8,4096})",
        "cookie",
        check=_has_random_value,
    ),
    pattern("a cookie", r"<Cookie [^\s=]+=(?P<s>\S{8,4096}) for ", "<cookie"),
)

PATTERNS = AZURE + PROTOCOLS + ISSUERS
