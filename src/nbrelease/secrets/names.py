"""Names of secrets, and the values that are secret because of their name.

The value of a strong name is a secret. The value of a short name (``pw``) is one if it is no word,
and that of a weak name only if it looks random: "key" and "token" are ordinary words in data and in
language models.
"""

from __future__ import annotations

import re
from functools import lru_cache

from nbrelease.secrets.pattern import PLACEHOLDER, has_digit_and_letter, looks_random

_WORDS = (
    r"password|passwd|passphrase|passcode|pwd|passwort|kennwort|mot[-_ ]?de[-_ ]?passe|"
    r"contrase(?:ñ|n)a|senha|パスワード|暗証番号|密码|密碼|口令|비밀번호|пароль"
)
_STRONG = (
    rf"{_WORDS}|secret|secret[-_ ]?key|api[-_ ]?key|access[-_ ]?key|account[-_ ]?key|"
    r"storage[-_ ]?key|secret[-_ ]?access[-_ ]?key|shared[-_ ]?access[-_ ]?key|private[-_ ]?key|"
    r"subscription[-_]?key|signing[-_ ]?key|encryption[-_ ]?key|master[-_ ]?key|(?:auth|access|"
    r"refresh|bearer|sas|session|identity)[-_ ]?token|connection[-_ ]?string|conn[-_]?str"
)
_WEAK = r"key|token|credential|credentials|sas|cookie|session[-_]?id|sid|jwt"
# PASSWORD_2, secret_value, API_KEY_PROD
_SUFFIX = (
    r"(?:[-_]?\d{1,2}|[-_](?:value|prod|production|stage|staging|dev|test|old|new|primary|secondary|"
    r"admin|user|root|base64|b64|v\d))?"
)
STRONG = re.compile(rf"(?:{_STRONG}){_SUFFIX}$", re.IGNORECASE)
SHORT = re.compile(
    r"(?:(?:^|[^A-Za-z])(?i:(?:db|user|root|admin|sql|ftp|mail|ssh|my)?(?:pw|pass))|[a-z](?:Pw|PW|Pass))$"
)
WEAK = re.compile(rf"(?:^|[^A-Za-z]|(?<=[a-z])(?=[KTSCJ]))(?i:{_WEAK}){_SUFFIX}$")
# casa_token is in public links to articles, as Google Scholar gives them to each reader.
PUBLIC = re.compile(r"(?:public[-_ ]?\w*|casa_token)$", re.IGNORECASE)
# Beginnings of the last words of these names, searched for first, and the rest of the word; few of
# them are followed by a value.
NAME_STEMS = {
    stem: re.compile(f"{stem}{rest}", re.IGNORECASE)
    for stem, rest in {
        "pass": "(?:word|wd|phrase|code|wort|e)?",
        "pwd": "",
        "pw": "(?!d)",
        "secret": "",
        "key": "",
        "token": "",
        "credential": "s?",
        "sas": "",
        "conn": "(?:ection)?[-_ ]?str(?:ing)?",
        "cookie": "",
        "session": "[-_]?id",
        "sid": "",
        "jwt": "",
        "kennwort": "",
        "contrase": "(?:ñ|n)a",
        "senha": "",
    }.items()
}
OTHER_SCRIPTS = {
    stem: re.compile(stem, re.IGNORECASE)
    for stem in (
        "パスワード",
        "暗証番号",
        "密码",
        "密碼",
        "口令",
        "비밀번호",
        "пароль",
        "contraseña",
    )
}
TABLE = "|"
"""The separator of a name and a value in cells of a table of text."""
CELL = "<td>"
"""The separator of a name and a value in cells of an HTML table."""
LONGEST_NAME = 32
# Ordinary values of names such as cache_key or next_token: digest, commit, UUID, number, path, name
# of a resource, mail address, template.
ORDINARY = re.compile(
    r"^(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{56,}|sha\d+[-:].*|[0-9.,:+-]+|[~./].*|[A-Za-z]:[\\/].*|"
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\S+://\S+|\S+(?:@|%40)\S+|"
    r"(?:arn|azureml|urn):.*|(?=.*[-_.])[\w.-]+(?:/[\w.-]+)+/?|.*[\s{}].*)$",
    re.DOTALL,
)
IDENTIFIER = re.compile(r"^(?:[A-Za-z_]+\d{0,2}|(?:[A-Za-z]+|\d+)(?:[_.-]+(?:[A-Za-z]+|\d+))+)$")
# An unquoted value that may be a variable in code, or a word in prose.
CODE = re.compile(r"^[$%]?[A-Za-z_][\w.]*%?$")
PROSE = re.compile(r"^[A-Za-z_][\w.'-]*[.!?,]?$")
# An address without a user and a password, which a pattern finds.
ADDRESS = re.compile(r"^\w[\w+.-]*://")
# Code between two quoted texts: the first quote closes a text.
_BETWEEN_TEXTS = re.compile(r"^\s*[+),;.\]].*[({=]|^\s*[+,)]\s*\w+\s*[+,(]", re.DOTALL)

# An assignment after a name: =, : or =>, then a quoted text or one word. Quotes may be escaped, or
# HTML entities.
_QUOTE = r"(?:\\*[\"']|&quot;|&\#0?39;|&\#x27;|&\#34;)"
ASSIGNED = re.compile(
    rf"""
    {_SUFFIX}{_QUOTE}?\]?
    (?P<sep>\s*:\s*[A-Za-z_][\w.\[\]| ]{{0,60}}?\s*=\s*(?=[rbfu]{{0,2}}["'])
      |\s*(?:={{1,3}}|:|=>|:=|\uff1a|\uff1d)\s*|%3[dD]|(?<=["'])\s*,\s*(?=["'])
      |[ ]+is:?[ ]+|[ ]*は[ ]*)
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
    if ADDRESS.match(value):
        return False
    if value.isupper() and CODE.match(value) and _strength(value):
        return False  # the name of a variable: api_key = "OPENAI_API_KEY"
    if "\n" in separator and not has_digit_and_letter(value):
        return False
    if not separator and _BETWEEN_TEXTS.match(value):
        return False
    if ("is" in separator or "は" in separator) and not (
        strength == "strong" and has_digit_and_letter(value)
    ):
        return False
    if separator in (TABLE, CELL) and re.search(r"\s", value):
        return False
    if separator == TABLE and not has_digit_and_letter(value):
        return False
    if strength == "strong":
        if name.lower().endswith("pwd") and ORDINARY.match(value):
            return False  # the working folder of a shell
        return not separator or not _may_be_a_word(value, separator)
    if strength == "short":
        return has_digit_and_letter(value) and not ORDINARY.match(value)
    return looks_random(value) and not (ORDINARY.match(value) or IDENTIFIER.match(value))


@lru_cache(4096)
def _strength(name: str) -> str:
    """How strongly a name suggests a secret. Cached: a notebook repeats few names often."""
    if PUBLIC.search(name):
        return ""
    if STRONG.search(name):
        return "strong"
    return "short" if SHORT.search(name) else "weak" if WEAK.search(name) else ""


def _may_be_a_word(value: str, separator: str) -> bool:
    """Whether a value is code or prose: ``password=settings.password``, ``password: required``."""
    word = CODE if "=" in separator else PROSE
    if not word.match(value):
        return False
    if _strength(value.strip("$%.!?,")):
        return True  # the variable with the secret: password=DB_PASSWORD_2
    if any(char.isdigit() for char in value):
        return False
    return len(value) < 20 or any(char in "._-" for char in value)
