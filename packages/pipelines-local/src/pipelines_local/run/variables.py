"""Variables of a job: names ignore case, values are strings, secrets are not exported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines_local.expressions import Object
from pipelines_local.run.masker import Masker

_MACRO = re.compile(r"\$\(([^()\n]+)\)")
_NOT_IN_NAMES = re.compile(r"[. ]")
MAX_DEPTH = 20


class ReadOnlyError(Exception):
    """The variable is read-only."""


@dataclass(frozen=True)
class Entry:
    """A variable."""

    name: str
    value: str
    secret: bool = False
    readonly: bool = False


class Variables:
    """All variables that are visible to a job."""

    def __init__(self, masker: Masker, entries: Mapping[str, Entry] | None = None) -> None:
        self._masker = masker
        self._entries = dict(entries or {})

    def copy(self) -> Variables:
        """Return an independent copy."""
        return Variables(self._masker, self._entries)

    def set(self, name: str, value: str, *, secret: bool = False, readonly: bool = False) -> None:
        """Set a variable, even a read-only one."""
        if secret:
            self._masker.add(value)
        self._entries[name.lower()] = Entry(name, value, secret, readonly)

    def overwrite(
        self, name: str, value: str, *, secret: bool = False, readonly: bool = False
    ) -> None:
        """Set a variable from a step; a secret stays secret.

        Raises:
            ReadOnlyError: the variable is read-only.
        """
        old = self._entries.get(name.lower())
        if old is not None and old.readonly:
            raise ReadOnlyError(name)
        self.set(name, value, secret=secret or bool(old and old.secret), readonly=readonly)

    def get(self, name: str) -> str | None:
        """Return the value with expanded macros."""
        entry = self._entries.get(name.lower())
        return None if entry is None else self.expand(entry.value, 1)

    def __iter__(self) -> Iterator[Entry]:
        """Iterate in the order of first assignment."""
        return iter(self._entries.values())

    def expand(self, text: str, depth: int = 0) -> str:
        """Replace each ``$(name)`` in ``text``; an unknown name is not replaced."""
        if "$(" not in text or depth > MAX_DEPTH:
            return text

        def value(match: re.Match[str]) -> str:
            entry = self._entries.get(match[1].strip().lower())
            return match[0] if entry is None else self.expand(entry.value, depth + 1)

        return _MACRO.sub(value, text)

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a step: all variables that are not secret."""
        environment = {}
        for entry in self._entries.values():
            if not entry.secret:
                value = self.expand(entry.value, 1) if "$(" in entry.value else entry.value
                if "\0" not in value and "=" not in entry.name and entry.name:
                    environment[environment_name(entry.name)] = value
        return environment

    def as_object(self) -> Object:
        """Return the value of ``variables`` in expressions."""
        values = {e.name: self.expand(e.value, 1) for e in self._entries.values()}
        return Object(values, ignore_case=True)


def environment_name(name: str) -> str:
    """Return the environment variable of a variable: ``Build.Reason`` is ``BUILD_REASON``."""
    return _NOT_IN_NAMES.sub("_", name).upper()
