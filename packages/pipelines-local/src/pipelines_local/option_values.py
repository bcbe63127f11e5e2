"""Parse the values of command-line options: NAME=VALUE, YAML, JSON and .env files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines_local.errors import InvalidPipeline, UsageError
from pipelines_local.yamltree import Mapping, Node, load, to_data


def parse_pairs(options: Iterable[str], option: str) -> dict[str, str]:
    """Parse NAME=VALUE options.

    Raises:
        UsageError: ``=`` is missing.
    """
    values = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError("option-value", f"{option} {text}: use the form NAME=VALUE")
        values[name] = value
    return values


def parse_secrets(options: Iterable[str], origin: str = "--secret") -> dict[str, str]:
    """Parse NAME=VALUE options; NAME alone is read from the environment.

    Args:
        options: the options.
        origin: their place in messages.

    Raises:
        UsageError: the environment variable does not exist.
    """
    values = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals:
            if name not in os.environ:
                message = f"{origin} {name}: the environment variable {name} is not set"
                raise UsageError("missing-secret", message)
            value = os.environ[name]
        values[name] = value
    return values


def read_nodes(path: Path) -> dict[str, Node]:
    """Read the nodes of a YAML or JSON file by key.

    Raises:
        UsageError: the file cannot be read, or is not a mapping.
    """
    try:
        node = load(path)
    except OSError as error:
        raise UsageError("unreadable-file", f"{path}: {error.strerror}") from None
    except InvalidPipeline as error:
        raise UsageError("invalid-file", str(error)) from None
    if not isinstance(node, Mapping):
        raise UsageError("invalid-file", f"{path}: must be a mapping of names to values")
    return {key.text: value for key, value in node.entries}


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML or JSON file as plain data; see :func:`read_nodes`."""
    return {name: to_data(node) for name, node in read_nodes(path).items()}


def read_strings(path: Path) -> dict[str, str]:
    """Read names and strings from a YAML, JSON or .env file.

    Raises:
        UsageError: the file cannot be read, or a value is not a string.
    """
    if path.suffix in (".env", ".txt"):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("unreadable-file", f"{path}: {error}") from None
        return parse_pairs((x for x in map(str.strip, lines) if x and x[0] != "#"), f"{path}:")
    data = read_mapping(path)
    for name, value in data.items():
        if not isinstance(value, str):
            raise UsageError("invalid-file", f"{path}: {name!r} must be a string")
    return data


def read_named_files(options: Iterable[str], option: str) -> dict[str, dict[str, str]]:
    """Parse NAME=FILE options and read the files; NAME alone has no values."""
    values: dict[str, dict[str, str]] = {}
    for text in options:
        name, _, file = text.partition("=")
        if not name:
            raise UsageError("option-value", f"{option} {text}: use the form NAME=FILE")
        values[name] = read_strings(Path(file)) if file else {}
    return values
