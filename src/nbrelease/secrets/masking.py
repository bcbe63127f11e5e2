"""Finding secrets in texts and in JSON, and hiding them.

Whatever leaves a process towards an evidence pack comes through here first: texts by
:func:`mask_text`, JSON by :func:`mask`. What is known to be secret (the value of a variable that a
parameter refers to, or one named like a secret) is hidden wherever it stands, whatever it looks
like; everything else by its form or its name.
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

from nbrelease.secrets.forms import (
    ASSIGNED,
    FORMS,
    LONGEST_NAME,
    NAME_ENDS,
    OPTION,
    OPTION_NAME,
    named,
)

MASK = "***"
NAMED = "the value of a secret"
VALUE_OF = "the value of the variable "
# Variables that hold a secret and are not named like one: of a managed identity, and of the Azure
# DevOps command line.
ALWAYS = ("IDENTITY_HEADER", "AZURE_DEVOPS_EXT_PAT")
SHORTEST_KNOWN = 6
SHORTEST_TEXT = len("pwd=123456")  # shorter ones only hold what is known
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Pictures: base64 in which anything may be found by chance.
_PICTURE = re.compile(r"data:(?:image|font|audio|video)/[\w.+-]+;base64,[A-Za-z0-9+/]+={0,2}")
_PICTURES = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "JVBERi0")
_BETWEEN = "\n\0\n"
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


@dataclass(frozen=True)
class Found:
    """A secret in a text: its place, and what it is."""

    start: int
    end: int
    what: str


class Known:
    """Values that are secret whatever they look like, by what they are."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Know some values.

        Args:
            values: the secret to what it is, as ``the value of the variable STORAGE_KEY``.
        """
        self._what: dict[str, str] = {}
        for value, what in (values or {}).items():
            if len(value.strip()) >= SHORTEST_KNOWN:
                for form in _written(value.strip()):
                    self._what.setdefault(form, what)
        longest_first = sorted(self._what, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if self._what else None

    @classmethod
    def of_environment(cls, references: Iterable[str] = ()) -> Known:
        """The secrets of this process: variables named like one, and those referred to.

        Args:
            references: names of variables that a parameter refers to.
        """
        values = {
            value: f"{VALUE_OF}{name}"
            for name, value in os.environ.items()
            if (named(name, value) or name in ALWAYS) and _told_apart(value)
        }
        values |= {os.environ[n]: f"{VALUE_OF}{n}" for n in references if n in os.environ}
        return cls(values)

    def find(self, text: str) -> list[Found]:
        """Where they stand in ``text``."""
        if self._pattern is None:
            return []
        return [Found(*m.span(), self._what[m[0]]) for m in self._pattern.finditer(text)]


NOTHING = Known()


def find(text: str, known: Known = NOTHING) -> list[Found]:
    """The secrets in a text, in order; those that overlap are one.

    Args:
        text: of any kind: a log, a page, code. Colours of a terminal are looked through, pictures
            within a page are left out.
        known: values that are secret whatever they look like.
    """
    if len(text) < SHORTEST_TEXT:
        return known.find(text)
    if "\x1b[" in text:
        return _without_colours(text, known)
    plain = _without_pictures(text) if "base64," in text else text
    lower = _lower(plain)
    found = known.find(plain)
    for form in FORMS:
        found += [Found(*span, form.what) for span in form.spans(plain, lower)]
    return _merged(found + _named(plain, lower))


def mask_text(text: str, known: Known = NOTHING) -> tuple[str, Counter[str]]:
    """A text without its secrets, and how many of each kind it had."""
    found = find(text, known)
    if not found:
        return text, Counter()
    parts, at = [], 0
    for each in found:
        parts += [text[at : each.start], MASK]
        at = each.end
    return "".join([*parts, text[at:]]), Counter(each.what for each in found)


def mask(value: Any, known: Known = NOTHING) -> tuple[Any, Counter[str]]:
    """A JSON value without its secrets, and how many of each kind it had.

    A list of lines is read as the one text that notebooks mean by it. Keys are texts too; the value
    under a key that is named like a secret is one.

    Returns:
        A copy; the value itself where it has none.
    """
    count: Counter[str] = Counter()
    if not _any(value, known):
        return value, count
    return _mask(value, known, count), count


def _any(value: Any, known: Known) -> bool:
    """Whether there is anything to hide; nearly always there is not, and that is told fast."""
    texts = texts_of(value)
    return texts is None or any_in(texts, known)


def any_in(texts: Iterable[str], known: Known = NOTHING) -> bool:
    """Whether there may be a secret in one of many texts.

    They are looked through as one, with something between them that no secret holds; that none is
    found in it means that there is none.
    """
    whole = _BETWEEN.join(texts)
    if "\x1b[" in whole:
        whole = _ANSI.sub("", whole).replace("\x1b[", "\x1b ")
    return bool(find(whole, known))


def texts_of(value: Any) -> dict[str, None] | None:
    """The texts of a JSON value, each once; None where one is a secret by the name of its key."""
    texts: dict[str, None] = {}
    return None if _gather(value, texts) else texts


def _gather(value: Any, texts: dict[str, None]) -> bool:
    """Collect the texts of a value; true where one is a secret by the name of its key."""
    if isinstance(value, str):
        if not is_picture(value):
            texts[value] = None
    elif isinstance(value, list):
        if _are_lines(value):
            texts["".join(value)] = None
        else:
            return any(_gather(item, texts) for item in value)
    elif isinstance(value, dict):
        for key, item in value.items():
            texts[key] = None
            if isinstance(item, str) and named(_name_of(key, value), item):
                return True
            if _gather(item, texts):
                return True
    return False


def _mask(value: Any, known: Known, count: Counter[str]) -> Any:
    if isinstance(value, str):
        if is_picture(value):
            return value
        text, found = mask_text(value, known)
        count.update(found)
        return text
    if isinstance(value, list):
        if _are_lines(value):
            masked = _mask("".join(value), known, count)
            return value if masked == "".join(value) else masked.splitlines(keepends=True)
        return [_mask(item, known, count) for item in value]
    if isinstance(value, dict):
        return {
            _mask(key, known, count): _mask_under(key, item, value, known, count)
            for key, item in value.items()
        }
    return value


def _mask_under(
    key: str, item: Any, parent: dict[str, Any], known: Known, count: Counter[str]
) -> Any:
    if isinstance(item, str) and named(_name_of(key, parent), item):
        count[NAMED] += 1
        return MASK
    return _mask(item, known, count)


def _name_of(key: str, parent: dict[str, Any]) -> str:
    """{"name": "CLIENT_SECRET", "value": "…"} is how environments and settings are listed."""
    return str(parent.get("name", key) if key == "value" else key)


def is_picture(text: str) -> bool:
    """Whether a text is a picture or a document in base64."""
    return text.startswith(_PICTURES) and _BASE64.fullmatch(text) is not None


def _are_lines(value: list[Any]) -> bool:
    return (
        len(value) > 1
        and all(isinstance(item, str) for item in value)
        and all(item.endswith("\n") for item in value[:-1])
    )


def _named(text: str, lower: str) -> list[Found]:
    found = []
    for word in NAME_ENDS:
        end = lower.find(word)
        while end >= 0:
            end += len(word)
            found += _value_after(text, end)
            end = lower.find(word, end)
    return found


def _value_after(text: str, end: int) -> list[Found]:
    """The secret behind a name that ends at ``end``, where there is one."""
    match = ASSIGNED.match(text, end)
    name = text[max(0, end - LONGEST_NAME) : end]
    if match is None and text[end : end + 1] == " " and OPTION_NAME.search(name):
        match = OPTION.match(text, end)
    if match is None:
        return []
    group = "quoted" if match["bare"] is None else "bare"
    bare = match["sep"] if group == "bare" else ""
    return [Found(*match.span(group), NAMED)] if named(name, match[group], bare=bare) else []


def _lower(text: str) -> str:
    """In small letters, each at its place: a few letters of the world become two."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(char.lower() if char.isascii() else char for char in text)


def _merged(found: list[Found]) -> list[Found]:
    """In order; what overlaps becomes one, called by what began first, or is longest there."""
    merged: list[Found] = []
    for each in sorted(found, key=lambda found: (found.start, -found.end)):
        if merged and each.start < merged[-1].end:
            last = merged[-1]
            what = each.what if last.what == NAMED else last.what
            merged[-1] = Found(last.start, max(last.end, each.end), what)
        else:
            merged.append(each)
    return merged


def _without_colours(text: str, known: Known) -> list[Found]:
    """Found in the text as a terminal shows it; the places are those of the text as it is."""
    places: list[int] = []
    parts, at = [], 0
    for code in _ANSI.finditer(text):
        parts.append(text[at : code.start()])
        places += range(at, code.start())
        at = code.end()
    parts.append(text[at:])
    places += range(at, len(text))
    shown = "".join(parts).replace("\x1b[", "\x1b ")  # an unfinished one at the end of a cut text
    return [
        Found(places[each.start], places[each.end - 1] + 1, each.what)
        for each in find(shown, known)
    ]


def _without_pictures(text: str) -> str:
    return _PICTURE.sub(lambda match: " " * len(match[0]), text)


def _told_apart(value: str) -> bool:
    """Whether a variable's value can be hidden everywhere without hiding ordinary words."""
    return len(value) >= 8 and not (value.isalpha() and len(value) < 12)


def _written(value: str) -> list[str]:
    """A value in the ways in which it gets written: as it is, escaped, in an address, in base64."""
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
