"""The context of a node during expansion: its visible names and the list that contains it."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines_local.template.scope import Scope

LISTS = ("stages", "jobs", "steps", "variables")
_DATA = ("inputs", "env", "parameters", "templateContext")


@dataclass(frozen=True)
class ExpansionContext:
    """Where a node is expanded.

    Attributes:
        scope: the visible names; None if the node is expanded already.
        kind: ``root``; one of LISTS for the items of that list; ``data`` for free-form values;
            empty elsewhere.
        nesting: depth of nested templates.
    """

    scope: Scope | None
    kind: str
    nesting: int

    def for_key(self, key: str) -> ExpansionContext:
        """The context of the value of ``key``."""
        kind = self.kind
        if kind == "data" or key in _DATA:
            kind = "data"
        elif key in LISTS:
            kind = key
        else:
            kind = ""
        return ExpansionContext(self.scope, kind, self.nesting)

    def without_expressions(self) -> ExpansionContext:
        """The same context for a node without expressions."""
        return ExpansionContext(None, self.kind, self.nesting)

    def with_scope(self, scope: Scope | None) -> ExpansionContext:
        """The same context with other visible names."""
        return ExpansionContext(scope, self.kind, self.nesting)
