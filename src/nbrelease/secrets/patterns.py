"""Patterns of secrets: formats that issuers document, and names of secret values.

A *pattern* recognizes a secret by its own format: prefix, length, position of a checksum. A *name*
recognizes the value after it (``password = ...``, ``"apiKey": "..."``). Only the group ``s`` of a
pattern is masked; the rest stays readable. Each pattern has hints: words that are in every text it
matches. Searching for hints is much faster than matching, and most texts contain none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nbrelease.secrets.lines import lines_with

EQUALS = r"(?:=|%3[dD]|%253[dD])"
B64 = r"A-Za-z0-9+/"
WORD = r"A-Za-z0-9_-"


@dataclass(frozen=True)
class SecretPattern:
    """The pattern of one kind of secret.

    Attributes:
        kind: the kind of secret, with its article.
        expression: its group ``s`` is the secret; without that group, the whole match is.
        hints: one of them is in the line of every match, in any case; if empty, ``likely`` decides.
        check: whether the text of a match is a secret.
        multiline: whether a match can span several lines.
        likely: whether a text is worth matching; used without hints.
    """

    kind: str
    expression: re.Pattern[str]
    hints: tuple[str, ...]
    check: Callable[[str], bool] = lambda _: True
    multiline: bool = False
    likely: Callable[[str], bool] = lambda _: True

    def spans(self, text: str, lower: str) -> Iterator[tuple[int, int]]:
        """The (start, end) of each secret; ``lower`` is the text in lower case."""
        group = "s" if "s" in self.expression.groupindex else 0
        for start, end in self._regions(text, lower):
            for match in self.expression.finditer(text, start, end):
                if match[group] and self.check(match[group]):
                    yield match.span(group)

    def _regions(self, text: str, lower: str) -> list[tuple[int, int]]:
        """The parts of the text that may contain a match."""
        if not self.hints:
            return [(0, len(text))] if self.likely(text) else []
        if self.multiline:
            return [(0, len(text))] if any(hint in lower for hint in self.hints) else []
        return lines_with(lower, self.hints)


def looks_random(text: str) -> bool:
    """Whether letters and digits are mixed as in no word or identifier."""
    return (
        len(text) >= 16
        and any(char.isdigit() for char in text)
        and any(char.isalpha() for char in text)
        and len(set(text)) >= 8
    )


def _has_mixed_case(text: str) -> bool:
    """Whether there are digits and both cases, unlike in CSS classes (``sk-toggleable__label``)."""
    return (
        any(char.isdigit() for char in text)
        and any(char.isupper() for char in text)
        and any(char.islower() for char in text)
    )


# Maps the characters of Azure DevOps tokens to x: 52 of them in a row are then a substring search.
_TOKEN_CHARACTERS = bytes(
    b"x"[0] if chr(n) in "abcdefghijklmnopqrstuvwxyz234567" else 0 for n in range(256)
)


def _has_token_characters(text: str) -> bool:
    return b"x" * 52 in text.encode("utf-8", "replace").translate(_TOKEN_CHARACTERS)


def _pattern(kind: str, expression: str, *hints: str, **more: Any) -> SecretPattern:
    return SecretPattern(
        kind, re.compile(expression), tuple(hint.lower() for hint in hints), **more
    )


# Text in place of a secret: a template variable, a word of documentation, a mask.
PLACEHOLDER = re.compile(
    r"^(?:|<.*>|\{.*\}|\[.*\]|\*+.*|x+|\.+|-+|…|%\(\w+\)s|\$[({].*[)}]|env:\w+[:.]?|&lt;.*&gt;|"
    r"change[-_ ]?me|your[-_ ].*|none|null|todo|true|false|undefined|string|str|bytes|required|"
    r"optional|default|hidden|redacted|masked|password|passwd|secret|token|key)$",
    re.IGNORECASE,
)

# Identifiable Azure keys contain a signature of the service near the end. The list is in
# https://github.com/microsoft/security-utilities
AZURE_SIGNATURES = r"\+ASt|\+?ACDb|\+ASb|\+AEh|\+ABa|\+ARm|AIoT|AzFu|AzSe|AzCa|\+ACR|APIM|JQQJ9[9D]"

PATTERNS: tuple[SecretPattern, ...] = (
    _pattern(
        "an Azure storage account key",
        rf"(?i:AccountKey){EQUALS}(?P<s>[{B64}%]{{20,}}={{0,2}})",
        "AccountKey",
    ),
    _pattern(
        "an Azure shared access signature",
        rf"(?:(?<![A-Za-z0-9_])|(?<=u0026)|(?<=%26))sig{EQUALS}(?P<s>[A-Za-z0-9%+/_-]{{20,}}={{0,2}})",
        "sig=",
        "sig%",
    ),
    _pattern(
        "an Azure Service Bus or Event Hubs key",
        rf"(?i:SharedAccessKey){EQUALS}(?P<s>[{B64}%]{{20,}}={{0,2}})",
        "SharedAccessKey",
    ),
    _pattern(
        "an Application Insights connection string",
        rf"(?i:InstrumentationKey){EQUALS}(?P<s>[0-9A-Fa-f-]{{32,36}})",
        "InstrumentationKey",
    ),
    # A SHA-512 digest has 88 characters too; npm writes it as sha512-...
    _pattern(
        "a 512-bit key",
        rf"(?<![{B64}=])(?<!sha512-)[{B64}]{{86}}==(?![{B64}=])",
        "==",
        check=_has_mixed_case,
    ),
    _pattern(
        "an identifiable Azure key",
        rf"(?<![{B64}_-])[{B64}_-]{{33,80}}(?:{AZURE_SIGNATURES})[{B64}]{{4,27}}={{0,2}}(?![{B64}=])",
        *("+ast", "acdb", "+asb", "+aeh", "+aba", "+arm", "aiot", "azfu", "azse", "azca"),
        *("+acr", "apim", "jqqj9"),
        check=_has_mixed_case,
    ),
    _pattern(
        "a Microsoft Entra ID client secret",
        r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])",
        "q~",
    ),
    _pattern(
        "an Azure DevOps personal access token",
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])",
        "azdo",
    ),
    _pattern(
        "an Azure DevOps personal access token",
        r"(?<![A-Za-z0-9])(?=[a-z]*[2-7])[a-z2-7]{52}(?![A-Za-z0-9])",
        likely=_has_token_characters,
    ),
    _pattern(
        "an authorization header",
        r"(?i:authorization[\"']?\s*(?:[:=,]|%3A)\s*[\"']?(?:bearer|basic|token|apikey)\s+)"
        r"(?P<s>[A-Za-z0-9._~+/=-]{6,})",
        "authorization",
        multiline=True,
    ),
    _pattern(
        "a bearer token",
        r"[Bb]earer(?<!\w[Bb]earer)\s+(?P<s>[A-Za-z0-9._~+/-]{16,}=*)",
        "bearer",
        check=looks_random,
        multiline=True,
    ),
    _pattern(
        "a JSON web token",
        rf"(?<![{WORD}])eyJ[{WORD}]{{10,}}(?:\.[{WORD}]{{6,}}){{2,4}}",
        "eyj",
    ),
    _pattern(
        "a private key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?P<s>(?:\\[rn]|[\s\"',]|(?!-----)[A-Za-z0-9+/=:.() \\-]){40,}+)",
        "private key",
        multiline=True,
    ),
    _pattern(
        "a password in a URL",
        r"(?i)\b[a-z][a-z0-9+.-]{1,30}://[^\s:/@\"'<>]{0,128}:(?P<s>[^\s:/@\"'<>]{3,256})@",
        "://",
        check=lambda text: not PLACEHOLDER.match(text),
    ),
    _pattern(
        "a key in a URL",
        r"(?i)[?&](?:amp;|u0026)?(?:code|key|token|auth|sas|[a-z_-]{0,20}[-_](?:key|token|auth))"
        rf"{EQUALS}(?P<s>[^\s&\"'<>#\\(){{}}]{{16,}})",
        *("code=", "key=", "token=", "auth=", "sas="),
        check=looks_random,
    ),
    _pattern(
        "a webhook URL",
        r"(?i)\b(?:hooks\.slack\.com/services|[a-z0-9.-]*webhook\.office\.com/webhookb2|"
        r"discord(?:app)?\.com/api/webhooks)/(?P<s>[A-Za-z0-9@/_-]{20,})",
        "hooks.slack",
        "webhook",
    ),
    _pattern("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "akia", "asia"),
    _pattern(
        "a GitHub token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{50,})",
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    _pattern("a GitLab token", rf"\bglpat-[{WORD}]{{20,}}", "glpat-"),
    _pattern("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}", "xox"),
    _pattern("a Google key", rf"\bAIza[{WORD}]{{35}}", "aiza"),
    _pattern("a Google key", rf"\b(?:GOCSPX-|ya29\.)[{WORD}]{{20,}}", "gocspx-", "ya29."),
    _pattern("an API key", rf"\bsk-[{WORD}]{{20,}}", "sk-", check=_has_mixed_case),
    _pattern("a Stripe key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}", "k_live_", "k_test_"),
    _pattern("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}", "hf_"),
    _pattern("a package index token", rf"\bpypi-[{WORD}]{{50,}}", "pypi-"),
    _pattern(
        "a package index token",
        r"\b(?:npm_[A-Za-z0-9]{36}|oy2[a-z0-9]{43})\b",
        "npm_",
        "oy2",
    ),
    _pattern("a Databricks token", r"\bdapi[0-9a-f]{32}(?:-\d)?\b", "dapi"),
    _pattern("a SendGrid key", rf"\bSG\.[{WORD}]{{16,}}\.[{WORD}]{{16,}}", "sg."),
    _pattern(
        "a vault or registry token",
        rf"\b(?:hv[sb]\.|dckr_pat_|do[opr]_v1_)[{WORD}]{{20,}}",
        *("hvs.", "hvb.", "dckr_pat_", "_v1_"),
    ),
)

# A value with a strong name is a secret. A value with a weak name is one only if it looks random:
# "key" and "token" are ordinary words in data and in language models.
_STRONG = (
    r"password|passwd|passphrase|pwd|secret|api[-_ ]?key|access[-_ ]?key|account[-_ ]?key|"
    r"storage[-_ ]?key|secret[-_ ]?access[-_ ]?key|shared[-_ ]?access[-_ ]?key|private[-_ ]?key|"
    r"subscription[-_]?key|signing[-_ ]?key|encryption[-_ ]?key|(?:auth|access|refresh|bearer|sas|"
    r"session|identity)[-_ ]?token|connection[-_ ]?string|conn[-_]?str"
)
_WEAK = r"key|token|credential|credentials|sas"
STRONG = re.compile(rf"(?:{_STRONG})$", re.IGNORECASE)
WEAK = re.compile(rf"(?:^|[^A-Za-z]|(?<=[a-z])(?=[KTSC]))(?i:{_WEAK})$")
# The endings of these names, searched for first; few of them are followed by a value.
NAME_ENDS = (
    *("password", "passwd", "passphrase", "pwd", "secret", "key", "token", "credential"),
    *("credentials", "sas", "string", "str"),
)
LONGEST_NAME = 32
# Ordinary values of names such as cache_key or next_token: digest, commit, UUID, number, path.
ORDINARY = re.compile(
    r"^(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{56,}|sha\d+[-:].*|[0-9.,:+-]+|[~./].*|[A-Za-z]:[\\/].*|"
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\S+://\S+|.*\s.*)$",
    re.DOTALL,
)
# An unquoted value that may be a variable in code, or a word in prose.
CODE = re.compile(r"^[A-Za-z_][\w.]*$")
PROSE = re.compile(r"^[A-Za-z_][\w.'-]*[.!?]?$")

# An assignment after a name: =, : or =>, then a quoted text or one word. Quotes may be escaped, or
# HTML entities.
_QUOTE = r"(?:\\*[\"']|&quot;|&\#0?39;|&\#x27;|&\#34;)"
ASSIGNED = re.compile(
    rf"""
    {_QUOTE}?\]?
    (?P<sep>\s*:\s*[A-Za-z_][\w.\[\]| ]{{0,60}}?\s*=\s*(?=[rbfu]{{0,2}}["'])
      |\s*(?:={{1,2}}|:|=>|:=)\s*|%3[dD]|(?<=["'])\s*,\s*(?=["']))
    (?:[rbfu]{{0,2}}
      (?P<quote>{_QUOTE})(?P<quoted>(?:(?!(?P=quote)).){{6,4096}}?)(?P=quote)
      |(?P<bare>(?:[^\s"'<>&;,(){{}}\[\]\\]|\\(?![nrt"'\\])){{6,4096}}+)(?![(\[{{])
    )
    """,
    re.VERBOSE,
)
# --password hunter2: a command line in a log; matched after the name of an option.
OPTION = re.compile(
    r"(?P<sep>[ =]+)(?P<quoted>(?!))?(?P<bare>[^\s\"'<>&;,(){}\[\]-][^\s\"'<>&;,(){}\[\]]{5,4096}+)"
)
OPTION_NAME = re.compile(r"--[a-z0-9-]*$", re.IGNORECASE)


def is_named_secret(name: str, value: str, *, separator: str = "") -> bool:
    """Whether a value is a secret because of its name.

    Args:
        name: the name of a parameter or key, or its end.
        value: its text.
        separator: the text between name and unquoted value, which may be code or prose; empty for
            a quoted value.
    """
    if len(value) < 6 or not (strength := _strength(name)) or PLACEHOLDER.match(value):
        return False
    if strength == "strong":
        if name.lower().endswith("pwd") and ORDINARY.match(value):
            return False  # the working folder of a shell
        return not separator or not _may_be_a_word(value, separator)
    return looks_random(value) and not ORDINARY.match(value)


@lru_cache(4096)
def _strength(name: str) -> str:
    """How strongly a name suggests a secret. Cached: a notebook repeats few names often."""
    return "strong" if STRONG.search(name) else "weak" if WEAK.search(name) else ""


def _may_be_a_word(value: str, separator: str) -> bool:
    """Whether a value is code or prose: ``password=settings.password``, ``password: required``."""
    word = CODE if "=" in separator else PROSE
    if not word.match(value) or any(char.isdigit() for char in value):
        return False
    return len(value) < 20 or any(char in "._-" for char in value)
