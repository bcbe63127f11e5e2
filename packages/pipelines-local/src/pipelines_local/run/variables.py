"""Variables of a job: names ignore case, values are strings, secrets are not exported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines_local.expressions import Object
from pipelines_local.run.masker import Masker

_MACRO = re.compile(r"\$\(([^()\n]+)\)")
_NOT_IN_NAMES = re.compile(r"[. ]")
MAX_DEPTH = 50  # the limit of the agent


class ReadOnlyError(Exception):
    """The variable is read-only."""


class _CannotExpand(Exception):
    """The value refers to itself, or the references are too deep."""


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
        return None if entry is None else self._expand_entry(entry)

    def __iter__(self) -> Iterator[Entry]:
        """Iterate in the order of first assignment."""
        return iter(self._entries.values())

    def expand(self, text: str) -> str:
        """Replace each ``$(name)`` in ``text``; an unknown name is not replaced."""

        def value(match: re.Match[str]) -> str:
            entry = self._entries.get(match[1].strip().lower())
            return match[0] if entry is None else self._expand_entry(entry)

        return _MACRO.sub(value, text) if "$(" in text else text

    def _expand_entry(self, entry: Entry) -> str:
        """Return the value with expanded macros; as the agent, unchanged if it is circular."""
        try:
            return self._expand_nested(entry, (entry.name.lower(),))
        except _CannotExpand:
            return entry.value

    def _expand_nested(self, entry: Entry, path: tuple[str, ...]) -> str:
        if "$(" not in entry.value:
            return entry.value

        def value(match: re.Match[str]) -> str:
            name = match[1].strip().lower()
            nested = self._entries.get(name)
            if nested is None:
                return match[0]
            if name in path or len(path) >= MAX_DEPTH:
                raise _CannotExpand
            return self._expand_nested(nested, (*path, name))

        return _MACRO.sub(value, entry.value)

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a step: all variables that are not secret."""
        environment = {}
        for entry in self._entries.values():
            if not entry.secret:
                value = self._expand_entry(entry)
                if "\0" not in value and "=" not in entry.name and entry.name:
                    environment[environment_name(entry.name)] = value
        return environment

    def as_object(self) -> Object:
        """Return the value of ``variables`` in expressions."""
        values = {entry.name: self._expand_entry(entry) for entry in self}
        return Object(values, ignore_case=True)


def environment_name(name: str) -> str:
    """Return the environment variable of a variable: ``Build.Reason`` is ``BUILD_REASON``."""
    return _NOT_IN_NAMES.sub("_", name).upper()
