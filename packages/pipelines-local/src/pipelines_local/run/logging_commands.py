"""Logging commands: lines ``##vso[area.action name=value;...]text`` in the output of a step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_COMMAND = re.compile(r"##vso\[([A-Za-z]+\.[A-Za-z]+)((?:\s[^\]]*)?)\](.*)", re.DOTALL)
_ESCAPES = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%"))


@dataclass(frozen=True)
class LoggingCommand:
    """One command; ``name`` (``task.setvariable``) and the property names are in lower case."""

    name: str
    properties: Mapping[str, str]
    text: str

    def flag(self, name: str) -> bool:
        """Whether a property is true."""
        return self.properties.get(name, "").lower() == "true"


def parse_command(line: str) -> LoggingCommand | None:
    """Return the command in a line of output; other text can precede it."""
    start = line.find("##vso[")
    if start < 0:
        return None
    match = _COMMAND.match(line, start)
    if match is None:
        return None
    properties = {}
    for pair in match[2].strip().split(";"):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            properties[name.strip().lower()] = _unescape(value)
    return LoggingCommand(match[1].lower(), properties, _unescape(match[3]))


def _unescape(text: str) -> str:
    if "%" not in text:
        return text
    for escaped, character in _ESCAPES:
        text = text.replace(escaped, character)
    return text
