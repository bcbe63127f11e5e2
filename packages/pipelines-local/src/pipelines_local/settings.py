"""Values for a run out of flags and files: NAME=VALUE words, YAML or JSON files, env files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines_local.errors import Refused, UsageError
from pipelines_local.yamltree import Mapping, Node, load, to_data


def pairs(words: Iterable[str], what: str) -> dict[str, str]:
    """NAME=VALUE words.

    Raises:
        UsageError: a word without ``=``.
    """
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--{what} {word}: write NAME=VALUE")
        found[name] = value
    return found


def secrets(words: Iterable[str]) -> dict[str, str]:
    """NAME=VALUE words, or NAME alone for the environment variable of that name.

    Raises:
        UsageError: there is no such variable.
    """
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            if name not in os.environ:
                raise UsageError(f"--secret {name}: no environment variable of that name")
            value = os.environ[name]
        found[name] = value
    return found


def mapping(path: Path) -> dict[str, Any]:
    """A YAML or JSON file with names and values.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    try:
        data = to_data(load(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except Refused as error:
        raise UsageError(str(error)) from None
    if not isinstance(data, dict):
        raise UsageError(f"{path}: names and values are expected")
    return data


def nodes(path: Path) -> dict[str, Node]:
    """The values in a YAML or JSON file with their places, and whether they stood in quotes.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    try:
        found = load(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except Refused as error:
        raise UsageError(str(error)) from None
    if not isinstance(found, Mapping):
        raise UsageError(f"{path}: names and values are expected")
    return {key.text: value for key, value in found.entries}


def texts(path: Path) -> dict[str, str]:
    """Names and texts of a file: YAML, JSON, or lines NAME=VALUE.

    Raises:
        UsageError: it cannot be read, or a value is no text.
    """
    if path.suffix in (".env", ".txt"):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: {error}") from None
        return pairs((x for x in map(str.strip, lines) if x and x[0] != "#"), str(path))
    data = mapping(path)
    for name, value in data.items():
        if not isinstance(value, str):
            raise UsageError(f"{path}: {name!r} has to be a text")
    return data


def named_files(words: Iterable[str], what: str) -> dict[str, dict[str, str]]:
    """NAME=FILE words, each file with names and texts; NAME alone is one without values."""
    found: dict[str, dict[str, str]] = {}
    for word in words:
        name, _, file = word.partition("=")
        if not name:
            raise UsageError(f"--{what} {word}: write NAME=FILE")
        found[name] = texts(Path(file)) if file else {}
    return found
