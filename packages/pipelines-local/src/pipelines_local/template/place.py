"""Where the expander stands in a document: what it can see there, and which lists it is in."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines_local.template.scope import Scope

LISTS = ("stages", "jobs", "steps", "variables")
_DATA = ("inputs", "env", "parameters", "templateContext")


@dataclass(frozen=True)
class Place:
    """Where something is expanded: what is visible, and what kind of list it belongs to."""

    scope: Scope | None  # None: settled
    kind: str  # "root", one of LISTS for their items, "" for anything in between, "data"
    nesting: int

    def inside(self, key: str) -> Place:
        """The place of the value of ``key``."""
        kind = self.kind
        if kind == "data" or key in _DATA:
            kind = "data"
        elif key in LISTS:
            kind = key
        else:
            kind = ""
        return Place(self.scope, kind, self.nesting)

    def settled(self) -> Place:
        """The same place, with nothing left to evaluate."""
        return Place(None, self.kind, self.nesting)

    def seeing(self, scope: Scope | None) -> Place:
        """The same place with other names."""
        return Place(scope, self.kind, self.nesting)
