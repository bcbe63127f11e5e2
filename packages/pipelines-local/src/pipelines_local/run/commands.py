"""Logging commands: the lines ``##vso[area.action name=value;...]text`` that steps print."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_COMMAND = re.compile(r"##vso\[([A-Za-z]+\.[A-Za-z]+)((?:\s[^\]]*)?)\](.*)", re.DOTALL)
_ESCAPES = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%"))


@dataclass(frozen=True)
class Command:
    """One command: ``task.setvariable`` in lower case, properties by lower-case name."""

    name: str
    properties: Mapping[str, str]
    text: str

    def flag(self, name: str) -> bool:
        """A property that is true."""
        return self.properties.get(name, "").lower() == "true"


def command(line: str) -> Command | None:
    """The command in a line of output; it may stand after other text."""
    start = line.find("##vso[")
    if start < 0:
        return None
    found = _COMMAND.match(line, start)
    if found is None:
        return None
    properties = {}
    for pair in found[2].strip().split(";"):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            properties[name.strip().lower()] = _unescape(value)
    return Command(found[1].lower(), properties, _unescape(found[3]))


def _unescape(text: str) -> str:
    if "%" not in text:
        return text
    for escaped, plain in _ESCAPES:
        text = text.replace(escaped, plain)
    return text
