"""The variables of a job: names ignore case, values are text, secrets stay out of environments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines_local.expressions import Object
from pipelines_local.run.masker import Masker

_MACRO = re.compile(r"\$\(([^()\n]+)\)")
_NOT_IN_NAMES = re.compile(r"[. ]")
MAX_DEPTH = 20


class ReadOnly(Exception):
    """A variable that cannot be overwritten."""


@dataclass(frozen=True)
class Entry:
    """A variable."""

    name: str
    value: str
    secret: bool = False
    readonly: bool = False


class Variables:
    """All variables that a job sees."""

    def __init__(self, masker: Masker, entries: Mapping[str, Entry] | None = None) -> None:
        self._masker = masker
        self._entries = dict(entries or {})

    def copy(self) -> Variables:
        """The same variables, to be changed on their own."""
        return Variables(self._masker, self._entries)

    def set(self, name: str, value: str, *, secret: bool = False, readonly: bool = False) -> None:
        """Set a variable, whatever it was: what the runner itself does."""
        if secret:
            self._masker.add(value)
        self._entries[name.lower()] = Entry(name, value, secret, readonly)

    def overwrite(
        self, name: str, value: str, *, secret: bool = False, readonly: bool = False
    ) -> None:
        """Set a variable as a step does.

        A secret stays secret.

        Raises:
            ReadOnly: it cannot be overwritten.
        """
        old = self._entries.get(name.lower())
        if old is not None and old.readonly:
            raise ReadOnly(name)
        self.set(name, value, secret=secret or bool(old and old.secret), readonly=readonly)

    def get(self, name: str) -> str | None:
        """The value with its macros expanded."""
        entry = self._entries.get(name.lower())
        return None if entry is None else self.expand(entry.value, 1)

    def __iter__(self) -> Iterator[Entry]:
        """The variables in the order in which they were set."""
        return iter(self._entries.values())

    def expand(self, text: str, depth: int = 0) -> str:
        """``text`` with ``$(name)`` replaced; an unknown name stays as it is."""
        if "$(" not in text or depth > MAX_DEPTH:
            return text

        def value(found: re.Match[str]) -> str:
            entry = self._entries.get(found[1].strip().lower())
            return found[0] if entry is None else self.expand(entry.value, depth + 1)

        return _MACRO.sub(value, text)

    def environment(self) -> dict[str, str]:
        """What steps get in their environment: everything that is no secret."""
        found = {}
        for entry in self._entries.values():
            if not entry.secret:
                value = self.expand(entry.value, 1) if "$(" in entry.value else entry.value
                if "\0" not in value and "=" not in entry.name and entry.name:
                    found[environment_name(entry.name)] = value
        return found

    def as_object(self) -> Object:
        """What expressions see as ``variables``."""
        values = {e.name: self.expand(e.value, 1) for e in self._entries.values()}
        return Object(values, ignore_case=True)


def environment_name(name: str) -> str:
    """The name of a variable in the environment: ``Build.Reason`` is ``BUILD_REASON``."""
    return _NOT_IN_NAMES.sub("_", name).upper()
