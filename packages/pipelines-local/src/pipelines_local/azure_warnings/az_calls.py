"""Calls of ``az`` in the text of a script."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_CONTINUATION = re.compile(r"\\\n\s*")
_MACRO = re.compile(r"\$\(([A-Za-z_][\w.]*)\)")
_CALL = re.compile(r"(?<![\w./\"'-])az\s+([a-z][^\n;|&)`]*)")
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)


@dataclass(frozen=True)
class AzCall:
    """One call; ``options`` are the values by the name of each option."""

    command: str
    options: Mapping[str, tuple[str, ...]]

    def option(self, *names: str) -> str:
        """Return the value of an option that the script sets to a constant; else empty."""
        value = self.text(*names)
        return "" if "$" in value else value

    def text(self, *names: str) -> str:
        """Return the value of an option, which can have variables; empty without a value."""
        values = [self.options[name] for name in names if name in self.options]
        return values[0][0] if values and len(values[0]) == 1 else ""

    def has(self, *names: str) -> bool:
        """Whether the call has one of the options."""
        return any(name in self.options for name in names)


def join_lines(script: str) -> str:
    """Remove comments and join continued lines; macros without a value become variables."""
    return _MACRO.sub(r"${\1}", _CONTINUATION.sub(" ", _COMMENT.sub("", script)))


def find_az_calls(script: str) -> Iterator[AzCall]:
    """Find the calls of ``az``; macros without a value count as variables."""
    for match in _CALL.finditer(join_lines(script)):
        try:
            words = shlex.split(match[1])
        except ValueError:  # a quotation that ends after the part that was matched
            words = match[1].replace('"', " ").replace("'", " ").split()
        yield _parse(words)


def _parse(words: list[str]) -> AzCall:
    command: list[str] = []
    options: dict[str, tuple[str, ...]] = {}
    name = ""
    for word in words:
        if word.startswith("-") and len(word) > 1:
            name, equals, value = word.partition("=")
            options[name] = (value,) if equals else ()
        elif name:
            options[name] = (*options[name], word)
        else:
            command.append(word)
    return AzCall(" ".join(command), options)
