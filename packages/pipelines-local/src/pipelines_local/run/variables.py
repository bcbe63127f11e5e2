"""Variables of a job: names ignore case, values are strings, secrets are not exported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

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
        self._check_writable(name)
        self.set(name, value, secret=secret or self._is_secret(name), readonly=readonly)

    def set_output(self, step: str, name: str, value: str, *, secret: bool = False) -> None:
        """Set an output variable ``step.name``; it is read-only for other steps.

        Source: ``ExecutionContext.SetVariable`` of azure-pipelines-agent.

        Raises:
            ReadOnlyError: there is a read-only variable ``name``.
        """
        self._check_writable(name)
        output = f"{step}.{name}"
        self.set(output, value, secret=secret or self._is_secret(output), readonly=True)

    def _check_writable(self, name: str) -> None:
        entry = self._entries.get(name.lower())
        if entry is not None and entry.readonly:
            raise ReadOnlyError(name)

    def _is_secret(self, name: str) -> bool:
        entry = self._entries.get(name.lower())
        return entry is not None and self._expand_entry(entry).secret

    def get(self, name: str) -> str | None:
        """Return the value with expanded macros."""
        entry = self._entries.get(name.lower())
        return None if entry is None else self._expand_entry(entry).value

    def __iter__(self) -> Iterator[Entry]:
        """Iterate in the order of first assignment."""
        return iter(self._entries.values())

    def expand(self, text: str) -> str:
        """Replace each ``$(name)`` in ``text``; an unknown name is not replaced.

        As on the agent, names are not trimmed: bash runs the command ``name`` for ``$( name )``.
        """

        def value(match: re.Match[str]) -> str:
            entry = self._entries.get(match[1].lower())
            return match[0] if entry is None else self._expand_entry(entry).value

        return _MACRO.sub(value, text) if "$(" in text else text

    def _expand_entry(self, entry: Entry) -> Entry:
        """Return a variable with expanded macros; as the agent, unchanged if it is circular.

        A variable whose value contains a secret is secret too, and its value is masked. Source:
        ``Variables.RecalculateExpanded`` of azure-pipelines-agent.
        """
        if "$(" not in entry.value:
            return entry
        try:
            value, secret = self._expand_nested(entry, (entry.name.lower(),))
        except _CannotExpand:
            return entry
        if secret:
            self._masker.add(value)
        return replace(entry, value=value, secret=secret)

    def _expand_nested(self, entry: Entry, path: tuple[str, ...]) -> tuple[str, bool]:
        """Return the expanded value, and whether the variable or one in its value is secret."""
        secret = entry.secret

        def expanded(match: re.Match[str]) -> str:
            nonlocal secret
            name = match[1].lower()
            nested = self._entries.get(name)
            if nested is None:
                return match[0]
            if name in path or len(path) >= MAX_DEPTH:
                raise _CannotExpand
            value, is_secret = self._expand_nested(nested, (*path, name))
            secret |= is_secret
            return value

        return _MACRO.sub(expanded, entry.value), secret

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a step: all variables that are not secret."""
        environment = {}
        for entry in map(self._expand_entry, self):
            is_valid = "\0" not in entry.value and "=" not in entry.name and entry.name
            if is_valid and not entry.secret:
                environment[environment_name(entry.name)] = entry.value
        return environment

    def as_object(self) -> Object:
        """Return the value of ``variables`` in expressions."""
        values = {entry.name: entry.value for entry in map(self._expand_entry, self)}
        return Object(values, ignore_case=True)


def environment_name(name: str) -> str:
    """Return the environment variable of a variable: ``Build.Reason`` is ``BUILD_REASON``."""
    return _NOT_IN_NAMES.sub("_", name).upper()
