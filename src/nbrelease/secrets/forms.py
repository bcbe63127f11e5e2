"""What secrets look like: the forms that their issuers document, and the names they are given.

Two kinds of rules. A *form* knows a secret by itself: a prefix, a length, a checksum's place. A
*name* knows it by what stands before it (``password = …``, ``"apiKey": "…"``). A form's group ``s``
is what is hidden; the rest stays, so that a reader sees what was there. Each rule has words that
stand in every text it can match: looking for those is far cheaper than the expressions, and most
texts hold none of them.
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
class Form:
    """A rule.

    Attributes:
        what: what it finds, with its article.
        expression: its group ``s`` is the secret; without one, the whole match.
        hints: one of them stands, whatever its case, in each text that matches, and in the same
            line of it; none: ``likely`` tells.
        check: whether a match's text is really one.
        across: whether a match may go over the end of a line.
        likely: whether a text without hints is worth a look.
    """

    what: str
    expression: re.Pattern[str]
    hints: tuple[str, ...]
    check: Callable[[str], bool] = lambda _: True
    across: bool = False
    likely: Callable[[str], bool] = lambda _: True

    def spans(self, text: str, lower: str) -> Iterator[tuple[int, int]]:
        """Where the secrets are; ``lower`` is the text in small letters."""
        group = "s" if "s" in self.expression.groupindex else 0
        for start, end in self._places(text, lower):
            for match in self.expression.finditer(text, start, end):
                if match[group] and self.check(match[group]):
                    yield match.span(group)

    def _places(self, text: str, lower: str) -> list[tuple[int, int]]:
        """Where it is worth looking."""
        if not self.hints:
            return [(0, len(text))] if self.likely(text) else []
        if self.across:
            return [(0, len(text))] if any(hint in lower for hint in self.hints) else []
        return lines_with(lower, self.hints)


def random_looking(text: str) -> bool:
    """Letters and digits mixed, as words and names of things are not."""
    return (
        len(text) >= 16
        and any(char.isdigit() for char in text)
        and any(char.isalpha() for char in text)
        and len(set(text)) >= 8
    )


def _mixed(text: str) -> bool:
    """Digits and both cases: names of classes in pages, as ``sk-toggleable__label``, have not."""
    return (
        any(char.isdigit() for char in text)
        and any(char.isupper() for char in text)
        and any(char.islower() for char in text)
    )


# Marks what may stand in a token of Azure DevOps, so that 52 of them in a row are found at once.
_OF_TOKENS = bytes(
    b"x"[0] if chr(n) in "abcdefghijklmnopqrstuvwxyz234567" else 0 for n in range(256)
)


def _long_run(text: str) -> bool:
    return b"x" * 52 in text.encode("utf-8", "replace").translate(_OF_TOKENS)


def _form(what: str, expression: str, *hints: str, **more: Any) -> Form:
    return Form(what, re.compile(expression), tuple(hint.lower() for hint in hints), **more)


# What stands where a secret would: a template's slot, a word of documentation, a mask.
PLACEHOLDER = re.compile(
    r"^(?:|<.*>|\{.*\}|\[.*\]|\*+.*|x+|\.+|-+|…|%\(\w+\)s|\$[({].*[)}]|env:\w+[:.]?|&lt;.*&gt;|"
    r"change[-_ ]?me|your[-_ ].*|none|null|todo|true|false|undefined|string|str|bytes|required|"
    r"optional|default|hidden|redacted|masked|password|passwd|secret|token|key)$",
    re.IGNORECASE,
)

# Azure's identifiable keys carry four fixed letters near their end, each service its own:
# https://github.com/microsoft/security-utilities has the list.
SIGNED = r"\+ASt|\+?ACDb|\+ASb|\+AEh|\+ABa|\+ARm|AIoT|AzFu|AzSe|AzCa|\+ACR|APIM|JQQJ9[9D]"

FORMS: tuple[Form, ...] = (
    _form(
        "a key of an Azure storage account",
        rf"(?i:AccountKey){EQUALS}(?P<s>[{B64}%]{{20,}}={{0,2}})",
        "AccountKey",
    ),
    _form(
        "a shared access signature of Azure",
        rf"(?:(?<![A-Za-z0-9_])|(?<=u0026)|(?<=%26))sig{EQUALS}(?P<s>[A-Za-z0-9%+/_-]{{20,}}={{0,2}})",
        "sig=",
        "sig%",
    ),
    _form(
        "a key of Azure Service Bus or Event Hubs",
        rf"(?i:SharedAccessKey){EQUALS}(?P<s>[{B64}%]{{20,}}={{0,2}})",
        "SharedAccessKey",
    ),
    _form(
        "a connection string of Application Insights",
        rf"(?i:InstrumentationKey){EQUALS}(?P<s>[0-9A-Fa-f-]{{32,36}})",
        "InstrumentationKey",
    ),
    # 88 characters are a digest of 512 bits too, which npm writes as sha512-…
    _form(
        "a key of 512 bits",
        rf"(?<![{B64}=])(?<!sha512-)[{B64}]{{86}}==(?![{B64}=])",
        "==",
        check=_mixed,
    ),
    _form(
        "an identifiable key of Azure",
        rf"(?<![{B64}_-])[{B64}_-]{{33,80}}(?:{SIGNED})[{B64}]{{4,27}}={{0,2}}(?![{B64}=])",
        *("+ast", "acdb", "+asb", "+aeh", "+aba", "+arm", "aiot", "azfu", "azse", "azca"),
        *("+acr", "apim", "jqqj9"),
        check=_mixed,
    ),
    _form(
        "a client secret of Microsoft Entra ID",
        r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])",
        "q~",
    ),
    _form(
        "a personal access token of Azure DevOps",
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])",
        "azdo",
    ),
    _form(
        "a personal access token of Azure DevOps",
        r"(?<![A-Za-z0-9])(?=[a-z]*[2-7])[a-z2-7]{52}(?![A-Za-z0-9])",
        likely=_long_run,
    ),
    _form(
        "what signs a request",
        r"(?i:authorization[\"']?\s*(?:[:=,]|%3A)\s*[\"']?(?:bearer|basic|token|apikey)\s+)"
        r"(?P<s>[A-Za-z0-9._~+/=-]{6,})",
        "authorization",
        across=True,
    ),
    _form(
        "a bearer token",
        r"[Bb]earer(?<!\w[Bb]earer)\s+(?P<s>[A-Za-z0-9._~+/-]{16,}=*)",
        "bearer",
        check=random_looking,
        across=True,
    ),
    _form(
        "a JSON web token",
        rf"(?<![{WORD}])eyJ[{WORD}]{{10,}}(?:\.[{WORD}]{{6,}}){{2,4}}",
        "eyj",
    ),
    _form(
        "a private key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?P<s>(?:\\[rn]|[\s\"',]|(?!-----)[A-Za-z0-9+/=:.() \\-]){40,}+)",
        "private key",
        across=True,
    ),
    _form(
        "a password within an address",
        r"(?i)\b[a-z][a-z0-9+.-]{1,30}://[^\s:/@\"'<>]{0,128}:(?P<s>[^\s:/@\"'<>]{3,256})@",
        "://",
        check=lambda text: not PLACEHOLDER.match(text),
    ),
    _form(
        "a key in the address of a request",
        r"(?i)[?&](?:amp;|u0026)?(?:code|key|token|auth|sas|[a-z_-]{0,20}[-_](?:key|token|auth))"
        rf"{EQUALS}(?P<s>[^\s&\"'<>#\\(){{}}]{{16,}})",
        *("code=", "key=", "token=", "auth=", "sas="),
        check=random_looking,
    ),
    _form(
        "the address of a webhook",
        r"(?i)\b(?:hooks\.slack\.com/services|[a-z0-9.-]*webhook\.office\.com/webhookb2|"
        r"discord(?:app)?\.com/api/webhooks)/(?P<s>[A-Za-z0-9@/_-]{20,})",
        "hooks.slack",
        "webhook",
    ),
    _form("an access key of AWS", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "akia", "asia"),
    _form(
        "a token of GitHub",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{50,})",
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    _form("a token of GitLab", rf"\bglpat-[{WORD}]{{20,}}", "glpat-"),
    _form("a token of Slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}", "xox"),
    _form("a key of Google", rf"\bAIza[{WORD}]{{35}}", "aiza"),
    _form("a key of Google", rf"\b(?:GOCSPX-|ya29\.)[{WORD}]{{20,}}", "gocspx-", "ya29."),
    _form("an API key", rf"\bsk-[{WORD}]{{20,}}", "sk-", check=_mixed),
    _form("a key of Stripe", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}", "k_live_", "k_test_"),
    _form("a token of Hugging Face", r"\bhf_[A-Za-z0-9]{30,}", "hf_"),
    _form("a token of a package index", rf"\bpypi-[{WORD}]{{50,}}", "pypi-"),
    _form(
        "a token of a package index",
        r"\b(?:npm_[A-Za-z0-9]{36}|oy2[a-z0-9]{43})\b",
        "npm_",
        "oy2",
    ),
    _form("a token of Databricks", r"\bdapi[0-9a-f]{32}(?:-\d)?\b", "dapi"),
    _form("a key of SendGrid", rf"\bSG\.[{WORD}]{{16,}}\.[{WORD}]{{16,}}", "sg."),
    _form(
        "a token of a vault or a registry",
        rf"\b(?:hv[sb]\.|dckr_pat_|do[opr]_v1_)[{WORD}]{{20,}}",
        *("hvs.", "hvb.", "dckr_pat_", "_v1_"),
    ),
)

# Names whose value is a secret, whatever it looks like; and those where it has to look like one,
# because "key" and "token" are words of data and of language models too.
_STRONG = (
    r"password|passwd|passphrase|pwd|secret|api[-_ ]?key|access[-_ ]?key|account[-_ ]?key|"
    r"storage[-_ ]?key|secret[-_ ]?access[-_ ]?key|shared[-_ ]?access[-_ ]?key|private[-_ ]?key|"
    r"subscription[-_]?key|signing[-_ ]?key|encryption[-_ ]?key|(?:auth|access|refresh|bearer|sas|"
    r"session|identity)[-_ ]?token|connection[-_ ]?string|conn[-_]?str"
)
_WEAK = r"key|token|credential|credentials|sas"
STRONG = re.compile(rf"(?:{_STRONG})$", re.IGNORECASE)
WEAK = re.compile(rf"(?:^|[^A-Za-z]|(?<=[a-z])(?=[KTSC]))(?i:{_WEAK})$")
# How such names end. Looked for first, because a value follows only few of them.
NAME_ENDS = (
    *("password", "passwd", "passphrase", "pwd", "secret", "key", "token", "credential"),
    *("credentials", "sas", "string", "str"),
)
LONGEST_NAME = 32
# A digest, a commit, a UUID, a number, a path: what a name like cache_key or next_token leads to.
ORDINARY = re.compile(
    r"^(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{56,}|sha\d+[-:].*|[0-9.,:+-]+|[~./].*|[A-Za-z]:[\\/].*|"
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\S+://\S+|.*\s.*)$",
    re.DOTALL,
)
# What stands without quotes and may be a variable of code, or a word of prose.
CODE = re.compile(r"^[A-Za-z_][\w.]*$")
PROSE = re.compile(r"^[A-Za-z_][\w.'-]*[.!?]?$")

# What follows a name: =, : or =>, then a quoted text or one word. Quotes may be escaped, or those
# of a page.
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
# --password hunter2…: a command line in a log; tried where a name is an option's.
OPTION = re.compile(
    r"(?P<sep>[ =]+)(?P<quoted>(?!))?(?P<bare>[^\s\"'<>&;,(){}\[\]-][^\s\"'<>&;,(){}\[\]]{5,4096}+)"
)
OPTION_NAME = re.compile(r"--[a-z0-9-]*$", re.IGNORECASE)


def named(name: str, value: str, *, bare: str = "") -> bool:
    """Whether a value is a secret because of its name.

    Args:
        name: a parameter's, a key's, or the end of one.
        value: its text.
        bare: what stood between the two where the value had no quotes, so that it may be code or
            prose; empty where it had some.
    """
    if len(value) < 6 or not (strength := _strength(name)) or PLACEHOLDER.match(value):
        return False
    if strength == "strong":
        if name.lower().endswith("pwd") and ORDINARY.match(value):
            return False  # the working folder of a shell
        return not bare or not _may_be_a_word(value, bare)
    return random_looking(value) and not ORDINARY.match(value)


@lru_cache(4096)
def _strength(name: str) -> str:
    """How much a name says of what it leads to; a notebook has thousands of keys, and few names."""
    return "strong" if STRONG.search(name) else "weak" if WEAK.search(name) else ""


def _may_be_a_word(value: str, separator: str) -> bool:
    """``password=settings.password`` and ``password: required`` hold none; hunter2secret is one."""
    word = CODE if "=" in separator else PROSE
    if not word.match(value) or any(char.isdigit() for char in value):
        return False
    return len(value) < 20 or any(char in "._-" for char in value)
