"""Find and mask secrets in text and in JSON.

Everything that is written to an evidence pack is masked first: text by :func:`mask_text`, JSON by
:func:`mask`. Known secrets (the value of a variable that a parameter refers to, or that is named
like a secret) are masked wherever they occur. Other secrets are found by their format or name.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nbrelease.secrets.encoded import decoded_texts
from nbrelease.secrets.issuers import bare_keys
from nbrelease.secrets.names import (
    ASSIGNED,
    CELL,
    LONGEST_NAME,
    NAME_STEMS,
    OPTION,
    OPTION_NAME,
    OTHER_SCRIPTS,
    TABLE,
    is_named_secret,
)
from nbrelease.secrets.patterns import PATTERNS
from nbrelease.secrets.runs import long_runs
from nbrelease.secrets.tables import as_table, is_cell_of_html, values_in_table

MASK = "***"
NAMED_SECRET = "the value of a secret"  # noqa: S105 - a label
BARE_KEY = "an AWS secret access key"
VARIABLE_PREFIX = "the value of the variable "
# Variables with a secret but without a secret's name: of a managed identity and of the Azure DevOps
# command line.
SECRET_VARIABLES = ("IDENTITY_HEADER", "AZURE_DEVOPS_EXT_PAT")
SHORTEST_KNOWN = 6
SHORTEST_TEXT = len("pwd=123456")  # shorter texts contain known secrets only
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Embedded images: base64 text may match a pattern by chance.
_DATA_URL = re.compile(r"data:(?:image|font|audio|video)/[\w.+-]+;base64,[A-Za-z0-9+/]+={0,2}")
_IMAGE_PREFIXES = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "JVBERi0")
_SEPARATOR = "\n\0\n"
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


@dataclass(frozen=True)
class Match:
    """A secret in a text: its position and its kind."""

    start: int
    end: int
    kind: str


class Known:
    """Values that are known to be secret, whatever their format."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Create the set of values.

        Args:
            values: secrets to their kind, such as ``the value of the variable STORAGE_KEY``.
        """
        self._kinds: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        for value, kind in (values or {}).items():
            self._add(value, kind)
        self._compile()

    def add(self, value: str, kind: str) -> None:
        """Add a value while the program runs; ordinary words are ignored."""
        if value not in self._kinds and _is_distinctive(value):
            self._add(value, kind)
            self._compile()

    def _add(self, value: str, kind: str) -> None:
        if len(value.strip()) >= SHORTEST_KNOWN:
            for encoded in _encodings(value.strip()):
                self._kinds.setdefault(encoded, kind)

    def _compile(self) -> None:
        longest_first = sorted(self._kinds, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if self._kinds else None

    @property
    def count(self) -> int:
        """The number of values, which only grows."""
        return len(self._kinds)

    @classmethod
    def of_environment(cls, references: Iterable[str] = ()) -> Known:
        """The secrets in this process's environment variables.

        Args:
            references: variables that are secret whatever their name.
        """
        values = {
            value: f"{VARIABLE_PREFIX}{name}"
            for name, value in os.environ.items()
            if (is_named_secret(name, value) or name in SECRET_VARIABLES) and _is_distinctive(value)
        }
        values |= {os.environ[n]: f"{VARIABLE_PREFIX}{n}" for n in references if n in os.environ}
        return cls(values)

    def find(self, text: str) -> list[Match]:
        """Find the values in ``text``."""
        if self._pattern is None:
            return []
        return [Match(*m.span(), self._kinds[m[0]]) for m in self._pattern.finditer(text)]


NO_SECRETS = Known()


def find(text: str, known: Known = NO_SECRETS) -> list[Match]:
    """The secrets in a text, in order; overlapping ones are merged.

    Args:
        text: a log, a page or code. Terminal colours are ignored, and so are embedded images.
        known: values that are known to be secret.
    """
    if len(text) < SHORTEST_TEXT:
        return known.find(text)
    if "\x1b[" in text:
        return _find_in_coloured(text, known)
    plain = _blank_images(text) if "base64," in text else text
    lower = _lower(plain)
    matches = known.find(plain)
    runs = long_runs(plain)
    tokens = "\n".join(lower[start:end] for start, end in runs)
    for pattern in PATTERNS:
        if pattern.may_match(tokens if pattern.is_token else lower):
            matches += [Match(*span, pattern.kind) for span in pattern.spans(plain, lower)]
    matches += [Match(*span, BARE_KEY) for span in bare_keys(plain, runs)]
    matches += _find_named(plain, lower)
    for start, end, decoded in decoded_texts(plain, runs):
        matches += [Match(start, end, each.kind) for each in find(decoded, known)[:1]]
    return _merge(matches)


def mask_text(text: str, known: Known = NO_SECRETS) -> tuple[str, Counter[str]]:
    """The masked text, and the number of secrets of each kind."""
    matches = find(text, known)
    if not matches:
        return text, Counter()
    parts, at = [], 0
    for each in matches:
        parts += [text[at : each.start], MASK]
        at = each.end
    return "".join([*parts, text[at:]]), Counter(each.kind for each in matches)


def mask(value: Any, known: Known = NO_SECRETS) -> tuple[Any, Counter[str]]:
    """The masked JSON value, and the number of secrets of each kind.

    A list of lines is one text, as in notebooks. Keys are searched too. A value is a secret if its
    key is named like one.

    Returns:
        A copy, or the value itself if it contains no secret.
    """
    count: Counter[str] = Counter()
    if not _may_contain_secret(value, known):
        return value, count
    return _mask(value, known, count), count


def _may_contain_secret(value: Any, known: Known) -> bool:
    """Whether a value may contain a secret. Fast in the usual case that it contains none."""
    texts = collect_texts(value)
    return texts is None or may_contain_secret(texts, known)


def may_contain_secret(texts: Iterable[str], known: Known = NO_SECRETS) -> bool:
    """Whether one of many texts may contain a secret.

    The texts are joined by a separator that no secret contains and searched once. If the result is
    false, no text contains a secret.
    """
    whole = _SEPARATOR.join(texts)
    if "\x1b[" in whole:
        whole = _ANSI.sub("", whole).replace("\x1b[", "\x1b ")
    return bool(find(whole, known))


def collect_texts(value: Any) -> dict[str, None] | None:
    """The distinct texts of a JSON value; None if a key is named like a secret and has a value."""
    texts: dict[str, None] = {}
    return None if _collect(value, texts) else texts


def _collect(value: Any, texts: dict[str, None]) -> bool:
    """Collect the texts of a value; true if a key is named like a secret and has a value."""
    if isinstance(value, str):
        if not is_base64_image(value):
            texts[value] = None
    elif isinstance(value, list):
        if _are_lines(value):
            texts["".join(value)] = None
        else:
            return any(_collect(item, texts) for item in value)
    elif isinstance(value, dict):
        for key, item in value.items():
            texts[key] = None
            if isinstance(item, str) and is_named_secret(_secret_name(key, value), item):
                return True
            if _collect(item, texts):
                return True
    return False


def _mask(value: Any, known: Known, count: Counter[str]) -> Any:
    if isinstance(value, str):
        if is_base64_image(value):
            return value
        text, counts = mask_text(value, known)
        count.update(counts)
        return text
    if isinstance(value, list):
        if _are_lines(value):
            masked = _mask("".join(value), known, count)
            return value if masked == "".join(value) else masked.splitlines(keepends=True)
        return [_mask(item, known, count) for item in value]
    if isinstance(value, dict):
        return {
            _mask(key, known, count): _mask_item(key, item, value, known, count)
            for key, item in value.items()
        }
    return value


def _mask_item(
    key: str, item: Any, parent: dict[str, Any], known: Known, count: Counter[str]
) -> Any:
    if isinstance(item, str) and is_named_secret(_secret_name(key, parent), item):
        count[NAMED_SECRET] += 1
        return MASK
    return _mask(item, known, count)


def _secret_name(key: str, parent: dict[str, Any]) -> str:
    """The name of a value; in a list of variables it is in ``{"name": ..., "value": ...}``."""
    return str(parent.get("name", key) if key == "value" else key)


def is_base64_image(text: str) -> bool:
    """Whether a text is an image or a PDF in base64."""
    return text.startswith(_IMAGE_PREFIXES) and _BASE64.fullmatch(text) is not None


def _are_lines(value: list[Any]) -> bool:
    return (
        len(value) > 1
        and all(isinstance(item, str) for item in value)
        and all(item.endswith("\n") for item in value[:-1])
    )


def _find_named(text: str, lower: str) -> list[Match]:
    matches, rows = [], as_table(text)
    stems = NAME_STEMS if text.isascii() else NAME_STEMS | OTHER_SCRIPTS
    for stem, word in stems.items():
        at = lower.find(stem)
        while at >= 0:
            name = word.match(text, at)
            if name:
                matches += _find_values(text, rows, name.end())
            at = lower.find(stem, at + len(stem))
    return matches


def _find_values(text: str, rows: str, end: int) -> list[Match]:
    """The secret values of a name that ends at ``end``; ``rows``: the text as lines of tables."""
    match = ASSIGNED.match(text, end)
    name = text[max(0, end - LONGEST_NAME) : end]
    if match is None and text[end : end + 1] == " " and OPTION_NAME.search(name):
        match = OPTION.match(text, end)
    if match is None:
        separator = CELL if is_cell_of_html(rows, end) else TABLE
        return [
            Match(*cell, NAMED_SECRET)
            for cell in values_in_table(rows, end)
            if is_named_secret(name, text[slice(*cell)], separator=separator)
        ]
    group = "quoted" if match["bare"] is None else "bare"
    separator = match["sep"] if group == "bare" or "," in match["sep"] else ""
    if not is_named_secret(name, match[group], separator=separator):
        return []
    return [Match(*match.span(group), NAMED_SECRET)]


def _lower(text: str) -> str:
    """The text in lower case with the same length: some letters become two in lower case."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(char.lower() if char.isascii() else char for char in text)


def _merge(matches: list[Match]) -> list[Match]:
    """Sort matches and merge overlapping ones; the kind is that of the first or longest."""
    merged: list[Match] = []
    for each in sorted(matches, key=lambda match: (match.start, -match.end)):
        if merged and each.start < merged[-1].end:
            last = merged[-1]
            kind = each.kind if last.kind == NAMED_SECRET else last.kind
            merged[-1] = Match(last.start, max(last.end, each.end), kind)
        else:
            merged.append(each)
    return merged


def _find_in_coloured(text: str, known: Known) -> list[Match]:
    """Find secrets in the text as a terminal shows it; positions refer to the original text."""
    positions: list[int] = []
    parts, at = [], 0
    for code in _ANSI.finditer(text):
        parts.append(text[at : code.start()])
        positions += range(at, code.start())
        at = code.end()
    parts.append(text[at:])
    positions += range(at, len(text))
    text = "".join(parts).replace(
        "\x1b[", "\x1b "
    )  # an incomplete colour code at the end of a cut text
    return [
        Match(positions[each.start], positions[each.end - 1] + 1, each.kind)
        for each in find(text, known)
    ]


def _blank_images(text: str) -> str:
    return _DATA_URL.sub(lambda match: " " * len(match[0]), text)


def _is_distinctive(value: str) -> bool:
    """Whether a value can be masked everywhere without masking ordinary words."""
    return len(value) >= 8 and not (value.isalpha() and len(value) < 12)


def _encodings(value: str) -> list[str]:
    """The encodings of a value: plain, escaped, URL, HTML, base64."""
    raw = value.encode()
    return list(
        dict.fromkeys(
            [
                value,
                json.dumps(value)[1:-1],
                json.dumps(value, ensure_ascii=False)[1:-1],
                repr(value)[1:-1],
                urllib.parse.quote(value, safe=""),
                urllib.parse.quote_plus(value),
                html.escape(value),
                base64.b64encode(raw).decode(),
                base64.b64encode(b":" + raw).decode(),
            ]
        )
    )
